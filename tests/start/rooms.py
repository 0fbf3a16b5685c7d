"""The processes of a session as /proc shows them: who they are, what holds them, which descriptors they have."""

import ctypes
import os
import re
import signal
import time
from pathlib import Path

from lib import client, mbox
from lib.suite import check, each, equal, needs, until
from lib.testbed import FRONT_UID, PAM_SERVICE, USERS

ALICE = USERS["alice"][0]
MAIL = 8                                        # group of /var/mail on Debian
PROTOCOLS = (("pop3", "pop3"), ("pop2", "pop2"))


# Before the login.

@needs("root")
@each(*PROTOCOLS)
def test_before_login(bed, protocol):
    pop = getattr(bed, protocol)(login=None)
    rooms = pop.session.rooms()
    check(rooms.front and not rooms.keeper, f"rooms: {rooms}")
    equal(rooms.monitor.uids, [0] * 4, "uids of the monitor")
    check_front(rooms.front)
    client_socket = f"socket:[{pop.session.server_inode}]"
    holders = lambda: [room.pid for room in rooms.all if client_socket in room.descriptors().values()]
    until(lambda: holders() == [rooms.front.pid], "front to be the only one that holds the client")


def check_front(front):
    """uid _restante for good, in an empty directory, with a filter on its system calls."""
    equal(front.uids, [FRONT_UID] * 4, "uids of front")
    equal(front.gids, [FRONT_UID] * 4, "gids of front")
    equal(front.groups, [], "groups of front")
    check(front.root.endswith("/libexec/restante/empty"), f"root of front is {front.root}")
    equal(os.listdir(f"/proc/{front.pid}/root/"), [], "what is in the root of front")


# After it.

@needs("root")
@each(*PROTOCOLS)
def test_identities_after_login(bed, protocol):
    """No process of ours is root, nor can become it again."""
    bed.put(mbox.mailbox(2))
    pop = getattr(bed, protocol)()
    rooms = pop.session.rooms()
    equal(len(rooms.all), 3, f"number of processes, {[room.program for room in rooms.all]}")
    check_front(rooms.front)
    equal(rooms.keeper.uids, [ALICE] * 4, "uids of keeper")
    equal(rooms.keeper.gids, [ALICE] * 4, "gids of keeper")
    equal([group for group in rooms.keeper.groups if group != ALICE], [], "groups of keeper")
    equal(rooms.monitor.uids, [ALICE] * 4, "uids of the monitor")
    check(0 not in rooms.monitor.gids + rooms.monitor.groups, f"groups of the monitor: {rooms.monitor.gids} {rooms.monitor.groups}")
    check(MAIL in rooms.monitor.gids + rooms.monitor.groups, "the monitor cannot make dotlocks")
    pop.quit()


@needs("root", "sandbox")
@each(*PROTOCOLS)
def test_cages_after_login(bed, protocol):
    bed.put(mbox.mailbox(2))
    pop = getattr(bed, protocol)()
    rooms = pop.session.rooms()
    for name in "front", "keeper", "monitor":
        status = getattr(rooms, name).status
        for capabilities in "CapInh", "CapPrm", "CapEff", "CapAmb":
            equal(int(status[capabilities], 16), 0, f"{capabilities} of {name}")
        equal(status["NoNewPrivs"], "1", f"NoNewPrivs of {name}")
        equal(status["Seccomp"], "2", f"Seccomp of {name}")
    pop.quit()


@needs("sandbox")
def test_cages_of_an_ordinary_user(bed):
    """Started without privileges the same rooms stand, under one uid."""
    bed = bed.unprivileged()
    bed.put(mbox.mailbox(2))
    pop = bed.pop3()
    rooms = pop.session.rooms()
    equal(len(rooms.all), 3, "number of processes")
    for room in rooms.all:
        equal(room.uids, [bed.owner] * 4, f"uids of {room.room}")
        equal((room.status["NoNewPrivs"], room.status["Seccomp"]), ("1", "2"), f"NoNewPrivs and Seccomp of {room.room}")
    pop.quit()
    pop.session.finish()


