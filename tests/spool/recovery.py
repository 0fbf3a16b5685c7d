"""What is left when rooms are killed in the middle of an update of a real mailbox, and who finishes it where that is needed."""

import os
import signal
import subprocess
from pathlib import Path

from lib import mbox, server
from lib.suite import Skip, check, each, equal, limit, needs, over_each_format, until

OCTETS = 5_000_000
DOOMED = {"mbox": 1, "maildir": 30}         # so many messages, from the first on, are deleted


def raw(messages):
    return b"".join(message.raw for message in messages)


def records(bed):
    return sorted((bed.state / "alice").glob("*.record"))


def why_no_brake(bed):
    return bed.place.missing("root") or bed.place.missing("sandbox") or bed.place.missing("strace")


def brake(bed, pop, call, milliseconds):
    """From now on this call takes the keeper, and whoever works for it, so long: a test on a busy machine is in time."""
    keeper = pop.session.rooms().keeper.pid
    tracer = bed.daemon("strace", "-q", "-f", "-p", keeper, "-e", f"trace={call}", "-e", f"inject={call}:delay_enter={milliseconds * 1000}")
    until(lambda: f"TracerPid:\t{tracer.pid}\n" in Path(f"/proc/{keeper}/status").read_text(), "strace")
    return tracer


def begin_update_of_files(bed):
    if reason := why_no_brake(bed):
        raise Skip(reason)
    before = mbox.mailbox(60, 2000)
    path = bed.put(before)
    pop = bed.pop3()
    for number in range(1, DOOMED["maildir"] + 1):
        pop.ok(f"DELE {number}")
    rooms = pop.session.rooms()
    brake(bed, pop, "unlinkat", 30)
    pop.stream.send(b"QUIT\r\n")
    files = lambda: len(os.listdir(path / "new")) + len(os.listdir(path / "cur"))
    until(lambda: files() < 60, "a message to be removed", 30)
    return path, before, pop, rooms


def begin_update(bed, count=16):
    """Deletes the first message of a large maildrop, or the first half of a Maildir; returns when that is under way."""
    if bed.format == "maildir":
        return begin_update_of_files(bed)
    path = bed.put(mbox.mailbox(1, 5000) + mbox.mailbox(count, OCTETS))
    before = path.read_bytes()
    pop = bed.pop3()
    pop.ok("DELE 1")
    written = path.stat().st_mtime_ns
    rooms = pop.session.rooms()
    if not why_no_brake(bed):
        brake(bed, pop, "pwrite64", 50)
    pop.stream.send(b"QUIT\r\n")
    until(lambda: path.stat().st_mtime_ns != written, "the mailbox to be written", 30)
    return path, before, pop, rooms


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def kill_all(rooms):
    """Monitor first, so that nobody is left who could undo or finish anything."""
    victims = [rooms.monitor.pid, *server.descendants(rooms.monitor.pid)]
    for pid in victims:
        os.kill(pid, signal.SIGSTOP)
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    until(lambda: not any(is_running(pid) for pid in victims), "the rooms to be gone")


def forget(bed, pop):
    """The session was killed by the test: its end is not to be judged."""
    pop.stream.close()
    pop.session.wait()
    bed.sessions.remove(pop.session)


def kept_in(bed, before, delivered=b""):
    """Every message that was not deleted is there exactly once, the others once or not at all."""
    if bed.format == "mbox":
        kept(before, bed.mailbox(), delivered)
        return
    expected = [message.content for message in mbox.parse(before + delivered)]
    left = [content for content in bed.kept() if content not in expected[:DOOMED["maildir"]]]
    equal(left, expected[DOOMED["maildir"]:], "the messages that were to stay")
    equal(len(set(bed.kept())), len(bed.kept()), "messages that are there once")


def kept(before, path, delivered=b""):
    """Every message but the first exactly once; the first once or not at all."""
    messages = mbox.parse(before)
    after = path.read_bytes()
    check(after in (raw(messages[1:]) + delivered, before + delivered), "the mailbox is not what it should be")


@over_each_format
@limit(120)
@each(("next_login", "login"), ("boot", "boot"), ("next_login_after_a_delivery", "login"), ("boot_after_a_delivery", "boot"))
def test_all_rooms_killed(bed, how):
    """Whoever comes next finishes the update, and mail delivered meanwhile is kept."""
    path, before, pop, rooms = begin_update(bed)
    kill_all(rooms)
    forget(bed, pop)
    whole = path.read_bytes() == before if bed.format == "mbox" else len(bed.kept()) == DOOMED["maildir"]
    check(not whole, "nothing had been moved, or all had been removed: the test is void")
    inode = path.stat().st_ino
    delivered = mbox.message(99) if "delivery" in bed.name else b""
    if delivered:
        bed.append(delivered)
    for lock in path.parent.glob("*.lock"):
        lock.unlink()           # the monitor was killed, too: the rule of ten minutes is tested elsewhere
    if how == "boot":
        options = [*bed.options(), "--log=stderr", "--recover"]
        done = subprocess.run([bed.program("pop3d"), *options], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=60, check=False)
        equal(done.returncode, 0, f"exit status of --recover; {done.stderr}")
        equal("an interrupted update was finished" in done.stderr, bed.format == "mbox", f"--recover had to finish it: {done.stderr}")
        kept_in(bed, before, delivered)
    next_pop = bed.pop3()
    kept_in(bed, before, delivered)
    equal(path.stat().st_ino, inode, "inode")
    equal(next_pop.stat()[0], len(bed.kept()), "messages")
    next_pop.quit()
    next_pop.session.finish()


