"""A machine with systemd as PID 1 and the shipped units, enabled as README says: what runs there, as whom, in which cage."""

import grp
import os
import re
import signal
import socket
import time
from pathlib import Path

from lib import client, inside, maildir, mbox, server
from lib.suite import Skip, check, each, equal, limit, needs, until
from lib.testbed import PUBLIC_ADDRESS, ROOT_PASSWORD, USERS

MAIL = mbox.mailbox(3, 2000)
MESSAGES = mbox.parse(MAIL)
ALICE = USERS["alice"][0]
MAIL_GROUP = grp.getgrnam("mail").gr_gid
PROTOCOLS = (("pop3", "pop3d"), ("pop2", "pop2d"))
MACHINE = ("root", "network", "sandbox", "nspawn")
TRACED = (*MACHINE, "strace")


def begin(machine, program, login="alice"):
    talk = (client.Pop3 if program == "pop3d" else client.Pop2)(machine.connect(program))
    if login:
        talk.login(login, USERS[login][1])
    return talk


def ended(machine, since, program, count, reason):
    """The ends of sessions that the journal tells, when there are so many."""
    ends = lambda: [line for line in machine.log(since, program) if line.startswith("session end: ")]
    until(lambda: len(ends()) >= count, f"{count} sessions to end")
    equal([re.search(r"reason=(\w+)", line)[1] for line in ends()], [reason] * count, "how sessions ended")
    return ends()


@needs(*MACHINE)
@limit(90)
@each(*PROTOCOLS)
def test_login(bed, program):
    """By password, pam_unix, the PAM service as shipped."""
    machine = bed.machine()
    bed.put(MAIL)
    since = machine.mark()
    pop = begin(machine, program)
    if program == "pop3d":
        equal([pop.retr(number) for number in (1, 2, 3)], [message.wire() for message in MESSAGES], "messages")
        pop.ok("DELE 1")
    else:
        equal(pop.retr(pop.read()), MESSAGES[0].wire(), "message 1")
        pop.ackd()
    pop.quit()
    equal(bed.mailbox().read_bytes(), MESSAGES[1].raw + MESSAGES[2].raw, "the mailbox")
    end, = ended(machine, since, program, 1, "quit")
    check(" deleted=1 " in end, end)
    equal(machine.log(since, program)[0],
          'login: peer=127.0.0.1 method=%s user="alice"' % ("PASS" if program == "pop3d" else "HELO"), "log")


@needs(*MACHINE)
@limit(90)
@each(("wrong_password", "alice", "wrong"), ("unknown", "nobody-of-that-name", "x"), ("locked", "carol", "carolpw"),
      ("expired", "dave", "davepw"), ("root", "root", ROOT_PASSWORD))
def test_refused(bed, user, password):
    """One answer for all of them, and no sooner than two seconds: Debian's own delay is not added."""
    machine = bed.machine()
    since = machine.mark()
    pop = begin(machine, "pop3d", login=None)
    pop.expect(f"USER {user}", "+OK send PASS")
    begun = time.monotonic()
    pop.expect(f"PASS {password}", "-ERR [AUTH] authentication failed")
    took = time.monotonic() - begun
    check(1.9 < took < 4.5, f"it took {took:.1f} s instead of 2")
    pop.quit()
    until(lambda: len(machine.log(since, "pop3d")) > 1, "the log")
    equal(machine.log(since, "pop3d")[0], f'login failed: peer=127.0.0.1 method=PASS attempt=1 reason=refused user="{user}"', "log")


@needs(*MACHINE)
@limit(90)
def test_boot(bed):
    """Everything that was enabled has come up, in an order that systemd found no fault with."""
    machine = bed.machine()
    equal(machine.run("systemctl", "is-active", "pop3.socket", "pop2.socket").split(), ["active"] * 2, "the sockets")
    equal(machine.run("systemctl", "show", "-P", "Result", "restante-recover.service").strip(), "success", "recovery")
    equal(machine.run("systemctl", "list-units", "--failed", "--plain", "--no-legend", "pop*", "restante*"), "", "failed units")
    boot = machine.run("journalctl", "-q", "-b", "-o", "cat")
    for complaint in re.findall(r".*(?:ordering cycle|Unknown key|Unknown lvalue|Failed to parse).*", boot):
        check(not re.search("pop|restante", complaint), complaint)
    text = machine.run("stat", "-c", "%a %U %G", "/var/lib/restante").strip()
    equal(text, "771 root _restante", "the state directory that tmpfiles.d made")