@needs("root")
@each(*PROTOCOLS)
def test_descriptors_after_login(bed, protocol):
    """The table in the man page."""
    path = bed.put(mbox.mailbox(2))
    pop = getattr(bed, protocol)()
    have_listed(pop, protocol)
    rooms = pop.session.rooms()
    log = str(pop.session.log_path)
    client_socket = f"socket:[{pop.session.server_inode}]"

    # front: the client (input and output), monitor, keeper, mailbox, table.
    front = rooms.front.descriptors()
    mailboxes = [fd for fd, target in front.items() if target == str(path)]
    equal(len(mailboxes), 1, f"mailbox descriptors of front, which has {front}")
    equal(rooms.front.access(mailboxes[0]), os.O_RDONLY, "access of front to the mailbox")
    tables = [line for line in Path(f"/proc/{rooms.front.pid}/maps").read_text().splitlines() if "/memfd:" in line]
    equal([line.split()[1] for line in tables], ["r--s"], "the table of messages, mapped in front")
    sockets = {target for target in front.values() if target.startswith("socket:")}
    check(client_socket in sockets and len(sockets) == 3, f"sockets of front, which has {front}")
    allowed_rest(front, {client_socket, *sockets, str(path), log, "/dev/null"}, "front")

    # keeper: no client, and nothing writable but the mailbox and its state.
    keeper = rooms.keeper.descriptors()
    check(client_socket not in keeper.values(), f"keeper holds the client: {keeper}")
    check(str(path) in keeper.values(), f"keeper has no mailbox: {keeper}")
    allowed_rest(keeper, {str(path), str(bed.spool), log, "/dev/null"}, "keeper", prefixes=(str(bed.state), "socket:"))

    # monitor: no client and no mail.
    monitor = rooms.monitor.descriptors()
    check(client_socket not in monitor.values(), f"the monitor holds the client: {monitor}")
    check(str(path) not in monitor.values(), f"the monitor holds the mailbox: {monitor}")
    allowed_rest(monitor, {str(bed.spool), log, "/dev/null", "anon_inode:[signalfd]"}, "monitor", prefixes=("socket:",))
    pop.quit()


def have_listed(pop, protocol):
    """Front is given table and mailbox when a client wants more than numbers."""
    if protocol == "pop3":
        pop.lines("LIST")
    else:
        pop.send("READ 1")
        pop.read_line()


def allowed_rest(descriptors, allowed, room, prefixes=()):
    for fd, target in descriptors.items():
        check(target in allowed or target.startswith(prefixes) or "memfd:" in target, f"{room} holds {fd} -> {target}")


@needs("root")
def test_inherited_descriptors_are_closed(bed):
    """What the starter left open is open in no room."""
    bed.put(mbox.mailbox(1))
    secret = bed.private_file("left-open", "x")
    with open(secret) as left_open:
        session = bed.start("pop3d", pass_fds=[left_open.fileno()])
    pop = client.Pop3(session.stream)
    pop.login("alice", "alicepw")
    for room in session.rooms().all:
        check(str(secret) not in room.descriptors().values(), f"{room.room} inherited {secret}")
    pop.quit()


@needs("root")
def test_mailbox_of_front_is_its_own_open(bed):
    """A lock belongs to an open file description: front's must not be the one that keeper locks."""
    path = bed.put(mbox.mailbox(1))
    pop = bed.pop3()
    have_listed(pop, "pop3")
    rooms = pop.session.rooms()
    (front,) = [fd for fd, target in rooms.front.descriptors().items() if target == str(path)]
    def shared():
        return any(target == str(path) and same_description(rooms.front.pid, front, rooms.keeper.pid, fd)
                   for fd, target in rooms.keeper.descriptors().items())
    until(lambda: not shared(), "keeper to close what it has sent to front", 5)
    pop.quit()


def same_description(pid1, fd1, pid2, fd2):
    """kcmp(2), by number: Python has no name for it."""
    KCMP_FILE, SYS_KCMP = 0, {"x86_64": 312, "aarch64": 272}[os.uname().machine]
    return ctypes.CDLL(None).syscall(SYS_KCMP, pid1, pid2, KCMP_FILE, ctypes.c_ulong(fd1), ctypes.c_ulong(fd2)) == 0


@needs("root")
def test_no_core_dumps(bed):
    bed.put(mbox.mailbox(1))
    pop = bed.pop3()
    for room in pop.session.rooms().all:
        limits = Path(f"/proc/{room.pid}/limits").read_text()
        check(re.search(r"Max core file size +0 +0 ", limits), f"core limit of {room.room}: {limits}")
        equal(os.stat(f"/proc/{room.pid}/mem").st_uid, 0, f"{room.room} is dumpable: owner of its memory")
    pop.quit()


@needs("root")
def test_user_cannot_trace_the_rooms(bed):
    """Same uid, but not dumpable: the user's own programs cannot read front, keeper or monitor."""
    bed.put(mbox.mailbox(1))
    pop = bed.pop3()
    rooms = pop.session.rooms()
    for room in rooms.keeper, rooms.monitor:
        pid = os.fork()
        if pid == 0:
            os.setgroups([])
            os.setgid(ALICE)
            os.setuid(ALICE)
            try:
                open(f"/proc/{room.pid}/mem", "rb").close()
                os._exit(1)
            except PermissionError:
                os._exit(0)
        equal(os.waitpid(pid, 0)[1], 0, f"memory of {room.room} was opened by the user")
    pop.quit()


