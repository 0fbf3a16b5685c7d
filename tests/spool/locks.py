"""Session lock and mailbox locks: who waits for whom, and for how long."""

import fcntl
import os
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

from lib import client, mbox, server
from lib.suite import check, each, equal, limit, needs, over_each_format, until

MAIL = mbox.mailbox(3)
IN_USE = "-ERR [IN-USE] maildrop is locked by another session"
NOT_REMOVED = "-ERR [SYS/TEMP] deleted messages were not removed"


def take_fcntl(path):
    """The lock a delivery program takes; None while somebody has it. Belongs to this process until the file is closed."""
    file = open(path, "r+b")
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file


def dotlock(path):
    return path.with_name(path.name + ".lock")


def try_login(bed, **more):
    """Returns (reply to PASS, seconds it took, client)."""
    pop = bed.pop3(login=None, **more)
    pop.ok("USER alice")
    begin = time.monotonic()
    reply = pop.ask("PASS alicepw")
    return reply, time.monotonic() - begin, pop


def settle():
    """Nobody has written for the last moments: reading alone then takes no dotlock."""
    time.sleep(2.2)


# The session lock.

@over_each_format
def test_second_session_is_refused(bed):
    bed.put(MAIL)
    first = bed.pop3()
    reply, took, second = try_login(bed)
    equal(reply, IN_USE, "reply to the second")
    check(took < 10, f"it took {took:.1f} s")
    second.stream.expect_end()
    second.session.finish()
    check(" reason=inuse " in second.session.log()[-1], second.session.log()[-1])
    first.ok("DELE 1")
    first.quit()
    first.session.finish()
    equal(bed.pop3().stat()[0], 2, "messages for the third")


@over_each_format
def test_pop2_and_pop3_share_the_lock(bed):
    bed.put(MAIL)
    first = bed.pop3()
    second = bed.pop2(login=None)
    second.expect("HELO alice alicepw", "- maildrop is locked by another session")
    second.stream.expect_end()
    second.session.finish()
    first.quit()
    equal(bed.pop2().read(1), mbox.parse(MAIL)[0].size, "size")


@over_each_format
def test_missing_mailbox_is_locked_too(bed):
    first = bed.pop3()
    equal(try_login(bed)[0], IN_USE, "reply to the second")
    first.quit()


@over_each_format
@needs("root")
def test_users_do_not_lock_each_other(bed):
    bed.put(MAIL)
    bed.put(MAIL, "bob")
    bed.pop3(login="alice").ok("NOOP")
    bed.pop3(login="bob").ok("NOOP")


@over_each_format
@each(("closed", lambda pop: pop.stream.close()), ("monitor_killed", lambda pop: pop.session.process.kill()))
def test_lock_ends_with_the_session(bed, end):
    bed.put(MAIL)
    first = bed.pop3()
    end(first)
    until(lambda: not first.session.process.poll() is None, "the end of the first session")
    until(lambda: try_login(bed)[0].startswith("+OK"), "a login after the first session has ended")


# The mailbox locks.

def test_idle_session_holds_no_mailbox_lock(bed):
    path = bed.put(MAIL)
    pop = bed.pop3()
    pop.retr(1)
    pop.ok("DELE 1")
    file = take_fcntl(path)
    check(file, "the mailbox is locked while the client idles")
    file.close()
    until(lambda: os.listdir(bed.spool) == ["alice"], "a spool without lock files", 2)
    pop.quit()
    pop.session.finish()
    equal(os.listdir(bed.spool), ["alice"], "files in the spool after the session")


def test_no_lock_is_held_while_a_client_reads(bed):
    path = bed.put(mbox.mailbox(1, 5_000_000))
    pop = bed.pop3()
    pop.send("RETR 1")
    pop.stream.take(1000)
    file = take_fcntl(path)
    check(file, "the mailbox is locked while a message is sent")
    file.close()
    until(lambda: not dotlock(path).exists(), "a spool without lock files while a message is sent", 2)


@limit(90)
@each(("fcntl", take_fcntl), ("dotlock", lambda path: dotlock(path).write_text("1 elsewhere\n")))
def test_held_lock_delays_then_refuses(bed, hold):
    path = bed.put(MAIL)
    held = hold(path)                            # an open file keeps its lock as long as it is referred to
    before = sorted(os.listdir(bed.spool))
    reply, took, pop = try_login(bed)
    equal(reply, IN_USE, "reply")
    check(20 <= took <= 45, f"it took {took:.1f} s instead of about 30")
    pop.stream.expect_end()
    pop.session.finish()
    equal(sorted(os.listdir(bed.spool)), before, "files in the spool: the lock of another one stays")
    del held


HELD = (("fcntl", take_fcntl, lambda path, held: held.close()),
        ("dotlock", lambda path: dotlock(path).write_text("1 elsewhere\n"), lambda path, held: dotlock(path).unlink()))