@needs(*MACHINE)
@limit(90)
@each(*PROTOCOLS)
def test_rooms(bed, program):
    """Each room as /proc tells: uid, root, capabilities, no way back, system calls filtered."""
    machine = bed.machine()
    bed.put(MAIL)
    uid, gid = (int(machine.run("id", flag, "_restante")) for flag in ("-u", "-g"))
    pop = begin(machine, program, login=None)
    rooms, = machine.monitors(program)
    check_front(rooms.front, uid, gid)
    equal(rooms.monitor.uids, [0] * 4, "uids of the monitor before the login")
    pop.login("alice", "alicepw")
    rooms, = machine.monitors(program)
    check_front(rooms.front, uid, gid)
    for room in rooms.monitor, rooms.keeper:
        equal(room.uids, [ALICE] * 4, f"uids of the {room.room}")
    for room in rooms.front, rooms.monitor, rooms.keeper:
        for name in "CapInh", "CapPrm", "CapEff", "CapAmb":
            equal(int(room.status[name], 16), 0, f"{name} of {room.room}")
        equal((room.status["NoNewPrivs"], room.status["Seccomp"]), ("1", "2"), f"NoNewPrivs and Seccomp of {room.room}")
    pop.quit()


@needs(*MACHINE)
@limit(90)
def test_folders(bed):
    """FOLD through the shipped units: spellings of the own spool path, folders in the home of either format, and what
    is none; each with its own deletions."""
    machine = bed.machine()
    bed.put(MAIL)
    bed.put(MAIL, "bob", mode=0o666)
    home = Path("/home/alice/mail")
    give = lambda path: os.chown(path, ALICE, ALICE)
    home.mkdir(mode=0o700)
    give(home)
    maildir.make(home / "tree", mbox.mailbox(2), give)
    for name, data in (("work", MAIL), ("full", MAIL)):
        (home / name).write_bytes(data)
        (home / name).chmod(0o600)
        give(home / name)
    (home / "link").symlink_to("/etc/passwd")
    since = machine.mark()
    pop = begin(machine, "pop2d")
    for name in "INBOX", "inbox", "/var/mail/alice", "/var/../var/mail//alice", "/var/spool/mail/alice":
        equal(pop.fold(name), 3, name)
    for name in ("/etc/passwd", "../../etc/passwd", "/var/mail/bob", "/home/alice/mail", "/proc/self/mem", "link", "missing",
                 "/home/bob/mail/work", "work.lock", "~/mail/work"):
        equal(pop.fold(name), 0, name)
        equal(pop.read(1), 0, f"what is read of {name}")
    for name, count in (("work", 3), ("/home/alice/mail/full", 3), ("tree", 2)):
        equal(pop.fold(name), count, name)
        check(pop.retr(pop.read(1)), name)
        pop.ackd()
    pop.quit()
    ended(machine, since, "pop2d", 1, "quit")
    equal([line for line in machine.log(since, "pop2d") if line.startswith(("warning", "error"))], [], "warnings")
    for path in home / "work", home / "full":
        equal(path.read_bytes(), MESSAGES[1].raw + MESSAGES[2].raw, str(path))
    equal(len(maildir.read(home / "tree")), 1, "messages in the Maildir")
    equal((bed.mailbox().read_bytes(), bed.mailbox("bob").read_bytes()), (MAIL, MAIL), "the maildrops")
    equal(sorted(path.name for path in home.iterdir()), ["full", "link", "tree", "work"], "what is there")


def check_front(front, uid, gid):
    equal((front.uids, front.gids, front.groups), ([uid] * 4, [gid] * 4, []), "who front is")
    check(front.root.endswith("/libexec/restante/empty"), f"the root of front is {front.root}")
    equal(os.listdir(f"/proc/{front.pid}/root/"), [], "what is in the root of front")
    equal((front.status["NoNewPrivs"], front.status["Seccomp"]), ("1", "2"), "NoNewPrivs and Seccomp of front")


@needs(*MACHINE)
@limit(90)
@each(*PROTOCOLS)
def test_landlock(bed, program):
    """In each room a file that anybody may open cannot be opened, also when its filter of calls is out of the way: a
    unit whose own filter refuses the Landlock calls would leave the rooms open without a word."""
    machine = bed.machine()
    bed.put(MAIL)
    pop = begin(machine, program)
    rooms, = machine.monitors(program)
    for room, path in (rooms.front, b"/"), (rooms.monitor, b"/etc/passwd"), (rooms.keeper, b"/etc/passwd"):
        equal(inside.refused(room.pid, "openat", 0, path, os.O_RDONLY, unfiltered=True), "EACCES", f"{room.room} opening {path}")
        equal(inside.refused(room.pid, "getpid", unfiltered=True), "", f"{room.room} with its filter asleep")
    pop.quit()


