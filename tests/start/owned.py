"""Rooms that are owned, and what they cannot get the others to do: a caged room sends what its place in the contract
allows, but lies."""

import struct
from pathlib import Path

from lib import mbox, server
from lib.inside import Died, Inside, refused
from lib.suite import check, each, equal, needs, until
from lib.testbed import FRONT_UID
from start import contract

UNAVAILABLE = "-ERR [SYS/TEMP] authentication is not available, try again later"
ACCEPTED, REFUSED = 0, 1                                        # enum outcome
FRONT = 3                                                       # the child's wire to front
FAREWELL, ASK_AUTH = 28, 1                                      # enum frame_type


# The child of auth that hears the client.

def caged_child(pop):
    """The process of auth that has a filter and waits for the client's words."""
    def find():
        for room in pop.session.rooms().all:
            if (room.room or "").startswith("auth") and room.status.get("Seccomp") == "2" and \
                    Path(f"/proc/{room.pid}/wchan").read_text() not in ("", "0"):
                return room
        return None
    until(lambda: find() is not None, "auth in its cage")
    return find()


def proof(outcome, name, password="", unproven=0, asks=0):
    """struct proof of auth/proof.h."""
    return struct.pack("iI4sIIq256s256s512s512s", outcome, 0, b"", asks, unproven, 1, name.encode(), name.encode(), password.encode(), b"")


def bring(child, *words):
    """The child hands its parent the words and ends well. Front hears of it behind the client's next line."""
    answer, = [fd for fd, target in child.descriptors().items() if target.startswith("socket:") and fd != FRONT]
    try:
        with Inside(child.pid) as inside:
            for octets in words:
                inside.call("write", answer, octets, len(octets))
            inside.call("exit_group", 0)
    except Died as died:
        equal(died.signal, 0, "the child ends well")


@needs("root", "sandbox")
@each(("PLAIN", "PLAIN"), ("LOGIN", "LOGIN"))
def test_who_asks_for_a_password_proves_nothing(bed, mechanism):
    """A child that passes a password on to PAM cannot say that somebody needs none."""
    bed.put(mbox.mailbox(2), "bob")
    pop = bed.pop3(login=None)
    pop.ask(f"AUTH {mechanism}")
    bring(caged_child(pop), proof(ACCEPTED, "bob"))
    equal(pop.ask("eA=="), UNAVAILABLE, "the login")
    pop.expect("QUIT", "+OK bye")
    check(not any(line.startswith("login: ") for line in pop.session.log()), pop.session.log())


@needs("root", "sandbox")
def test_who_takes_proofs_brings_no_password(bed):
    """One that speaks a mechanism without passwords cannot have PAM try one, where none may be sent."""
    secrets = bed.private_file("secrets", "alice\tsecret\n")
    bed.put(mbox.mailbox(2), "bob")
    pop = bed.pop3("--plaintext=never", f"--secrets={secrets}", login=None)
    pop.ask("AUTH CRAM-MD5")
    bring(caged_child(pop), proof(REFUSED, "bob", "bobpw", unproven=1))
    equal(pop.ask("eA=="), UNAVAILABLE, "the login")


@needs("root", "sandbox")
@each(("asks_for_another", [proof(ACCEPTED, "alice", asks=1), proof(ACCEPTED, "bob")]),
      ("asks_twice", [proof(ACCEPTED, "alice", asks=1), proof(ACCEPTED, "bob", asks=1), proof(ACCEPTED, "bob")]),
      ("asks_with_a_password", [proof(REFUSED, "bob", "bobpw", unproven=1, asks=1), proof(ACCEPTED, "bob")]),
      ("part_of_a_proof", [proof(ACCEPTED, "bob")[:-1]]),
      ("no_end_of_a_name", [proof(ACCEPTED, "b" * 256)]),
      ("no_such_outcome", [proof(99, "bob")]))
def test_questions_of_the_child(bed, words):
    """It may ask once whether somebody would be let in; the answer is for him alone."""
    secrets = bed.private_file("secrets", "alice\tsecret\n")
    bed.put(mbox.mailbox(2), "bob")
    pop = bed.pop3(f"--secrets={secrets}", login=None)
    pop.ask("AUTH CRAM-MD5")
    bring(caged_child(pop), *words)
    equal(pop.ask("eA=="), UNAVAILABLE, "the login")
    check(not any(line.startswith("login: ") for line in pop.session.log()), pop.session.log())


@needs("root", "sandbox")
def test_honest_proofs(bed):
    """The same way, without a lie, is what a login is."""
    bed.put(mbox.mailbox(2), "bob")
    pop = bed.pop3(login=None)
    pop.ask("AUTH PLAIN")
    bring(caged_child(pop), proof(REFUSED, "bob", "bobpw", unproven=1))
    check(pop.ask("eA==").startswith("+OK maildrop has 2 messages"), "bob with his password")


# What such a child has and may do.

CAGED = ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256")
TRIED = {
    "read_a_file": ("openat", -100, b"/etc/shadow", 0, 0),
    "run_a_program": ("execve", b"/bin/sh", 0, 0),
    "fork": ("clone", 17, 0, 0, 0, 0),
    "unix_socket": ("socket", 1, 1, 0),
    "inet_socket": ("socket", 2, 1, 0),
    "trace_its_parent": lambda parent: ("ptrace", 16, parent, 0, 0),
    "kill_its_parent": lambda parent: ("kill", parent, 9),
    "write_memory_of_its_parent": lambda parent: ("process_vm_writev", parent, 0, 0, 0, 0, 0),
    "become_root": ("setuid", 0),
    "untie_its_life": ("prctl", 1, 0, 0, 0, 0),
}


