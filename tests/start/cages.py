"""The cages, tried from inside: each room attempts what it must not, and the kernel refuses.

A call that no filter lists kills the room (SIGSYS); a file outside its territory is refused (EACCES) or is not there.
Every attempt has a session of its own, since most of them end it.
"""

import os
import signal
import socket
import subprocess
from pathlib import Path

from lib import maildir, mbox
from lib.inside import Held, Inside, refused, refused_inside
from lib.server import Process
from lib.suite import check, each, equal, limit, needs, over_each_format, until
from lib.testbed import USERS

AT_FDCWD, F_OFD_SETLK, F_SETLK, LOCK_EX, PTRACE_ATTACH, O_CREAT = -100, 37, 6, 2, 16, 0o100
KILLED = ("SIGSYS",)
NO_FILE = ("SIGSYS", "EACCES", "ENOENT")
INET = socket.AF_INET, socket.SOCK_STREAM, 0
CLONE_NEWUSER = 0x10000000

# What no room may do at any time.
EVERYWHERE = {
    "execve": ("execve", b"/bin/sh", 0, 0),
    "execveat": ("execveat", AT_FDCWD, b"/bin/sh", 0, 0, 0),
    "inet_socket": ("socket", *INET),
    "setuid_root": ("setuid", 0),
    "chroot": ("chroot", b"/"),
    "mount": ("mount", b"none", b"/mnt", b"tmpfs", 0, 0),
    "user_namespace": ("unshare", CLONE_NEWUSER),
    "make_executable": ("mmap", 0, 4096, 7, 0x22, -1, 0),
    "dumpable_again": ("prctl", 4, 1, 0, 0, 0),
    "io_uring": ("io_uring_setup", 8, 0),
    "userfaultfd": ("userfaultfd", 0),
    "bpf": ("bpf", 0, 0, 0),
    "fork_by_clone3": ("clone3", 0, 0),
    "listen": ("listen", 0, 1),
    "bind": ("bind", 0, b"\2\0", 16),
    "mkdir": ("mkdir", b"/var/mail/x", 0o777),
    "symlink": ("symlink", b"/etc/passwd", b"/var/mail/x"),
    "chmod": ("chmod", b"/var/mail/alice", 0o777),
    "truncate_by_name": ("truncate", b"/var/mail/bob", 0),
}


def read_of(path):
    return ("openat", AT_FDCWD, os.fsencode(path), os.O_RDONLY, 0)


def create(path):
    return ("openat", AT_FDCWD, os.fsencode(path), os.O_RDWR | O_CREAT | os.O_EXCL, 0o600)


class Scene:
    """A session of alice in a spool where bob has mail, too."""

    def __init__(self, bed, login="alice", options=(), **more):
        self.bed = bed
        self.mail = bed.put(mbox.mailbox(2))
        self.bobs = bed.put(mbox.mailbox(1), "bob")
        Path("/home/alice/private").write_text("x")
        os.chown("/home/alice/private", *(USERS["alice"][0],) * 2)
        self.pop = bed.pop3(*options, login=login, **more)
        if login:
            self.pop.lines("LIST")                   # now front has the mailbox, too
        self.rooms = self.pop.session.rooms()

    def close(self):
        self.pop.stream.close()
        self.pop.session.wait(10)


def attempt(bed, room, call, allowed=KILLED, login="alice", options=()):
    """The room makes the call; anything but one of the allowed refusals fails."""
    scene = Scene(bed, login, options)
    before = snapshot(scene)
    arguments = call(scene) if callable(call) else call
    how = refused(getattr(scene.rooms, room).pid, *arguments)
    check(how in allowed, f"{room} made {arguments}: {how or 'it succeeded'}")
    scene.close()
    equal(snapshot(scene), before, "the spool afterwards")
    lines = [line for line in scene.pop.session.log() if line.startswith(("error:", "ended:"))]
    if how == "SIGSYS" and room != "monitor":
        equal(lines, [f"error: {room} was killed by signal {int(signal.SIGSYS)}"], "what the log says of it")