@needs("root", "sandbox")
@each(("clear", {}), ("tls", {"tls": "first"}), ("stls", {"tls": "stls"}))
def test_password_is_in_no_room_after_login(bed, more):
    """auth is gone, and front and tls have wiped the line."""
    bed.put(mbox.mailbox(1), "erin")
    pop = bed.pop3(login="erin", **more)
    pop.ok("NOOP")
    for room in pop.session.rooms().all:
        check(b"open  sesame" not in memory(room.pid), f"{room.room} still knows the password")
    pop.quit()


def memory(pid):
    """All private writable memory of a process."""
    pieces = []
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb") as octets:
        for line in maps:
            if re.match(r"\S+ rw.p ", line):
                start, end = (int(word, 16) for word in line.split()[0].split("-"))
                octets.seek(start)
                try:
                    pieces.append(octets.read(end - start))
                except OSError:
                    pass                         # a mapping the kernel keeps for itself
    return b"".join(pieces)


# Lives.

def check_all_end(pop, path, mail):
    """The client sees the end, every process ends, the mailbox is as it was."""
    pids = [room.pid for room in pop.session.rooms().all]
    yield pids
    pop.stream.take_all(10)
    pop.session.wait(10)
    until(lambda: not any(os.path.exists(f"/proc/{pid}/exe") and alive(pid) for pid in pids), "the end of all rooms")
    equal(path.read_bytes() == mail, True, "mailbox unchanged")


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


@each(*((f"{room}/{name}", room, number) for room in ("monitor", "front")
        for name, number in (("kill", signal.SIGKILL), ("term", signal.SIGTERM))))
def test_no_room_survives_another(bed, room, number):
    mail = mbox.mailbox(3)
    path = bed.put(mail)
    pop = bed.pop3()
    pop.ok("DELE 1")
    ending = check_all_end(pop, path, mail)
    next(ending)
    getattr(pop.session.rooms(), room).kill(number)
    next(ending, None)
    ends = [line for line in pop.session.log() if line.startswith("session end:")]
    if room != "monitor" or number != signal.SIGKILL:
        equal(len(ends), 1, f"session ends in {pop.session.log()}")


@each(("kill", signal.SIGKILL), ("term", signal.SIGTERM))
def test_session_without_its_keeper_deletes_nothing(bed, number):
    """Whether the connection ends at once or only QUIT says so."""
    mail = mbox.mailbox(3)
    path = bed.put(mail)
    pop = bed.pop3()
    pop.ok("DELE 1")
    pop.session.rooms().keeper.kill(number)
    pop.send("QUIT")
    said = pop.stream.take_all(10)
    check(said in (b"", b"-ERR [SYS/TEMP] deleted messages were not removed\r\n"), f"got {said!r}")
    equal(pop.session.wait(10), 0, "exit status")
    equal(path.read_bytes(), mail, "mailbox")


@each(("kill", signal.SIGKILL), ("term", signal.SIGTERM))
def test_end_of_the_monitor_before_login(bed, number):
    pop = bed.pop3(login=None)
    pids = [room.pid for room in pop.session.rooms().all]
    pop.session.rooms().monitor.kill(number)
    pop.stream.take_all(10)
    until(lambda: not any(alive(pid) for pid in pids), "the end of all rooms")


def test_end_of_front_before_login(bed):
    pop = bed.pop3(login=None)
    pop.session.rooms().front.kill()
    pop.stream.take_all(10)
    equal(pop.session.wait(10), 0, "exit status")


def test_auth_is_gone_after_the_login(bed):
    pop = bed.pop3()
    until(lambda: pop.session.rooms().auth is None, "the end of auth")
    pop.quit()
    pop.session.finish()


@needs("root")
def test_auth_never_holds_the_client(bed):
    """While a module of PAM waits, look at auth."""
    Path("/etc/pam.d/pop3-slow").write_text("auth required pam_exec.so quiet /bin/sleep 3\n" + PAM_SERVICE)
    pop = bed.pop3("--pam-service=pop3-slow", login=None)
    pop.send("USER alice")
    pop.read_line()
    pop.send("PASS wrong")
    client_socket = f"socket:[{pop.session.server_inode}]"
    seen = 0
    deadline = time.monotonic() + 10
    while seen < 3 and time.monotonic() < deadline:
        try:
            auth = pop.session.rooms().auth
            if auth:
                seen += 1
                check(client_socket not in auth.descriptors().values(), "auth holds the client")
        except OSError:
            pass                                 # it ended while we looked
    check(seen, "auth was never seen")
    equal(pop.read_line(), "-ERR [AUTH] authentication failed", "reply")
