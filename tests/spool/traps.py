"""What a user can put into his own state directory to make the server wait, follow or overwrite."""

import contextlib
import fcntl
import os
import signal
import struct
import subprocess
import time
from pathlib import Path

from lib import mbox, server
from lib.suite import check, each, equal, limit, needs, until
from lib.testbed import USERS
from spool import folders, recovery

ALICE = USERS["alice"][0]
TWINS = mbox.mailbox(1) * 4                     # the same message, four times


def session(bed, deletes):
    pop = bed.pop3()
    pop.lines("UIDL")
    if deletes:
        pop.ok("DELE 1")
    pop.quit()
    pop.session.finish(10)


def state_of(bed):
    return bed.state / ("alice" if bed.privileged else os.listdir(bed.state)[0])


def learn(bed, suffix):
    """One session makes the state; returns the file that is meant."""
    session(bed, deletes=suffix != "index")
    found = [entry for entry in state_of(bed).iterdir() if entry.name.endswith("." + suffix)]
    equal(len(found), 1, f"{suffix} in {os.listdir(state_of(bed))}")
    return found[0]


def set_fifo(path):
    path.unlink(missing_ok=True)
    os.mkfifo(path, 0o600)
    if os.geteuid() == 0:
        os.chown(path, ALICE, ALICE)


def go_through(bed):
    """A whole session, whatever is refused in it, comes to its end."""
    pop = bed.pop3(login=None)
    pop.stream.send(f"USER alice\r\nPASS {USERS['alice'][1]}\r\nUIDL\r\nDELE 1\r\nQUIT\r\n".encode())
    said = pop.stream.take_all(15)
    check(said.endswith((b"+OK bye\r\n", b"not removed\r\n")) or b"-ERR [SYS/" in said, f"said: {said[-200:]!r}")
    equal(pop.session.wait(10), 0, "exit status")


@each(("twins", "twins", ".new", "mbox"), ("twins_itself", "twins", "", "mbox"), ("index", "index", ".new", "mbox"),
      ("index_itself", "index", "", "mbox"), ("record", "record", "", "mbox"), ("session_lock", "session", "", "mbox"),
      ("sizes", "sizes", ".fresh", "maildir"), ("sizes_itself", "sizes", "", "maildir"))
def test_fifo(bed, suffix, more, kind):
    """A FIFO that nobody reads keeps no session waiting."""
    if kind == "maildir":
        bed = bed.maildir()
    bed.put(mbox.mailbox(400, 1000) + TWINS if kind == "mbox" else TWINS)     # enough for an index
    path = learn(bed, suffix)
    path.unlink()
    set_fifo(path.with_name(path.name + more))
    go_through(bed)


@needs("root")
@each(*((name, name) for name in ("twins", "index", "record", "session")))
def test_directory(bed, suffix):
    bed.put(mbox.mailbox(400, 1000) + TWINS)
    path = learn(bed, suffix)
    path.unlink()
    for name in path.name, path.name + ".new":
        path.with_name(name).mkdir()
        os.chown(path.with_name(name), ALICE, ALICE)
    go_through(bed)


@needs("root")
@each(*((name, name) for name in ("twins", "index", "record", "session")))
def test_link(bed, suffix):
    """A link to a file that is not the user's is not followed; a hard link is his own or fails in the kernel."""
    target = bed.private_file("precious", "precious")
    bed.put(mbox.mailbox(400, 1000) + TWINS)
    path = learn(bed, suffix)
    path.unlink()
    for name in path.name, path.name + ".new":
        os.symlink(target, path.with_name(name))
    go_through(bed)
    equal(target.read_text(), "precious", "the file behind the link")


@needs("root")
@limit(120)
def test_many_notes_at_boot(bed):
    """Who has any number of folders with a pending update, and holds a lock on them, uses up his own time of --recover
    and then nothing more: no process for each."""
    bed, root, pop = folders.begin(bed)
    work = folders.put(bed, root / "work", mbox.mailbox(1, 5000) + mbox.mailbox(16, 5_000_000))
    pop.fold("work")
    pop.retr(pop.read(1))
    pop.ackd()
    written = work.stat().st_mtime_ns
    rooms = pop.session.rooms()
    if not recovery.why_no_brake(bed):
        recovery.brake(bed, pop, "pwrite64", 50)
    pop.send("QUIT")
    until(lambda: work.stat().st_mtime_ns != written, "the mailbox to be written", 30)
    recovery.kill_all(rooms)
    recovery.forget(bed, pop)
    note, = state_of(bed).glob("*.folder")
    with contextlib.ExitStack() as locks:
        for number in range(12):
            folder = folders.put(bed, root / f"f{number}")
            held = locks.enter_context(open(folder, "r+b"))
            fcntl.lockf(held, fcntl.LOCK_EX)
            for path in note, note.with_suffix(".record"):
                copy = path.with_name(f"{number:024x}{path.suffix}")
                subprocess.run(["cp", "--sparse=always", "-p", path, copy], check=True, timeout=20)
            copy.with_suffix(".folder").write_text(folder.name)
        note.unlink()
        boot = bed.daemon("sh", "-c", 'exec "$0" "$@" >/dev/null', bed.program("pop3d"), *bed.options(), "--log=stderr", "--recover")
        until(lambda: len(server.descendants(boot.pid)) >= 3, "somebody who waits for the lock")
        pass_time(boot.pid)
        for pid in server.descendants(boot.pid):
            os.kill(pid, signal.SIGKILL)
        equal(boot.wait(10), 75, "exit status")
        check(len(recoveries()) <= 3, f"there are still {len(recoveries())} processes")
        lines = boot.log.read_text().splitlines()
        check(len(lines) <= 2 and "took too long" in lines[-1], f"the log says {lines}")


def recoveries():
    """Processes of --recover in this namespace."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if b"--recover" in (entry / "cmdline").read_bytes().split(b"\0") and \
                    os.readlink(entry / "ns/mnt") == os.readlink("/proc/self/ns/mnt"):
                found.append(entry.name)
        except OSError:
            pass                                # it has ended meanwhile
    return found


def pass_time(pid):
    """All deadlines in the process's memory that lie in the next five minutes have passed."""
    now = time.monotonic_ns() // 1_000_000
    stack = next(line for line in open(f"/proc/{pid}/maps") if "[stack]" in line)
    start, end = (int(word, 16) for word in stack.split()[0].split("-"))
    with open(f"/proc/{pid}/mem", "r+b", 0) as memory:
        memory.seek(start)
        octets = memory.read(end - start)
        for at, (value,) in zip(range(0, len(octets), 8), struct.iter_unpack("q", octets)):
            if now + 200_000 < value <= now + 300_000:
                memory.seek(start + at)
                memory.write(struct.pack("q", now))
