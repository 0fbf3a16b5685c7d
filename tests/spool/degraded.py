"""Disks that are full or read-only, and limits: for real, on small file systems of the test's own."""

import contextlib
import os
import resource
import subprocess

from lib import mbox
from lib.suite import check, each, equal, needs, over_each_format
from lib.testbed import mount

PAGE = 4096


def raw(messages):
    return b"".join(message.raw for message in messages)


@contextlib.contextmanager
def small_disk(bed, kilobytes):
    """One small file system holds the spool and the state directories."""
    mounted = []
    try:
        for path, mode in (bed.spool, "2775"), (bed.state, "0771"):
            mount("none", path, "tmpfs", 0, f"size={kilobytes}k,mode={mode}")
            mounted.append(path)
            os.chown(path, 0, bed_group(path, bed))
        yield
    finally:
        for path in reversed(mounted):
            subprocess.run(["umount", "-l", str(path)], check=True)


def bed_group(path, bed):
    """mail for the spool, _restante for the state, as units/tmpfiles.d has it."""
    names = {bed.spool: "mail", bed.state: "_restante"}
    with open("/etc/group", encoding="ascii") as groups:
        return next(int(line.split(":")[2]) for line in groups if line.startswith(names[path] + ":"))


def fill(directory):
    """Until nothing more fits."""
    with contextlib.suppress(OSError), open(directory / "filler", "wb", buffering=0) as file:
        while True:
            file.write(b"x" * PAGE)


def visit_once(bed):
    """Somebody polled before the disk filled up, as somebody always has."""
    pop = bed.pop3()
    pop.stat()
    pop.quit()
    pop.session.finish()


@over_each_format
@needs("root")
@each(("first", [1]), ("middle", [2, 3]), ("last", [5]), ("all", [1, 2, 3, 4, 5]), ("all_but_last", [1, 2, 3, 4]))
def test_full_disk(bed, numbers):
    """Deleting works on a disk where nothing else does."""
    with small_disk(bed, 400):
        bed.put(mbox.mailbox(5, 40_000))
        before = mbox.parse(mbox.mailbox(5, 40_000))
        visit_once(bed)
        fill(bed.spool)
        fill(bed.state)
        pop = bed.pop3()
        equal(pop.stat()[0], 5, "messages")
        for number in numbers:
            pop.ok(f"DELE {number}")
        equal(pop.ask("QUIT"), "+OK bye", "QUIT")
        bed.left(raw(message for number, message in enumerate(before, 1) if number not in numbers), "mailbox")
        pop.session.finish()


@needs("root")
def test_full_disk_and_a_long_way_to_go(bed):
    """Where only moves of a few octets would fit, thousands of them, nothing is begun."""
    with small_disk(bed, 2000):
        path = bed.put(mbox.message(1) + mbox.mailbox(3, 500_000))
        before = path.read_bytes()
        visit_once(bed)
        fill(bed.state)
        pop = bed.pop3()
        pop.ok("DELE 1")
        check(pop.ask("QUIT").startswith(("-ERR [SYS/TEMP]", "+OK")), "QUIT")
        pop.session.finish()
        check(path.read_bytes() in (before, raw(mbox.parse(before)[1:])), "the mailbox is torn")


@over_each_format
@needs("root")
def test_read_only_spool(bed):
    """Reading goes on; DELE says at once that it cannot be."""
    with small_disk(bed, 400):
        before = mbox.mailbox(2)
        bed.put(before)
        subprocess.run(["mount", "-o", "remount,ro", str(bed.spool)], check=True)
        pop = bed.pop3()
        equal(pop.retr(1), mbox.parse(before)[0].wire(), "message")
        pop.expect("DELE 1", "-ERR [SYS/PERM] maildrop is read-only")
        pop.quit()
        pop.session.finish()
        bed.left(before, "mailbox")


@needs("root")
@each(("delete_the_last", 2, "+OK bye"), ("delete_the_first", 1, "-ERR [SYS/PERM] deleted messages were not removed"))
def test_read_only_state(bed, number, reply):
    """What needs no record still works."""
    with small_disk(bed, 400):
        path = bed.put(mbox.mailbox(2))
        before = mbox.parse(path.read_bytes())
        subprocess.run(["mount", "-o", "remount,ro", str(bed.state)], check=True)
        pop = bed.pop3()
        pop.ok(f"DELE {number}")
        equal(pop.ask("QUIT"), reply, "QUIT")
        pop.session.finish()
        equal(path.read_bytes(), raw(before[:1]) if number == 2 else raw(before), "mailbox")


@each(("delete_the_last", 3, "+OK bye"), ("delete_the_first", 1, "-ERR [SYS/TEMP] deleted messages were not removed"))
def test_file_size_limit(bed, number, reply):
    """RLIMIT_FSIZE below the mailbox's size: refused before anything is moved."""
    path = bed.put(mbox.mailbox(3, 40_000))
    before = mbox.parse(path.read_bytes())
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, unlimited[1]))      # the server inherits it
    try:
        pop = bed.pop3()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    pop.ok(f"DELE {number}")
    equal(pop.ask("QUIT"), reply, "QUIT")
    pop.session.finish()
    equal(path.read_bytes(), raw(before[:2]) if number == 3 else raw(before), "mailbox")