def begin(bed, mechanism):
    bed.put(mbox.mailbox(2))
    secrets = bed.private_file("secrets", "alice\tsecret\n")
    pop = bed.pop3(f"--secrets={secrets}", login=None)
    pop.send(f"AUTH {mechanism}")
    return pop, caged_child(pop)


@needs("root", "sandbox")
@each(*((mechanism, mechanism) for mechanism in CAGED))
def test_what_the_caged_child_is(bed, mechanism):
    """_restante, with the wire to front and the one to its parent; the parent is root, and has no wire to front."""
    pop, child = begin(bed, mechanism)
    equal((child.uids, child.gids, child.groups), ([FRONT_UID] * 4, [FRONT_UID] * 4, []), "who it is")
    for name in "CapInh", "CapPrm", "CapEff", "CapAmb":
        equal(int(child.status[name], 16), 0, name)
    equal(child.status["NoNewPrivs"], "1", "NoNewPrivs")
    kinds = sorted(target.split(":")[0] for target in child.descriptors().values())
    equal(kinds, ["/dev/null"] * 3 + ["socket"] * 2, f"what it has open: {child.descriptors()}")
    parent = server.Process(int(child.status["PPid"]))
    equal(parent.uids, [0] * 4, "its parent")
    kinds = sorted(target.split(":")[0] for target in parent.descriptors().values())
    equal(kinds, ["/dev/null"] * 3 + ["socket"] * 2, f"what its parent has open: {parent.descriptors()}")
    check(not set(contract.sockets(child)) & set(contract.sockets(parent)), "a wire that both hold")
    pop.stream.close()
    pop.session.wait(10)


@needs("root", "sandbox")
@each(*((f"{mechanism}/{name}", mechanism, call) for mechanism in ("PLAIN", "SCRAM-SHA-256") for name, call in TRIED.items()))
def test_caged_child(bed, mechanism, call):
    pop, child = begin(bed, mechanism)
    arguments = call(int(child.status["PPid"])) if callable(call) else call
    equal(refused(child.pid, *arguments), "SIGSYS", "refused by")
    pop.stream.close()
    equal(pop.session.wait(10), 0, "exit status")


# Front.

@needs("root", "sandbox", "ss")
@each(("once_more", FAREWELL), ("a_login", ASK_AUTH))
def test_nothing_behind_the_farewell(bed, kind):
    """A login behind the last word would be neither counted nor logged, and SCRAM would still tell whether the
    password was right."""
    rows = {row.type: row for row in contract.read_rows(bed)}
    pop = bed.pop3(login=None)
    rooms = pop.session.rooms()
    fd = contract.wire(rooms.front, rooms.monitor)
    try:
        with Inside(rooms.front.pid) as front:
            for word in FAREWELL, kind:
                front.send(fd, contract.frame(word, rows[word].size))
    except Died:
        pass                                                    # with its monitor
    pop.stream.take_all(10)
    equal(pop.session.wait(10), 0, "exit status")
    lines = [line for line in pop.session.log() if line.startswith("ended: ")]
    equal(len(lines), 1, f"lines in {pop.session.log()}")
    check("behind its last word" in lines[0], lines[0])


ASK_TLS, PEER, PLAINTEXT, APOP = 29, 2, 3, 1
STRANGER = "--plaintext=never"


@needs("root", "sandbox", "ss")
@each(("tls_that_is_not_offered", ASK_TLS, 0, (), None), ("tls_twice", ASK_TLS, 0, (), "first"), ("a_proxy_that_there_is_not", PEER, 0, (), None),
      ("a_password_that_may_not_be_sent", ASK_AUTH, 0, (STRANGER,), None), ("a_mechanism_without_its_key", ASK_AUTH, APOP, (), None))
def test_front_asks_for_what_it_may_not_have(bed, kind, word, options, tls):
    """Well-formed and in its phase, but not on this connection."""
    rows = {row.type: row for row in contract.read_rows(bed)}
    pop = bed.pop3(*options, login=None, **({"tls": tls} if tls else {}))
    rooms = pop.session.rooms()
    fd = contract.wire(rooms.front, rooms.monitor)
    octets = bytearray(contract.frame(kind, rows[kind].size))
    octets[8:9] = bytes([word]) if len(octets) > 8 else b""
    try:
        with Inside(rooms.front.pid) as front:
            front.send(fd, bytes(octets))
    except Died:
        pass                                                    # with its monitor
    pop.stream.take_all(10)
    equal(pop.session.wait(10), 0, "exit status")
    lines = [line for line in pop.session.log() if line.startswith("ended: ")]
    equal(len(lines), 1, f"lines in {pop.session.log()}")


@needs("root", "sandbox", "ss")
def test_front_fills_the_log(bed):
    """It may tell of logins that were refused unheard; three of them are told."""
    rows = {row.type: row for row in contract.read_rows(bed)}
    pop = bed.pop3(STRANGER, login=None)
    rooms = pop.session.rooms()
    fd = contract.wire(rooms.front, rooms.monitor)
    with Inside(rooms.front.pid) as front:
        for _ in range(50):
            front.send(fd, contract.frame(PLAINTEXT, rows[PLAINTEXT].size))
    pop.expect("QUIT", "+OK bye")
    pop.session.finish()
    equal(len([line for line in pop.session.log() if "reason=plaintext" in line]), 3, f"lines in {pop.session.log()}")
