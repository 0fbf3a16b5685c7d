"""The contract between the rooms, broken from both sides in every phase.

A room is made to send what it may not: frames that no row permits there, too short, too long, of another version or an
unknown type, with a descriptor too many. Whoever gets one ends the session: one line in the log, no process left, no
process born, the mailbox untouched.
"""

import os
import re
import signal
import struct
import subprocess

from lib import mbox, server
from lib.inside import Died, Inside
from lib.suite import check, each, equal, limit, needs, until

ROOMS = ("monitor", "front", "auth", "keeper", "tls")            # enum room
GREETED, LOGIN, SESSION, CLOSED, OPEN, DIALOGUE, COUNTED = 1, 2, 4, 8, 16, 64, 512    # enum phase
VERSION = 3
HEAD = 8                                                        # octets of type and version

# Who speaks, who listens, when, and the phase of the listener then.
SCENES = (
    ("front_to_monitor/before_login", "front", "monitor", "greeted", GREETED),
    ("front_to_monitor/in_the_login", "front", "monitor", "named", LOGIN),
    ("front_to_monitor/in_the_session", "front", "monitor", "session", SESSION),
    ("front_to_auth", "front", "auth", "named", LOGIN),
    ("front_to_hearer", "front", "hearer", "saying", DIALOGUE),
    ("front_to_keeper/counted", "front", "keeper", "session", COUNTED),
    ("front_to_keeper/listed", "front", "keeper", "listed", OPEN),
    ("keeper_to_monitor", "keeper", "monitor", "session", SESSION),
    ("keeper_to_front", "keeper", "front", "session", SESSION),
    ("auth_to_monitor", "auth", "monitor", "named", LOGIN),
    ("monitor_to_front/before_login", "monitor", "front", "greeted", GREETED),
    ("monitor_to_keeper", "monitor", "keeper", "session", COUNTED),
    ("tls_to_monitor", "tls", "monitor", "encrypted", SESSION),
)


class Row:
    def __init__(self, words):
        self.type, self.size, self.receiver, self.phases, self.fds = (int(word) for word in words)


def read_rows(bed):
    tool = bed.place.build / "tests/tools/rows"
    text = subprocess.run([tool], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, timeout=30).stdout
    return [Row(line.split()) for line in text.splitlines()]


def frame(kind, size, version=VERSION):
    return struct.pack("II", kind, version) + bytes(max(0, size - HEAD))


def breaches(rows, receiver, phase):
    """(what is wrong, octets, descriptors) of every frame that must not be taken."""
    for row in rows:
        allowed = ROOMS[row.receiver] == receiver and row.phases & phase
        if not allowed:
            yield f"type {row.type} out of turn", frame(row.type, row.size), 0
            continue
        yield f"type {row.type} short by one", frame(row.type, row.size)[:row.size - 1], 0
        yield f"type {row.type} long by one", frame(row.type, row.size) + b"\0", 0
        yield f"type {row.type} of another version", frame(row.type, row.size, VERSION + 1), 0
        yield f"type {row.type} with a descriptor too many", frame(row.type, row.size), row.fds + 1
    yield "no such type", frame(max(row.type for row in rows) + 1, HEAD), 0
    yield "type 0", frame(0, HEAD), 0
    yield "one octet", b"\1", 0
    yield "64 KiB", frame(1, 65536), 0


def peers():
    """{inode of a socket: inode of its other end}, of all Unix sockets of this namespace."""
    text = subprocess.run(["ss", "-xaH"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, timeout=20).stdout
    pairs = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 8 and words[-1].isdigit() and words[-3].isdigit():
            pairs[int(words[-3])] = int(words[-1])
    return pairs


def sockets(process):
    return {int(match[1]): fd for fd, target in process.descriptors().items() if (match := re.fullmatch(r"socket:\[(\d+)\]", target))}


def wire(speaker, listener):
    """The speaker's descriptor of the wire between the two."""
    there, other_end = sockets(listener), peers()
    found = [fd for inode, fd in sockets(speaker).items() if other_end.get(inode) in there]
    check(len(found) >= 1, f"no wire from {speaker.room} to {listener.room}: {sockets(speaker)} {there}")
    return found[0]


def open_scene(bed, stage):
    path = bed.put(mbox.mailbox(2))
    logged_in = stage in ("session", "listed", "encrypted")
    pop = bed.pop3(login="alice" if logged_in else None, **({"tls": "first"} if stage == "encrypted" else {}))
    if stage == "listed":
        pop.lines("LIST")
    if stage == "named":
        pop.ok("USER alice")
        until(lambda: waiting_auth(pop) is not None, "auth waits for the password")
    if stage == "saying":
        pop.ask("AUTH PLAIN")
        until(lambda: hearer(pop.session.rooms()) is not None, "auth's child in its cage")
    return path, pop


def hearer(rooms):
    """The child of auth that hears the client; it is the one with a filter."""
    caged = [room for room in rooms.all if os.path.basename(room.program) == "auth" and room.status.get("Seccomp") == "2"]
    return caged[0] if caged else None


def waiting_auth(pop):
    auth = pop.session.rooms().auth
    if auth is None or open(f"/proc/{auth.pid}/wchan").read() in ("", "0"):
        return None
    return auth


def breach(bed, speaker, listener, stage, octets, extra):
    """Sends it; returns what the log says of the end."""
    path, pop = open_scene(bed, stage)
    rooms = pop.session.rooms()
    before = {room.pid for room in rooms.all}
    mouth = getattr(rooms, speaker)
    ear = hearer(rooms) if listener == "hearer" else getattr(rooms, listener)
    ear.room = listener
    fd = wire(mouth, ear)
    try:
        with Inside(mouth.pid) as inside:
            sent = inside.send(fd, octets, [fd] * extra)
            check(sent == len(octets), f"{speaker} could not send: {sent}")
    except Died as died:
        equal(died.signal, signal.SIGKILL, "the speaker dies with its monitor")
    if listener == "front":                       # which listens when it has asked something
        pop.send("UIDL" if stage == "session" else "USER alice")
    elif speaker == "monitor":                    # keeper, too
        pop.stream.send(b"DELE 1\r\nQUIT\r\n")
    pop.stream.take_all(10)
    equal(pop.session.wait(10), 0, "exit status")
    born = set(server.descendants(os.getpid())) - before - {pop.session.pid}
    check(not born & set(server.descendants(pop.session.pid)), f"processes were born: {born}")
    equal(path.read_bytes(), mbox.mailbox(2), "mailbox")
    return [line for line in pop.session.log() if line.startswith(("error:", "ended:", "warning:"))]


@needs("root", "sandbox", "ss")
@limit(240)
@each(*SCENES)
def test_breach(bed, speaker, listener, stage, phase):
    for what, octets, extra in breaches(read_rows(bed), "auth" if listener == "hearer" else listener, phase):
        if extra > 32:
            continue                              # no room can send more
        lines = breach(bed, speaker, listener, stage, octets, extra)
        check(len(lines) == 1, f"{what}: the log says {lines}")
        check(lines[0].startswith(("error:", "ended:")), f"{what}: the log says {lines}")