@needs(*MACHINE)
@limit(90)
@each(*PROTOCOLS)
def test_filter(bed, program):
    """A call that no room makes is the end of the room that makes it."""
    machine = bed.machine()
    bed.put(MAIL)
    for name in "front", "monitor", "keeper":
        pop = begin(machine, program)
        rooms, = machine.monitors(program)
        equal(inside.refused(getattr(rooms, name).pid, "setuid", 0), "SIGSYS", f"setuid in {name}")
        pop.stream.take_all()
        until(lambda: not machine.monitors(program), "the other rooms to end")
    equal(bed.mailbox().read_bytes(), MAIL, "the mailbox")


@needs(*MACHINE)
@limit(90)
@each(*PROTOCOLS)
def test_addresses(bed, program):
    """One socket for IPv4 and IPv6: a mapped address is the IPv4 one. Beyond loopback a password in clear is refused. A
    socket in the file system is local."""
    machine = bed.machine()
    bed.put(MAIL)
    name = program[:4]
    drop_in = machine.root / f"etc/systemd/system/{name}.socket.d/unix.conf"
    drop_in.parent.mkdir()
    drop_in.write_text(f"[Socket]\nListenStream=/run/{name}.sock\n")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", f"{name}.socket")
    try:
        since = machine.mark()
        for address, told in (("127.0.0.1", "127.0.0.1"), ("::1", "::1")):
            talk = (client.Pop3 if program == "pop3d" else client.Pop2)(machine.connect(program, address))
            talk.login("alice", "alicepw")
            talk.quit()
            until(lambda: any(f"login: peer={told} " in line for line in machine.log(since, program)), f"the login from {told}")
        unix = socket.socket(socket.AF_UNIX)
        unix.connect(str(machine.path(f"/run/{name}.sock")))
        talk = (client.Pop3 if program == "pop3d" else client.Pop2)(client.Stream.of(unix))
        talk.login("alice", "alicepw")
        talk.quit()
        until(lambda: any("login: peer=local " in line for line in machine.log(since, program)), "the login from the file system")
        stream = machine.connect(program, PUBLIC_ADDRESS)
        stream.take_line()
        stream.send(b"USER alice\r\n" if program == "pop3d" else b"HELO alice alicepw\r\n")
        check(stream.take_line().startswith(b"-"), "a password in clear from beyond loopback")
        stream.close()
    finally:
        drop_in.unlink()
        drop_in.parent.rmdir()
        machine.run("systemctl", "daemon-reload")
        machine.run("systemctl", "restart", f"{name}.socket")


# Locks and updates across boots.

@needs(*MACHINE)
@limit(90)
@each(*PROTOCOLS)
def test_dotlock_of_another_boot(bed, program):
    """Its number belongs to somebody else by now. What boot it is has to be known inside the unit, too."""
    machine = bed.machine()
    bed.put(MAIL)
    since = machine.mark()
    alive = machine.run("systemctl", "show", "-P", "MainPID", "systemd-journald.service").strip()
    lock = bed.spool / "alice.lock"
    lock.write_text(f"{alive}\ntestbed\n00000000-1111-2222-3333-444444444444\n")
    os.chown(lock, ALICE, MAIL_GROUP)
    equal(machine.run("hostname").strip(), "testbed", "host")
    begun = time.monotonic()
    begin(machine, program).quit()
    check(time.monotonic() - begun < 10, "the login waited for a lock of another boot")
    ended(machine, since, program, 1, "quit")


def begin_update(bed, machine, program):
    """Deletes the first message of a large maildrop; returns when octets are being moved, and no more will be for some
    seconds."""
    path = bed.put(mbox.mailbox(1, 5000) + mbox.mailbox(8, 5_000_000))
    before = path.read_bytes()
    pop = begin(machine, program)
    if program == "pop3d":
        pop.ok("DELE 1")
    else:
        pop.retr(pop.read())
        pop.ackd()
    written = path.stat().st_mtime_ns
    rooms, = machine.monitors(program)
    tracer = bed.daemon("strace", "-f", "-p", rooms.keeper.pid, "-e", "trace=pwrite64", "-o", bed.dir / "trace",
                        "-e", "inject=pwrite64:delay_enter=4s:when=5")
    until(lambda: b"attached" in tracer.log.read_bytes(), "strace to trace")
    pop.stream.send(b"QUIT\r\n")
    until(lambda: path.stat().st_mtime_ns != written, "the mailbox to be written", 30)
    check(path.read_bytes() not in (before, whole(before)), "the update was over already: the test is void")
    return path, before, pop