@each(*((f"{name}/{when}", *how, wait) for name, *how in HELD for when, wait in (("new", lambda: None), ("old", settle))))
def test_login_goes_on_when_the_lock_is_released(bed, hold, release, wait):
    """However long ago its holder wrote: he may be in the middle of a message, and slow."""
    path = bed.put(MAIL)
    wait()
    held = hold(path)
    pop = bed.pop3(login=None)
    pop.ok("USER alice")
    pop.send("PASS alicepw")
    check(pop.stream.silent(3), "an answer although the mailbox is locked")
    release(path, held)
    check(pop.read_line().startswith("+OK"), "no login after the release")
    pop.quit()
    pop.session.finish()


@each(("small", MAIL), ("indexed", mbox.mailbox(3, 150_000)))
def test_polls_write_nothing(bed, mail):
    """In the spool, where a mailbox is left alone: a dotlock would be a file made and removed."""
    bed.put(mail)
    changed = lambda: bed.spool.stat().st_mtime_ns
    before = changed()
    bed.pop3().quit()
    check(changed() != before, "just written: read under a dotlock")
    settle()
    bed.pop3().quit()                           # only now can an index be sure of the times
    before = changed()
    for _ in range(2):
        pop = bed.pop3()
        equal([pop.retr(number) for number in (1, 2, 3)], [message.wire() for message in mbox.parse(mail)], "messages")
        pop.quit()
    equal(changed(), before, "the spool's time")


def append_slowly(path):
    """Half a message when it is too late to see the dotlock at first, the other half three seconds later."""
    more = mbox.message(4, b"line\n" * 40)
    dotlock(path).write_text("1 elsewhere\n")
    with open(path, "ab", buffering=0) as file:
        file.write(more[:150])
        time.sleep(3)
        file.write(more[150:])
    dotlock(path).unlink()


def break_a_from_line(path):
    """The same size, and the old times put back, as mail readers do."""
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    with open(path, "r+b") as file:
        file.seek(MAIL.rindex(b"\nFrom ") + 1)
        file.write(b"Fram ")
    os.utime(path, ns=times)


@needs("root", "strace", "sandbox")
@each(("appended", append_slowly, 4), ("rewritten", break_a_from_line, 2))
def test_written_while_it_is_read(bed, write, count):
    """Behind the keeper's first look, and behind its reading: it reads again, under both locks."""
    path = bed.put(MAIL)
    settle()
    session = server.Session(["strace", "-f", "-qq", "-o", bed.dir / "trace", "-P", path, "-e", "trace=pread64", "-e",
                              "inject=pread64:delay_exit=2000000:when=1", bed.program("pop3d"), *bed.options(), "--log=stderr"],
                             "socketpair", bed.dir / "log.traced")
    bed.sessions.append(session)
    pop = client.Pop3(session.stream)
    pop.ok("USER alice")
    pop.send("PASS alicepw")
    until(lambda: b"pread64" in (bed.dir / "trace").read_bytes(), "the keeper to read", 10)
    write(path)
    check(pop.read_line().startswith(f"+OK maildrop has {count} messages"), "the login")
    equal(pop.retr(count), mbox.parse(path.read_bytes())[-1].wire(), "the last message")
    pop.quit()


@limit(90)
def test_held_lock_at_quit(bed):
    """QUIT waits, gives up, says so, and has deleted nothing."""
    path = bed.put(MAIL)
    pop = bed.pop3()
    pop.ok("DELE 2")
    held = take_fcntl(path)
    begin = time.monotonic()
    pop.expect("QUIT", NOT_REMOVED)
    check(20 <= time.monotonic() - begin <= 45, f"it took {time.monotonic() - begin:.1f} s instead of about 30")
    pop.stream.expect_end()
    held.close()
    pop.session.finish()
    equal(path.read_bytes(), MAIL, "mailbox")


def test_quit_without_deletions_needs_no_lock(bed):
    path = bed.put(MAIL)
    pop = bed.pop3()
    held = take_fcntl(path)
    begin = time.monotonic()
    pop.quit()
    check(time.monotonic() - begin < 5, "QUIT waited for a lock it does not need")
    held.close()


def test_stale_dotlock_is_broken(bed):
    path = bed.put(MAIL)
    dotlock(path).write_text("1 elsewhere\n")
    old = time.time() - 660
    os.utime(dotlock(path), (old, old))
    reply, took, pop = try_login(bed)
    check(reply.startswith("+OK"), reply)
    check(took < 20, f"it took {took:.1f} s")
    pop.quit()
    pop.session.finish()
    equal(os.listdir(bed.spool), ["alice"], "files in the spool")


@limit(90)
def test_dotlock_of_nine_minutes_is_alive(bed):
    path = bed.put(MAIL)
    dotlock(path).write_text("1 elsewhere\n")
    old = time.time() - 540
    os.utime(dotlock(path), (old, old))
    equal(try_login(bed)[0], IN_USE, "reply")


