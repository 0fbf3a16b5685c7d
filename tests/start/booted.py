"""A machine with systemd as PID 1 and the shipped units, enabled as README says: what runs there, as whom, in which cage."""

import os
import re

from lib import client, inside, mbox
from lib.suite import check, each, equal, limit, needs, until
from lib.testbed import USERS

MAIL = mbox.mailbox(3, 2000)
MESSAGES = mbox.parse(MAIL)
ALICE = USERS["alice"][0]
PROTOCOLS = (("pop3", "pop3d"), ("pop2", "pop2d"))
MACHINE = ("root", "network", "sandbox", "nspawn")


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
