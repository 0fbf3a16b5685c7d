"""FOLD: which names are mailboxes, and that each is a mailbox like the maildrop, with its own lock, record and dotlock."""

import fcntl
import os
import socket
import subprocess
import time
from pathlib import Path

from lib import maildir, mbox
from lib.suite import check, each, equal, limit, needs, over_each_format, until
from spool import recovery

MAIL, WORK = mbox.mailbox(2), mbox.mailbox(3)


def own(bed, path):
    bed.give(path, "alice")
    return path


def made(bed, directory):
    directory.mkdir(mode=0o700)
    return own(bed, directory)


def folders(bed):
    """The directory of alice's folders, and the options that name it."""
    if bed.privileged:
        root, options = Path("/home/alice/mail"), []
    else:
        root = bed.dir / "folders"
        options = [f"--folders={root}"]
    return made(bed, root), options


def put(bed, path, data=WORK, mode=0o600):
    path.write_bytes(data)
    path.chmod(mode)
    return own(bed, path)


def begin(bed, user=False):
    bed = bed.unprivileged() if user else bed
    bed.put(MAIL)
    root, options = folders(bed)
    return bed, root, bed.pop2(*options)


def end(pop):
    pop.quit()
    pop.session.finish()
    return [line for line in pop.session.log() if line.startswith(("warning", "error"))]


@over_each_format
@each(("root", False), ("user", True))
def test_several_mailboxes(bed, user):
    """Each FOLD commits the one before; each has its own numbers."""
    bed, root, pop = begin(bed, user)
    work, list_one = put(bed, root / "work"), put(bed, made(bed, root / "lists") / "a list", mbox.mailbox(1))
    equal(pop.fold("work"), 3, "work")
    pop.retr(pop.read(2))
    pop.ackd()
    equal(pop.fold(r"lists/a\ list"), 1, "lists/a list")
    pop.retr(pop.read(1))
    pop.ackd()
    equal(pop.fold("INBOX"), 2, "the maildrop")
    equal(pop.fold("work"), 2, "work again")
    equal(end(pop), [], "warnings")
    messages = mbox.parse(WORK)
    equal(work.read_bytes(), messages[0].raw + messages[2].raw, "work")
    equal(list_one.read_bytes(), b"", "lists/a list")
    bed.left(MAIL, "the maildrop")
    equal(sorted(entry.name for entry in root.iterdir()), ["lists", "work"], "folders")


@over_each_format
@each(("slashes", "lists//work"), ("dot", "./lists/./work"), ("slash_at_the_end", "lists/work/"), ("path", "{root}/lists/work"),
      ("odd_path", "{root}//lists/work"))
def test_spellings(bed, name):
    """One folder however it is spelt: its state is one, too."""
    bed, root, pop = begin(bed)
    put(bed, made(bed, root / "lists") / "work")
    equal(pop.fold("lists/work"), 3, "plainly spelt")
    before = sorted((bed.state / "alice").iterdir())
    equal(pop.fold(name.format(root=root)), 3, name)
    equal(sorted((bed.state / "alice").iterdir()), before, "files in the state directory")
    end(pop)


def bobs_spool(bed, root):
    bed.put(WORK, "bob", mode=0o666)
    return "/var/mail/bob"


def link(bed, root, target):
    (root / "work").symlink_to(target)
    return "work"


def link_between(bed, root):
    put(bed, made(bed, root / "real") / "work")
    (root / "link").symlink_to("real")
    return "link/work"


def hard_link(bed, root):
    put(bed, root / "work")
    os.link(root / "work", root / "other")
    return "other"


def fifo(bed, root):
    os.mkfifo(root / "work")
    own(bed, root / "work")
    return "work"


def unix_socket(bed, root):
    socket.socket(socket.AF_UNIX).bind(str(root / "work"))
    return "work"


def outside(bed, root):
    put(bed, root.parent / "outside")
    return "../outside"


def outside_by_path(bed, root):
    return str(put(bed, root.parent / "outside"))


def beside(bed, root):
    """The same text as the folders' directory at the beginning, and not below it."""
    (root.parent / "mailbox").write_bytes(WORK)
    return str(own(bed, root.parent / "mailbox"))


def unreadable(bed, root):
    put(bed, root / "work").chmod(0)
    return "work"