@limit(120)
def test_worker_killed(bed):
    """The keeper outlives the process that does the work, and finishes it at once."""
    path, before, pop, rooms = begin_update(bed)
    workers = server.descendants(rooms.keeper.pid)
    check(workers, "nobody works for the keeper")
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    line = pop.stream.take_line(60)
    check(line.startswith((b"-ERR [SYS/TEMP]", b"+OK")), f"{line!r}")
    kept(before, path)
    pop.session.wait()


@over_each_format
@limit(120)
@each(("keeper", "keeper"), ("front", "front"), ("monitor", "monitor"), ("every_room", None))
def test_service_stopped(bed, room):
    """SIGTERM, as a service manager sends it, does not stop an update half-way."""
    path, before, pop, rooms = begin_update(bed)
    victims = [getattr(rooms, room)] if room else rooms.all
    for victim in victims:
        victim.kill(signal.SIGTERM)
    pop.stream.take_all(60)
    pop.session.wait(60)
    bed.left(raw(mbox.parse(before)[DOOMED[bed.format]:]), "mailbox")
    check(not list(path.parent.glob("*.lock")), "a dotlock was left")


@limit(120)
def test_foreign_rewrite_before_recovery(bed):
    """A mailbox that somebody rewrote since the crash is left alone, and the record is kept aside."""
    path, before, pop, rooms = begin_update(bed)
    kill_all(rooms)
    forget(bed, pop)
    for lock in path.parent.glob("*.lock"):
        lock.unlink()
    foreign = mbox.mailbox(5)
    with open(path, "r+b") as file:
        file.truncate(0)
        file.write(foreign)
    next_pop = bed.pop3()
    equal(next_pop.stat()[0], 5, "messages")
    next_pop.quit()
    equal(path.read_bytes(), foreign, "mailbox")
    check(any("put aside" in line for line in next_pop.session.log()), "nothing was logged")
    equal(len(list((bed.state / "alice").glob("*.aside.*"))), 1, "records aside")
    next_pop.session.finish()


def test_recover_finds_nothing(bed):
    """Nothing pending, nobody unknown in the way: silence and success."""
    bed.put(mbox.mailbox(2))
    pop = bed.pop3()
    pop.ok("DELE 1")
    pop.quit()
    pop.session.finish()
    (bed.state / "no-such-user").mkdir()
    before = bed.mailbox().read_bytes()
    done = subprocess.run([bed.program("pop3d"), *bed.options(), "--log=stderr", "--recover"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60, check=False)
    equal((done.returncode, done.stdout, done.stderr), (0, "", ""), "outcome")
    equal(bed.mailbox().read_bytes(), before, "mailbox")
    (bed.state / "no-such-user").rmdir()


@needs("root")
def test_recover_needs_no_capabilities(bed):
    """At boot it runs with the units' two capabilities: it looks as each user, not as root."""
    bed.put(mbox.mailbox(2))
    pop = bed.pop3()
    pop.quit()
    pop.session.finish()
    done = subprocess.run(["setpriv", "--bounding-set=-all,+setuid,+setgid,+sys_chroot", bed.program("pop3d"),
                           "--log=stderr", "--recover"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60, check=False)
    equal((done.returncode, done.stderr), (0, ""), "outcome")


@limit(120)
def test_pending_record_that_cannot_be_written(bed):
    """Whatever keeps a pending record from being finished, the mailbox is not served half-moved, nor changed."""
    path, before, pop, rooms = begin_update(bed)
    kill_all(rooms)
    forget(bed, pop)
    for lock in path.parent.glob("*.lock"):
        lock.unlink()
    torn = path.read_bytes()
    record, = records(bed)
    record.chmod(0o400)
    refused = bed.pop3(login=None)
    refused.ok("USER alice")
    check(refused.ask("PASS alicepw").startswith("-ERR [SYS/"), "the login was accepted")
    refused.session.wait()
    equal(path.read_bytes(), torn, "mailbox")
    record.chmod(0o600)
    finished = bed.pop3()
    kept(before, path)
    finished.quit()
    finished.session.finish()


def test_record_that_is_a_fifo(bed):
    """A user who puts a FIFO in the record's place holds up nobody but himself."""
    bed.put(mbox.mailbox(2))
    pop = bed.pop3()
    pop.quit()
    pop.session.finish()
    record, = records(bed)
    owner = record.stat()
    record.unlink()
    os.mkfifo(record, 0o600)
    os.chown(record, owner.st_uid, owner.st_gid)
    done = subprocess.run([bed.program("pop3d"), *bed.options(), "--log=stderr", "--recover"], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=20, check=False)
    equal(done.returncode, 75, f"exit status; {done.stderr}")
    refused = bed.pop3(login=None)
    refused.ok("USER alice")
    check(refused.ask("PASS alicepw").startswith("-ERR [SYS/"), "the login was accepted")
    refused.session.wait()