def snapshot(scene):
    return {entry.name: (entry.read_bytes(), entry.stat().st_mode) for entry in Path("/var/mail").iterdir()
            if not entry.name.endswith(".lock")}


@needs("root", "sandbox")
def test_the_prober_itself(bed):
    """What is tried here succeeds where there is no cage, and what a room may do it still may."""
    outside = subprocess.Popen(["sleep", "30"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: Path(f"/proc/{outside.pid}/wchan").read_text() not in ("", "0"), "sleep sleeps")
        for name in "openat", "socket", "flock":
            arguments = {"openat": read_of("/etc/passwd"), "socket": ("socket", *INET), "flock": ("flock", 0, LOCK_EX)}[name]
            equal(refused(outside.pid, *arguments), "", f"{name} outside of any cage")
    finally:
        outside.kill()
        outside.wait()
    scene = Scene(bed)
    for room in "front", "keeper", "monitor":
        equal(refused(getattr(scene.rooms, room).pid, "getrandom", b"\0" * 16, 16, 0), "", f"getrandom in {room}")
    scene.pop.ok("NOOP")                        # the session goes on
    scene.close()


@needs("root", "sandbox")
@limit(120)
@each(*((f"{room}/{name}", room, call) for room in ("front", "keeper", "monitor") for name, call in EVERYWHERE.items()))
def test_no_room(bed, room, call):
    attempt(bed, room, call)


@needs("root", "sandbox")
@each(*EVERYWHERE.items())
def test_front_before_the_login(bed, call):
    scene = Scene(bed, login=None)
    equal(refused(scene.rooms.front.pid, *call), "SIGSYS", "refused by")
    scene.close()


def lock_on(fd_of, command):
    def call(scene):
        return ("fcntl", fd_of(scene), command, b"\0" * 32)
    return call


def mailbox_fd(scene):
    return int(next(fd for fd, target in scene.rooms.front.descriptors().items() if target == str(scene.mail)))


FRONT = {
    "read_a_file": (read_of("/etc/passwd"), KILLED),
    "lock_through_its_read_descriptor": (lock_on(mailbox_fd, F_OFD_SETLK), KILLED),
    "old_lock_through_it": (lock_on(mailbox_fd, F_SETLK), KILLED),
    "flock_through_it": (lambda scene: ("flock", mailbox_fd(scene), LOCK_EX), KILLED),
    "write_to_the_mailbox": (lambda scene: ("write", mailbox_fd(scene), b"From ", 5), ("EBADF",)),
    "cut_the_mailbox": (lambda scene: ("ftruncate", mailbox_fd(scene), 0), KILLED),
    "fork": (("clone", 17, 0, 0, 0, 0), KILLED),
    "trace_keeper": (lambda scene: ("ptrace", PTRACE_ATTACH, scene.rooms.keeper.pid, 0, 0), KILLED),
    "kill_keeper": (lambda scene: ("kill", scene.rooms.keeper.pid, 9), KILLED),
    "kill_the_monitor": (lambda scene: ("kill", scene.rooms.monitor.pid, 9), KILLED),
    "unix_socket": (("socket", socket.AF_UNIX, socket.SOCK_STREAM, 0), KILLED),
    "make_memory_executable": (lambda scene: ("mprotect", 0x1000, 4096, 5), KILLED),
}

KEEPER = {
    "read_etc_passwd": (read_of("/etc/passwd"), NO_FILE),
    "read_another_mailbox": (read_of("/var/mail/bob"), NO_FILE),
    "write_another_mailbox": (("openat", AT_FDCWD, b"/var/mail/bob", os.O_RDWR, 0), NO_FILE),
    "read_a_private_file_of_its_user": (read_of("/home/alice/private"), NO_FILE),
    "make_a_file_in_the_spool": (create("/var/mail/alice2"), NO_FILE),
    "make_a_dotlock_itself": (create("/var/mail/alice.lock"), NO_FILE),
    "remove_the_mailbox": (("unlinkat", AT_FDCWD, b"/var/mail/alice", 0), NO_FILE),
    "rename_the_mailbox": (("renameat", AT_FDCWD, b"/var/mail/alice", AT_FDCWD, b"/var/mail/x"), NO_FILE),
    "make_a_file_in_the_home": (create("/home/alice/new"), NO_FILE),
    "look_at_state_of_others": (read_of("/var/lib/restante"), NO_FILE),
    "trace_front": (lambda scene: ("ptrace", PTRACE_ATTACH, scene.rooms.front.pid, 0, 0), KILLED),
    "kill_the_monitor": (lambda scene: ("kill", scene.rooms.monitor.pid, 9), KILLED),
    "unix_socket": (("socket", socket.AF_UNIX, socket.SOCK_STREAM, 0), KILLED),
    "write_memory_of_the_monitor": (lambda scene: ("process_vm_writev", scene.rooms.monitor.pid, 0, 0, 0, 0, 0), KILLED),
    "thread_or_namespace_by_clone": (("clone", CLONE_NEWUSER | 17, 0, 0, 0, 0), KILLED),
    "mode_of_a_mailbox": (("fchmodat", AT_FDCWD, b"/var/mail/alice", 0o777), KILLED),
}

MONITOR = {
    "read_etc_passwd": (read_of("/etc/passwd"), NO_FILE),
    "read_a_mailbox": (read_of("/var/mail/alice"), KILLED),
    "read_another_mailbox": (read_of("/var/mail/bob"), KILLED),
    "make_a_file_in_the_spool": (create("/var/mail/alice2"), KILLED),
    "dotlock_by_a_name_of_its_own": (create("/var/mail/alice.lock"), KILLED),
    "dotlock_of_another": (create("/var/mail/bob.lock"), KILLED),
    "remove_another_mailbox": (("unlinkat", AT_FDCWD, b"/var/mail/bob", 0), KILLED),
    "remove_a_mailbox": (("unlinkat", AT_FDCWD, b"/var/mail/alice", 0), KILLED),
    "rename_over_a_mailbox": (("renameat", AT_FDCWD, b"/var/mail/bob", AT_FDCWD, b"/var/mail/alice"), KILLED),
    "link_another_mailbox": (("linkat", AT_FDCWD, b"/var/mail/bob", AT_FDCWD, b"/var/mail/x", 0), KILLED),
    "trace_keeper": (lambda scene: ("ptrace", PTRACE_ATTACH, scene.rooms.keeper.pid, 0, 0), KILLED),
    "kill_keeper": (lambda scene: ("kill", scene.rooms.keeper.pid, 9), KILLED),
    "fork": (("clone", 17, 0, 0, 0, 0), KILLED),
    "map_a_file": (lambda scene: ("mmap", 0, 4096, 1, 2, 0, 0), KILLED),
    "unmap": (("munmap", 0x1000, 4096), KILLED),
}


@needs("root", "sandbox")
@each(*((name, *case) for name, case in FRONT.items()))
def test_front(bed, call, allowed):
    attempt(bed, "front", call, allowed)


@needs("root", "sandbox")
@each(*((name, *case) for name, case in KEEPER.items()))
def test_keeper(bed, call, allowed):
    attempt(bed, "keeper", call, allowed)


HOME = Path("/home/alice")
FOLDER = HOME / "mail/work"
# What a FOLD that got past all our own questions would come to.
BEYOND_FOLDERS = {
    "etc_passwd": read_of("/etc/passwd"),
    "by_dots": read_of("/home/alice/mail/../../../etc/passwd"),
    "by_a_link": read_of("/home/alice/mail/link"),
    "a_private_file": read_of("/home/alice/private"),
    "proc": read_of("/proc/self/mem"),
    "make_a_file_in_the_home": create("/home/alice/new"),
    "out_of_the_folders": ("renameat", AT_FDCWD, os.fsencode(FOLDER), AT_FDCWD, b"/home/alice/work"),
    "into_the_folders": ("renameat", AT_FDCWD, b"/home/alice/private", AT_FDCWD, b"/home/alice/mail/private"),
    "remove_a_private_file": ("unlinkat", AT_FDCWD, b"/home/alice/private", 0),
}
OF_A_MAILDIR = {
    "another_maildir": read_of("/var/mail/bob/new/" + maildir.name(1)),
    "list_another_maildir": read_of("/var/mail/bob/new"),
    "list_the_spool": read_of("/var/mail"),
    "make_a_message_for_another": create("/var/mail/bob/new/1.a"),
    "write_to_a_message": ("openat", AT_FDCWD, os.fsencode(f"/var/mail/alice/new/{maildir.name(1)}"), os.O_RDWR, 0),
    "remove_from_another": ("unlinkat", AT_FDCWD, os.fsencode(f"/var/mail/bob/new/{maildir.name(1)}"), 0),
}


def keeper_with_folders(bed):
    """POP2's, which knows folders. Everything that it must not reach it could, were it not in a cage."""
    bed.put(mbox.mailbox(2))
    bed.put(mbox.mailbox(1), "bob")
    subprocess.run(["chmod", "-R", "a+rwX", bed.mailbox("bob")], check=True, timeout=20)
    FOLDER.parent.mkdir()
    for path in FOLDER, HOME / "private":
        path.write_bytes(mbox.mailbox(1))
    (HOME / "mail/link").symlink_to("/home/alice/private")
    for path in FOLDER.parent, FOLDER, HOME / "private":
        os.chown(path, *(USERS["alice"][0],) * 2)
    pop = bed.pop2()
    return pop, pop.session.rooms().keeper.pid


@over_each_format
@needs("root", "sandbox")
@each(*BEYOND_FOLDERS.items())
def test_folders(bed, call):
    pop, keeper = keeper_with_folders(bed)
    how = refused(keeper, *call)
    check(how in (*NO_FILE, "EXDEV"), f"keeper made {call}: {how or 'it succeeded'}")
    pop.stream.close()
    pop.session.wait()
    check((HOME / "private").exists() and FOLDER.exists() and not (HOME / "new").exists(), "something has changed")


@needs("root", "sandbox")
@each(*OF_A_MAILDIR.items())
def test_keeper_of_a_maildir(bed, call):
    bed.format = "maildir"
    pop, keeper = keeper_with_folders(bed)
    before = sorted(bed.spool.rglob("*"))
    how = refused(keeper, *call)
    check(how in NO_FILE, f"keeper made {call}: {how or 'it succeeded'}")
    pop.stream.close()
    pop.session.wait()
    equal(sorted(bed.spool.rglob("*")), before, "the spool afterwards")


@over_each_format
@needs("root", "sandbox")
def test_folders_can_be_reached(bed):
    """Without which the above would prove nothing."""
    pop, keeper = keeper_with_folders(bed)
    equal(refused(keeper, *read_of(FOLDER)), "", "reading a folder")
    pop.quit()


@needs("root", "sandbox")
@each(*((name, *case) for name, case in MONITOR.items()))
def test_monitor(bed, call, allowed):
    attempt(bed, "monitor", call, allowed)


def names_page(pid):
    """Where the monitor's names stand: the one page of its own that it cannot write to."""
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        words = line.split()
        if words[1] == "r--p" and len(words) == 5:
            start = int(words[0].split("-")[0], 16)
            with open(f"/proc/{pid}/mem", "rb", 0) as memory:
                memory.seek(start)
                if memory.read(len("alice.lock") + 1) == b"alice.lock\0":
                    return start
    raise AssertionError("no page of names")


@needs("root", "sandbox")
@each(("by_mprotect", "mprotect"), ("by_mapping_over_it", "mmap"), ("by_moving_it", "mremap"))
def test_names_of_the_monitor_stay(bed, name):
    """The page that its filter points to cannot be changed, replaced or moved."""
    scene = Scene(bed)
    page = names_page(scene.rooms.monitor.pid)
    arguments = {"mprotect": (page, 4096, 3), "mmap": (page, 4096, 3, 0x32, -1, 0), "mremap": (page, 4096, 8192, 1)}[name]
    equal(refused(scene.rooms.monitor.pid, name, *arguments), "SIGSYS", "refused by")
    scene.pop.stream.take_all(10)


@needs("root", "sandbox")
def test_names_of_the_monitor_work(bed):
    """The same calls with the addresses of the names are what it is there for."""
    scene = Scene(bed)
    page = names_page(scene.rooms.monitor.pid)
    with Inside(scene.rooms.monitor.pid) as monitor:
        equal(monitor.call("unlinkat", AT_FDCWD, page, 0), -2, "removing alice.lock, which is not there")
    scene.close()


@needs("root", "sandbox")
@each(("read_a_file", read_of("/etc/passwd")), ("read_the_secrets_again", None), *EVERYWHERE.items())
def test_auth_that_needs_no_root(bed, call):
    """Its key loaded, the room that checks a secret has nothing but the two wires."""
    secrets = bed.private_file("secrets", "alice\talicepw\n")
    bed.put(mbox.mailbox(1))
    pop = bed.pop3("--auth=file", f"--secrets={secrets}", login=None)
    pop.ok("USER alice")
    rooms = pop.session.rooms
    until(lambda: caged_auth(rooms()) is not None, "auth in its cage")
    arguments = call or read_of(secrets)
    equal(refused(caged_auth(rooms()), *arguments), "SIGSYS", "refused by")
    pop.send("PASS alicepw")
    equal(pop.read_line(), "-ERR [SYS/TEMP] authentication is not available, try again later", "the login")


def caged_auth(rooms):
    """The process of auth that has a filter, once it waits for the client's words."""
    for room in rooms.all:
        if (room.room or "").startswith("auth") and room.status.get("Seccomp") == "2" and \
                Path(f"/proc/{room.pid}/wchan").read_text() not in ("", "0"):
            return room.pid
    return None


# The process that moves the octets of an update.

def held_in_update(scene):
    """The worker, with both locks and the record, before the first octet of the mailbox changes."""
    scene.pop.ok("DELE 1")
    return Held(scene.rooms.keeper.pid, lambda: scene.pop.send("QUIT"), "pwrite64",
                lambda call: os.readlink(f"/proc/{call.pid}/fd/{call.number(0)}") == str(scene.mail))


def check_update(scene, before, killed=False):
    """However the worker ended: the first message is gone, the second is whole, and nothing else has changed or is new.
    Where it was killed, keeper finishes it and cannot know whether that was all."""
    equal(scene.pop.read_line(), "-ERR [SYS/TEMP] deleted messages were not removed" if killed else "+OK bye", "the update")
    scene.pop.stream.close()
    equal(scene.pop.session.wait(10), 0, "exit status")
    kept = b"".join(message.raw for message in mbox.parse(before["alice"][0])[1:])
    equal(snapshot(scene), {**before, "alice": (kept, before["alice"][1])}, "the spool")
    equal([entry.name for entry in Path("/var/mail").iterdir() if entry.name.endswith(".lock")], [], "dotlocks")
    check(not Path("/home/alice/new").exists(), "a file in the home")


WORKER = {
    **{name: case for name, case in KEEPER.items() if name != "make_a_dotlock_itself"},         # which is there
    **{name: (EVERYWHERE[name], KILLED) for name in ("execve", "execveat", "inet_socket", "setuid_root", "user_namespace", "make_executable")},
    "remove_its_dotlock": (("unlinkat", AT_FDCWD, b"/var/mail/alice.lock", 0), NO_FILE),
    "move_its_dotlock": (("renameat", AT_FDCWD, b"/var/mail/alice.lock", AT_FDCWD, b"/var/mail/alice.lock.x"), NO_FILE),
    "link_its_dotlock": (("linkat", AT_FDCWD, b"/var/mail/alice.lock", AT_FDCWD, b"/var/mail/bob.lock", 0), NO_FILE),
    "make_a_file_beside_its_dotlock": (create("/var/mail/alice.lock.x"), NO_FILE),
    "dotlock_of_another": (create("/var/mail/bob.lock"), NO_FILE),
    "connect": (("connect", 0, b"\1\0/dev/log\0", 11), KILLED),
    "kill_keeper": (lambda scene: ("kill", scene.rooms.keeper.pid, 9), KILLED),
    "kill_front": (lambda scene: ("kill", scene.rooms.front.pid, 9), KILLED),
    "trace_keeper": (lambda scene: ("ptrace", PTRACE_ATTACH, scene.rooms.keeper.pid, 0, 0), KILLED),
}


@needs("root", "sandbox")
@each(*((name, *case) for name, case in WORKER.items()))
def test_worker(bed, call, allowed):
    scene = Scene(bed)
    before = snapshot(scene)
    arguments = call(scene) if callable(call) else call
    with held_in_update(scene) as worker:
        how = refused_inside(worker, *arguments)
    check(how in allowed, f"the worker made {arguments}: {how or 'it succeeded'}")
    check_update(scene, before, how == "SIGSYS")


@needs("root", "sandbox")
def test_what_the_worker_is(bed):
    """As keeper, and with the progress record."""
    scene = Scene(bed)
    before = snapshot(scene)
    with held_in_update(scene) as worker:
        keeper, process = Process(scene.rooms.keeper.pid), Process(worker.pid)
        for name in "Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapAmb", "NoNewPrivs", "Seccomp", "Seccomp_filters":
            equal(process.status[name], keeper.status[name], name)
        equal((process.uids, process.status["Seccomp"], int(process.status["CapEff"], 16)), ([USERS["alice"][0]] * 4, "2", 0), "who it is")
        own = {fd: target for fd, target in process.descriptors().items() if keeper.descriptors().get(fd) != target}
        equal([Path(target).suffix for target in own.values()], [".record"], f"what it has besides: {own}")
        equal([fd for fd in keeper.descriptors() if fd not in process.descriptors()], [], "what it lacks")
        check("Max core file size        0                    0 " in Path(f"/proc/{worker.pid}/limits").read_text(), "it may leave a core")
        equal(os.stat(f"/proc/{worker.pid}/mem").st_uid, 0, "the owner of its memory")
        check(Path("/var/mail/alice.lock").exists(), "no dotlock")
    check_update(scene, before)


# The room that holds the private key.

TLS = {
    "read_a_file": read_of("/etc/passwd"),
    "read_the_key_again": lambda scene: read_of(key_file(scene)),
    "fork": ("clone", 17, 0, 0, 0, 0),
    "trace_front": lambda scene: ("ptrace", PTRACE_ATTACH, scene.rooms.front.pid, 0, 0),
    "kill_front": lambda scene: ("kill", scene.rooms.front.pid, 9),
    "unix_socket": ("socket", socket.AF_UNIX, socket.SOCK_STREAM, 0),
    **EVERYWHERE,
}


def key_file(scene):
    """The path behind --key on the command line of the session."""
    words = Path(f"/proc/{scene.pop.session.pid}/cmdline").read_bytes().split(b"\0")
    return next(word.split(b"=", 1)[1] for word in words if word.startswith(b"--key="))


@needs("root", "sandbox")
@each(*TLS.items())
def test_tls(bed, call):
    scene = Scene(bed, tls="first")
    check(scene.rooms.tls, f"rooms: {scene.rooms.all}")
    arguments = call(scene) if callable(call) else call
    equal(refused(scene.rooms.tls.pid, *arguments), "SIGSYS", "refused by")
    scene.pop.stream.close()
    scene.pop.session.wait(10)
    equal(scene.mail.read_bytes(), mbox.mailbox(2), "the mailbox afterwards")