def anothers(bed, root):
    put(bed, root / "work", mode=0o666)
    os.chown(root / "work", 4002, 4002)
    return "work"


def message_of_a_maildir(bed, root):
    """It looks like an mbox, and deleting what is in it would change it."""
    maildir.make(root / "work", WORK, lambda made: own(bed, made))
    put(bed, root / "work/cur/1.a:2,S")
    return "work/cur/1.a:2,S"


def dangling(bed, root):
    return link(bed, root, "nowhere")


@over_each_format
@needs("root")
@each(("missing", lambda bed, root: "work"), ("passwd", lambda bed, root: "/etc/passwd"), ("dots", outside), ("path", outside_by_path),
      ("beside", beside), ("dots_and_passwd", lambda bed, root: "../../../etc/passwd"), ("only_dots", lambda bed, root: ".."),
      ("the_directory_itself", lambda bed, root: "."), ("root", lambda bed, root: "/"), ("a_slash_more", lambda bed, root: f"{root}/"),
      ("another's_spool", bobs_spool), ("proc", lambda bed, root: "/proc/self/mem"), ("proc_root", lambda bed, root: "/proc/self/root/etc/passwd"),
      ("link_out", lambda bed, root: link(bed, root, "/etc/passwd")), ("link_to_another's_spool", lambda bed, root: link(bed, root, bobs_spool(bed, root))),
      ("link_to_the_spool", lambda bed, root: link(bed, root, "/var/mail/alice")), ("dangling_link", dangling), ("link_between", link_between),
      ("hard_link", hard_link), ("fifo", fifo), ("socket", unix_socket), ("device", lambda bed, root: "/dev/zero"),
      ("message_of_a_maildir", message_of_a_maildir),
      ("directory", lambda bed, root: (root / "work").mkdir() or "work"), ("unreadable", unreadable), ("another's", anothers),
      ("too_long", lambda bed, root: "x" * 400), ("control", lambda bed, root: "wo\trk"), ("home", lambda bed, root: "~/mail/work"))
def test_nothing(bed, make):
    """#0, nothing logged but what any session logs, and the session goes on."""
    bed.put(MAIL)
    root, _ = folders(bed)
    name = make(bed, root)
    pop = bed.pop2()
    equal(pop.fold(name), 0, f"messages in {name}")
    equal(pop.read(1), 0, "length of message 1")
    equal(pop.fold("inbox"), 2, "the maildrop")
    equal(end(pop), [], "warnings")


@over_each_format
def test_a_folder_that_is_the_maildrop(bed):
    """By whatever name: one session lock, one record."""
    bed = bed.unprivileged()
    bed.put(MAIL)
    pop = bed.pop2(f"--folders={bed.spool.parent}")
    before = sorted((bed.state / "alice").iterdir())
    equal(pop.fold(f"{bed.spool.name}/alice"), 2, "as a folder")
    equal(sorted((bed.state / "alice").iterdir()), before, "files in the state directory")
    pop.retr(pop.read(1))
    pop.ackd()
    end(pop)
    bed.left(mbox.parse(MAIL)[1].raw, "the maildrop")


def test_without_the_directory(bed):
    bed.put(MAIL)
    pop = bed.pop2()
    equal(pop.fold("work"), 0, "messages")
    equal(end(pop), [], "warnings")


def test_a_maildir_as_folder(bed):
    bed, root, pop = begin(bed)
    path = root / "work"
    maildir.make(path, WORK, lambda made: own(bed, made))
    equal(pop.fold("work"), 3, "messages")
    pop.retr(pop.read(2))
    pop.ackd()
    equal(pop.fold("INBOX"), 2, "the maildrop")
    equal(end(pop), [], "warnings")
    equal([text for _, text in maildir.read(path)], [mbox.parse(WORK)[number].content for number in (0, 2)], "messages left")
    equal(len(list((path / "new").iterdir())), 0, "new messages left")


@needs("root")
def test_template(bed):
    """Hashed, and not in the home directory."""
    root = bed.dir / "a" / "alice"
    root.mkdir(parents=True)
    put(bed, own(bed, root) / "work")
    pop = bed.pop2(f"--folders={bed.dir}/%1/%u")
    equal(pop.fold("work"), 3, "messages")
    end(pop)


# Locks