def whole(before):
    return b"".join(message.raw for message in mbox.parse(before)[1:])


@needs(*TRACED)
@limit(120)
@each(*PROTOCOLS)
def test_stopped_in_the_middle_of_an_update(bed, program):
    """`systemctl stop` waits for it. Afterwards the message is gone, all others are there, and nothing has failed."""
    machine = bed.machine()
    since = machine.mark()
    path, before, pop = begin_update(bed, machine, program)
    unit, = machine.units(f"{program[:4]}@*.service")
    machine.run("systemctl", "stop", "--no-block", unit)
    until(lambda: machine.units(unit) == {unit: "deactivating"}, "the unit to be stopped")
    pop.stream.take_all()
    until(lambda: not machine.units(unit), "the unit to be gone", 30)
    equal(path.read_bytes(), whole(before), "the mailbox")
    equal(sorted(entry.name for entry in bed.spool.iterdir()), ["alice"], "files in the spool")
    equal([entry["MESSAGE"] for entry in machine.journal(since) if int(entry["PRIORITY"]) <= 4], [], "warnings and errors")


@needs(*TRACED)
@limit(120)
def test_power_off_in_the_middle_of_an_update(bed):
    """All processes are gone at once; the machine boots; what was begun is finished before anybody logs in."""
    machine = bed.machine()
    path, before, pop = begin_update(bed, machine, "pop3d")
    machine.stop()
    pop.stream.take_all()
    torn = path.read_bytes()
    check(torn not in (before, whole(before)), "the update was over already: the test is void")
    inode = path.stat().st_ino
    # A machine that boots has another boot_id; a container has that of its host, whose processes' numbers begin anew.
    lock = bed.spool / "alice.lock"
    pid, host, _ = lock.read_text().split()
    lock.write_text(f"{pid}\n{host}\n00000000-1111-2222-3333-444444444444\n")
    machine.boot()
    equal(path.read_bytes(), whole(before), "the mailbox after the boot")
    equal(path.stat().st_ino, inode, "its inode")
    boot = machine.run("journalctl", "-q", "-b", "-o", "cat", "-u", "restante-recover.service")
    check("an interrupted update was finished" in boot, boot)
    pop = begin(machine, "pop3d")
    equal(pop.stat()[0], 8, "messages")
    pop.quit()


# Stops, failures, floods.

@needs(*MACHINE)
@limit(90)
@each(*PROTOCOLS)
def test_stopped_in_a_session(bed, program):
    """The client's connection ends, nothing is deleted, the next login finds everything."""
    machine = bed.machine()
    bed.put(MAIL)
    since = machine.mark()
    pop = begin(machine, program)
    if program == "pop3d":
        pop.ok("DELE 1")
    else:
        pop.retr(pop.read())
        pop.ackd()
    machine.run("systemctl", "stop", f"{program[:4]}@*.service")
    pop.stream.expect_end()
    equal(bed.mailbox().read_bytes(), MAIL, "the mailbox")
    equal(machine.units(f"{program[:4]}@*.service"), {}, "instances")
    begin(machine, program).quit()
    equal([entry["MESSAGE"] for entry in machine.journal(since) if int(entry["PRIORITY"]) <= 4], [], "warnings and errors")


@needs(*MACHINE)
@limit(90)
@each(*PROTOCOLS)
def test_sockets_stopped_and_started(bed, program):
    """Stopping the socket leaves the session alone; an upgrade restarts it."""
    machine = bed.machine()
    bed.put(MAIL)
    pop = begin(machine, program)
    machine.run("systemctl", "restart", f"{program[:4]}.socket")
    begin(machine, program, login=None).stream.close()
    equal(pop.stat() if program == "pop3d" else (3, pop.read()), (3, pop.stat()[1]) if program == "pop3d" else (3, MESSAGES[0].size),
          "what the session says afterwards")
    pop.quit()


@needs(*MACHINE)
@limit(90)
@each(*PROTOCOLS)
def test_failed_instances_do_not_count(bed, program):
    """Sessions that were killed leave no unit behind, and the next client is served."""
    machine = bed.machine()
    bed.put(MAIL)
    for number in range(12):
        pop = begin(machine, program, login="alice" if number % 2 else None)
        rooms, = machine.monitors(program)
        os.kill(rooms.monitor.pid, signal.SIGSEGV if number % 3 else signal.SIGKILL)
        pop.stream.take_all()
        until(lambda: not machine.monitors(program), "the rooms to be gone")
    until(lambda: machine.units(f"{program[:4]}@*.service") == {}, "failed instances to be collected")
    equal(machine.run("systemctl", "is-active", f"{program[:4]}.socket").strip(), "active", "the socket")
    begin(machine, program).quit()
    equal(bed.mailbox().read_bytes(), MAIL, "the mailbox")