@needs("root")
def test_spool_without_dotlocks(bed):
    """Where no lock file can be made the kernel's lock has to do; that is logged once."""
    path = bed.put(MAIL)
    bed.spool.chmod(0o755)
    try:
        pop = bed.pop3()
        pop.ok("DELE 1")
        pop.quit()
    finally:
        bed.spool.chmod(0o2775)
    pop.session.finish()
    equal(path.read_bytes(), b"".join(message.raw for message in mbox.parse(MAIL)[1:]), "mailbox")
    warnings = [line for line in pop.session.log() if line.startswith("warning:")]
    equal(len(warnings), 1, f"warnings in {pop.session.log()}")


def is_locked(path):
    """Does somebody else hold a write lock? Asks without taking one."""
    with open(path, "rb") as file:
        query = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        return struct.unpack("hhqqi4x", fcntl.fcntl(file, fcntl.F_GETLK, query))[0] != fcntl.F_UNLCK


def test_both_locks_are_held_during_an_update(bed):
    path = bed.put(mbox.mailbox(10, 20_000_000))
    pop = bed.pop3()
    pop.ok("DELE 1")
    pop.send("QUIT")
    until(lambda: dotlock(path).exists() and is_locked(path), "both locks at the same time", 20)
    equal(pop.read_line(), "+OK bye", "reply")
    pop.session.finish()
    check(not dotlock(path).exists() and not is_locked(path), "a lock is left")


DELIVERY = r'''
import fcntl, os, sys, time
path, count = sys.argv[1], int(sys.argv[2])
lock = path + ".lock"
for number in range(1, count + 1):
    while True:
        file = open(path, "ab")
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
            break
        except OSError:
            file.close()
            time.sleep(0.002)
    file.write(b"From delivery@example.org Mon Jan  5 10:00:00 2026\nMessage-ID: <%d@delivery>\n\n%s\n\n"
               % (number, b"text of message %d\n" % number * (number % 50)))
    file.flush()
    os.unlink(lock)
    file.close()
    time.sleep(0.003)
'''


@limit(120)
def test_delivery_and_retrieval_side_by_side(bed):
    """A program that locks as Debian says delivers 300 messages while clients fetch and delete: each arrives once."""
    bed.put(b"")
    delivery = subprocess.Popen([sys.executable, "-c", DELIVERY, str(bed.mailbox()), "300"])
    seen = []
    try:
        while len(seen) < 300:
            done = delivery.poll() is not None
            pop = bed.pop3()
            count, _ = pop.stat()
            for number in range(1, count + 1):
                seen.append(int(pop.retr(number).split(b"@delivery")[0].split(b"<")[1]))
                pop.ok(f"DELE {number}")
            pop.quit()
            pop.session.finish()
            check(count or not done, f"only {len(seen)} of 300 messages came")
    finally:
        delivery.kill()
        delivery.wait()
    equal(seen, list(range(1, 301)), "messages in the order of delivery")


@over_each_format
@needs("root", "strace")
@each(("pop3", "pop3"), ("pop2", "pop2"))
def test_next_session_at_once(bed, protocol):
    """Who has been told good-bye can log in again at once: the lock goes before the reply, however slowly files close."""
    bed.put(mbox.mailbox(1))
    begin = getattr(bed, protocol)
    following = begin(login=None)
    talk = begin()
    brake = subprocess.Popen(["strace", "-p", str(talk.session.rooms().keeper.pid), "-e", "trace=close", "-e", "inject=close:delay_enter=1000000"],
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        check(b"attached" in brake.stderr.readline(), "strace attaches to nothing")
        talk.quit()
        following.login("alice", "alicepw")
    finally:
        brake.terminate()
        brake.stderr.close()
        brake.wait(20)


@limit(90)
@each(("this_container", 0, True), ("another_container", 1, False))
def test_dotlock_of_a_dead_process(bed, other, broken):
    """A process ID counts where it was given: in another container of this host and name it may live all the same."""
    dead = subprocess.Popen(["true"], stdin=subprocess.DEVNULL)
    dead.wait()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    lock = bed.put(mbox.mailbox(1)).with_name("alice.lock")
    lock.write_text(f"{dead.pid}\n{socket.gethostname()}\n{boot}/{os.stat('/proc/self/ns/pid').st_ino + other}\n")
    bed.give(lock, "alice")
    pop = bed.pop3(login=None)
    pop.ok("USER alice")
    begun = time.monotonic()
    answer = pop.ask("PASS alicepw")
    equal(answer.startswith("+OK"), broken, f"it is broken: {answer}")
    check(broken or time.monotonic() - begun > 20, "the lock is not waited for")
    equal(lock.exists(), not broken, "the lock is there")
    lock.unlink(missing_ok=True)