@over_each_format
def test_its_own_session_lock(bed):
    """Two sessions may be in two mailboxes, and not in one."""
    bed, root, first = begin(bed)
    put(bed, root / "work")
    put(bed, root / "home", mbox.mailbox(1))
    equal(first.fold("work"), 3, "work")
    second = bed.pop2()
    equal(second.fold("home"), 1, "home")
    second.expect("FOLD work", "- maildrop is locked by another session")
    third = bed.pop2()
    end(third)
    end(first)


def test_busy_by_fcntl(bed):
    """Its mailbox locks are waited for, as the maildrop's are."""
    bed, root, pop = begin(bed)
    work = put(bed, root / "work")
    with open(work, "r+b") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        pop.send("FOLD work")
        time.sleep(0.5)
        fcntl.lockf(file, fcntl.LOCK_UN)
        equal(pop.read_line(), "#3", "reply")
    end(pop)


def test_waits_for_a_dotlock(bed):
    bed, root, pop = begin(bed)
    put(bed, root / "work")
    lock = put(bed, root / "work.lock", b"1\nelsewhere\n")
    pop.send("FOLD work")
    time.sleep(0.5)
    check(lock.exists(), "a dotlock was broken")
    lock.unlink()
    equal(pop.read_line(), "#3", "reply")
    end(pop)


@limit(120)
def test_makes_a_dotlock(bed):
    """While it updates: another program that knows nothing but dotlocks stays out."""
    bed, root, pop = begin(bed)
    work = put(bed, root / "work", mbox.mailbox(1, 5000) + mbox.mailbox(12, 5_000_000))
    equal(pop.fold("work"), 13, "messages")
    pop.retr(pop.read(1))
    pop.ackd()
    pop.send("FOLD INBOX")
    until(lambda: (root / "work.lock").exists(), "the dotlock", 30)
    equal(pop.stream.take_line(60), b"#2\r\n", "reply")
    equal(sorted(entry.name for entry in root.iterdir()), ["work"], "files in the folders' directory")
    equal(len(mbox.parse(work.read_bytes())), 12, "messages left")
    end(pop)


@needs("root", "sandbox", "strace")
@limit(120)
@each(("maildrop", False), ("folder", True))
def test_dotlock_is_refreshed(bed, folder):
    """An update that takes minutes is not taken for one that has died: its dotlock is touched every ten seconds."""
    large = mbox.mailbox(1, 5000) + mbox.mailbox(24, 5_000_000)
    bed, root, pop = begin(bed)
    path = put(bed, root / "work", large) if folder else bed.put(large)
    name = "work" if folder else "INBOX"
    equal(pop.fold(name), 25, name)
    pop.retr(pop.read(1))
    pop.ackd()
    tracer = recovery.brake(bed, pop, "pwrite64", 1000)
    pop.send("QUIT")
    lock = path.with_name(f"{path.name}.lock")
    until(lock.exists, "the dotlock", 30)
    first = lock.stat().st_mtime
    until(lambda: lock.stat().st_mtime > first + 8, "the dotlock to be touched", 30)
    tracer.terminate()
    check(pop.stream.take_line(60).startswith(b"+"), "reply")
    pop.session.finish()
    equal(len(mbox.parse(path.read_bytes())), 24, "messages left")
    check(not lock.exists(), "the dotlock is there")


# Recovery

@limit(120)
@each(("next_fold", False), ("boot", True))
def test_recovery(bed, boot):
    """A record of a folder is finished by whoever opens it, or at boot, where its name stands beside it."""
    bed, root, pop = begin(bed)
    before = mbox.mailbox(1, 5000) + mbox.mailbox(16, 5_000_000)
    work = put(bed, root / "work", before)
    equal(pop.fold("work"), 17, "messages")
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
    check(work.read_bytes() != before, "nothing had been moved: the test is void")
    for lock in root.glob("*.lock"):
        lock.unlink()
    if boot:
        done = subprocess.run([bed.program("pop3d"), *bed.options(), "--log=stderr", "--recover"], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60, check=False)
        equal(done.returncode, 0, f"exit status of --recover; {done.stderr}")
        check("an interrupted update was finished" in done.stderr, done.stderr)
        recovery.kept(before, work)
    again = bed.pop2()
    equal(again.fold("work"), len(mbox.parse(work.read_bytes())), "messages")
    recovery.kept(before, work)
    again.quit()
    again.session.finish()