@needs(*MACHINE)
@limit(120)
@each(*PROTOCOLS)
def test_flood(bed, program):
    """Twice as many connections at once as systemd's own brake lets pass, from one address: those over the limit are
    closed, the socket does not fail, others are served meanwhile, and the address itself afterwards."""
    machine = bed.machine()
    bed.put(MAIL)
    streams = [machine.connect(program, source="127.0.0.10") for _ in range(400)]
    other = begin(machine, program)
    other.quit()
    served = sum(stream.take_line().startswith(b"+") for stream in streams)
    equal(served, 64, "connections of the flooder that were served")
    equal(machine.units(f"{program[:4]}.socket"), {f"{program[:4]}.socket": "active"}, "the socket")
    for stream in streams:
        stream.close()
    until(lambda: not machine.monitors(program), "the flood to ebb", 40)
    equal(machine.connect(program, source="127.0.0.10").take_line()[:1], b"+", "the greeting afterwards")


# The shipped lines of the other super-servers, on the machine, in place of our sockets.

def configured(machine, kind):
    """Starts that super-server with the shipped configuration, as unit KIND-shipped."""
    units = machine.path("/run/restante-units")
    units.mkdir(exist_ok=True)
    shipped = lambda name: machine.path(f"/usr/share/doc/restante/examples/{name}").read_text()
    if kind == "inetd":
        machine.path("/run/inetd.conf").write_text(shipped("inetd.conf"))
        command = ["/usr/sbin/inetd", "-i", "/run/inetd.conf"]
    else:
        for name in "pop2", "pop3":
            (units / name).write_text(shipped(f"xinetd-{name}"))
        machine.path("/run/xinetd.conf").write_text("includedir /run/restante-units\n")
        command = ["/usr/local/sbin/xinetd", "-dontfork", "-f", "/run/xinetd.conf", "-pidfile", "/run/xinetd.pid"]
    machine.run("systemctl", "stop", "pop3.socket", "pop2.socket")
    machine.run("systemd-run", "--quiet", f"--unit={kind}-shipped", *command)


def no_room_is_root(machine, program):
    """Of the session that logged in; whoever only asked whether somebody listens leaves a monitor for a moment."""
    try:
        rooms = [server.Process(pid) for pid in server.descendants(machine.pid) if machine._executes(pid, f"/usr/sbin/{program}")]
        return bool(rooms) and all(0 not in room.uids for room in rooms)
    except (FileNotFoundError, ProcessLookupError):      # it has just ended
        return False


@needs(*MACHINE, "inetd")
@limit(90)
@each(("inetd", "inetd"), ("xinetd", "xinetd"))
def test_shipped_lines(bed, kind):
    """The examples that are installed, as they are, IPv4 and IPv6, with pam_unix."""
    machine = bed.machine()
    if kind == "xinetd":
        xinetd = bed.unpacked("xinetd") / "usr/sbin/xinetd"
        if not xinetd.exists():
            raise Skip("xinetd is not unpacked: make test-deps")
        (machine.root / "usr/local/sbin/xinetd").write_bytes(xinetd.read_bytes())
        (machine.root / "usr/local/sbin/xinetd").chmod(0o755)
    try:
        configured(machine, kind)
        for program in "pop3d", "pop2d":
            path = bed.put(MAIL)
            until(lambda: answers(machine, program), f"{kind} to listen for {program}")
            for address in ("127.0.0.1", "::1") if kind == "xinetd" else ("127.0.0.1",):
                talk = (client.Pop3 if program == "pop3d" else client.Pop2)(machine.connect(program, address))
                talk.login("alice", "alicepw")
                if program == "pop3d":
                    equal(talk.retr(1), MESSAGES[0].wire(), "message 1")
                else:
                    equal(talk.retr(talk.read()), MESSAGES[0].wire(), "message 1")
                    talk.acks()
                until(lambda: no_room_is_root(machine, program), "no room to be root's after the login", 5)
                talk.quit()
            equal(path.read_bytes(), MAIL, "the mailbox")
    finally:
        machine.run("systemctl", "stop", f"{kind}-shipped.service", status=None)
        machine.run("systemctl", "start", "pop3.socket", "pop2.socket")


def answers(machine, program):
    try:
        machine.connect(program).close()
        return True
    except OSError:
        return False
