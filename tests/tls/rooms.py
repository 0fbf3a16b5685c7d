"""The tls room as /proc shows it, and what it may do: the man page's tables."""

import os
import socket

from lib import mbox, testbed, tls
from lib.inside import refused
from lib.suite import check, each, equal, limit, needs, until
from start import cages, rooms

WAYS = (("stls", "stls"), ("first", "first"))


def check_confined(room):
    """_restante, no capability, both cages."""
    equal(room.uids, [testbed.FRONT_UID] * 4, "uids of tls")
    equal(room.gids, [testbed.FRONT_UID] * 4, "gids of tls")
    equal(room.groups, [], "groups of tls")
    for capabilities in "CapInh", "CapPrm", "CapEff", "CapAmb":
        equal(int(room.status[capabilities], 16), 0, f"{capabilities} of tls")
    equal((room.status["NoNewPrivs"], room.status["Seccomp"]), ("1", "2"), "NoNewPrivs and Seccomp of tls")
    equal(os.stat(f"/proc/{room.pid}/mem").st_uid, 0, "owner of the memory of tls: it is dumpable")


def sockets(room):
    return {target for target in room.descriptors().values() if target.startswith("socket:")}


@needs("root", "sandbox", "openssl")
@each(*WAYS)
def test_identity_and_descriptors(bed, how):
    """tls has the client, front and the monitor; nobody else has the client, nor anybody the key's file."""
    path = bed.put(mbox.mailbox(2))
    pop = bed.pop3(tls=how)
    everybody = pop.session.rooms()
    equal(len(everybody.all), 4, f"processes, {[room.program for room in everybody.all]}")
    check_confined(everybody.tls)
    inode = f"socket:[{pop.session.server_inode}]"
    equal([room.room for room in everybody.all if inode in room.descriptors().values()], ["tls"], "who has the client")
    descriptors = everybody.tls.descriptors()
    check(inode in sockets(everybody.tls) and len(sockets(everybody.tls)) == 3, f"tls has {descriptors}")
    rooms.allowed_rest(descriptors, {"/dev/null", *sockets(everybody.tls)}, "tls")
    front = everybody.front.descriptors()
    equal({fd: front[fd] for fd in (0, 1, 2)}, dict.fromkeys((0, 1, 2), "/dev/null"), "what stands where the client was")
    equal(len(sockets(everybody.front)), 3, f"sockets of front: stream, monitor, keeper; it has {front}")
    rooms.allowed_rest(front, {"/dev/null", str(path), *sockets(everybody.front)}, "front")
    monitor = everybody.monitor.descriptors()
    equal(len(sockets(everybody.monitor)), 3, f"sockets of the monitor: front, keeper, tls; it has {monitor}")
    pop.quit()
    pop.session.finish()


@needs("root", "network", "sandbox", "openssl")
def test_caged_before_it_has_the_client(bed):
    """Front still waits for the proxy's header: tls has its key, but is nobody already, and has no client."""
    session = bed.start("pop3d", "--proxy=192.0.2.1", *tls.options(bed), "--tls", how="tcp", address=testbed.PUBLIC_ADDRESS)
    room = until(lambda: caged(session.rooms().tls), "tls in its cage")
    check_confined(room)
    inode = f"socket:[{session.server_inode}]"
    equal([each.room for each in session.rooms().all if inode in each.descriptors().values()], ["front"], "who has the client")
    equal(len(sockets(room)), 3, f"sockets of tls: front, monitor, stream; it has {room.descriptors()}")
    session.stream.close()
    session.wait(10)


def caged(room):
    return room if room and room.status["Seccomp"] == "2" else None


@needs("root", "sandbox", "openssl")
@each(*WAYS)
def test_password_is_in_no_room_after_login(bed, how):
    """Neither front nor tls keeps what went through it."""
    bed.put(mbox.mailbox(1), "erin")
    pop = bed.pop3(tls=how, login="erin")
    pop.ok("NOOP")
    for room in pop.session.rooms().all:
        check(b"open  sesame" not in rooms.memory(room.pid), f"{room.room} still knows the password")
    pop.quit()
    pop.session.finish()


@needs("root", "sandbox", "openssl")
def test_key_is_in_tls_alone(bed):
    pop = bed.pop3(tls="first")
    secret = private_number(bed)
    holders = [room.room for room in pop.session.rooms().all if secret in rooms.memory(room.pid)]
    check(holders in ([], ["tls"]), f"the private key is in {holders}")
    pop.quit()
    pop.session.finish()


def private_number(bed):
    """The secret number of the P-256 key, as it stands in its PKCS#8 form."""
    import base64
    lines = bed.place.authority().certificate("chain")[1].read_text().split("\n")
    octets = base64.b64decode("".join(line for line in lines if not line.startswith("-")))
    begin = octets.index(b"\x02\x01\x01\x04\x20") + 5
    return octets[begin:begin + 32]


TRIES = {
    **{name: (call, cages.KILLED) for name, call in cages.EVERYWHERE.items()},
    "read_the_key": (lambda bed, room: cages.read_of(bed.dir / "chain.key"), cages.NO_FILE),
    "read_etc_passwd": (cages.read_of("/etc/passwd"), cages.NO_FILE),
    "unix_socket": (("socket", socket.AF_UNIX, socket.SOCK_STREAM, 0), cages.KILLED),
    "fork": (("clone", 17, 0, 0, 0, 0), cages.KILLED),
    "trace_front": (lambda bed, all: ("ptrace", cages.PTRACE_ATTACH, all.front.pid, 0, 0), cages.KILLED),
    "kill_front": (lambda bed, all: ("kill", all.front.pid, 9), cages.KILLED),
    "connect": (("connect", 4, b"\2\0", 16), cages.KILLED),
}


@needs("root", "sandbox", "openssl")
@limit(120)
@each(*((name, *case) for name, case in TRIES.items()))
def test_cage(bed, call, allowed):
    """From inside, each call that it must not make; the session ends with it and nothing is removed."""
    path = bed.put(mbox.mailbox(2))
    pop = bed.pop3(tls="first")
    everybody = pop.session.rooms()
    arguments = call(bed, everybody) if callable(call) else call
    how = refused(everybody.tls.pid, *arguments)
    check(how in allowed, f"tls made {arguments}: {how or 'it succeeded'}")
    pop.stream.close()
    pop.session.wait(10)
    equal(path.read_bytes(), mbox.mailbox(2), "mailbox")


@needs("sandbox", "openssl")
@each(*WAYS)
def test_of_an_ordinary_user(bed, how):
    """The same room under one uid."""
    bed = bed.unprivileged()
    bed.put(mbox.mailbox(2))
    pop = bed.pop3(tls=how)
    everybody = pop.session.rooms()
    equal(len(everybody.all), 4, "processes")
    for room in everybody.all:
        equal(room.uids, [bed.owner] * 4, "uids")
        equal((room.status["NoNewPrivs"], room.status["Seccomp"]), ("1", "2"), "NoNewPrivs and Seccomp")
    pop.quit()
    pop.session.finish()


@needs("root", "openssl")
def test_plain_connections_start_nothing(bed):
    """The library costs those who ask for it alone."""
    bed.put(mbox.mailbox(1))
    pop = bed.pop3(*tls.options(bed))
    for room in pop.session.rooms().all:
        with open(f"/proc/{room.pid}/maps") as maps:
            check("libssl" not in maps.read(), f"{room.room} has loaded the library")
    equal(len(pop.session.rooms().all), 3, "processes")
    pop.quit()
    pop.session.finish()
