"""What an update leaves: every kept octet, the owner, the mode, the inode, and the unique ids."""

import os
import random

from lib import mbox
from lib.suite import check, each, equal, limit, needs, over_each_format


def raw(messages):
    return b"".join(message.raw for message in messages)


def delete(bed, numbers):
    pop = bed.pop3()
    for number in numbers:
        pop.ok(f"DELE {number}")
    pop.quit()
    pop.session.finish()


@each(("0600", 0o600), ("0640", 0o640), ("0660", 0o660), ("0664", 0o664))
def test_owner_mode_and_inode_stay(bed, mode):
    path = bed.put(mbox.mailbox(4, 3000), mode=mode)
    before = path.stat()
    delete(bed, [1, 3])
    delete(bed, [2])
    delete(bed, [1])
    after = path.stat()
    for field in "st_ino", "st_mode", "st_uid", "st_gid", "st_nlink":
        equal(getattr(after, field), getattr(before, field), field)
    equal(after.st_size, 0, "size")


@over_each_format
@each(*((f"seed_{seed}", seed) for seed in range(1, 9)))
def test_random_mailboxes(bed, seed):
    """Any set of deletions leaves exactly the others."""
    chance = random.Random(seed)
    pieces = [b"a line\n", b"\n", b".\n", b"From nowhere\n", b">From somewhere\n", b"crlf\r\n", b"\r", b"\0\xff\n", b"x" * 3000 + b"\n"]
    for _ in range(6):
        mail = b"".join(mbox.message(number, b"".join(chance.choices(pieces, k=chance.randrange(40))))
                        for number in range(chance.randrange(1, 25)))
        if chance.random() < 0.3:
            mail = mail[:-1]
        bed.put(mail)
        messages = mbox.parse(mail)
        deleted = sorted(chance.sample(range(1, len(messages) + 1), chance.randrange(len(messages) + 1)))
        pop = bed.pop3()
        equal(pop.stat(), (len(messages), mbox.octets(messages)), "STAT")
        equal(pop.uidls(), bed.uidls(messages), "UIDL")
        for number, message in enumerate(messages, 1):
            equal(pop.retr(number), message.wire(), f"message {number}")
        for number in deleted:
            pop.ok(f"DELE {number}")
        pop.quit()
        pop.session.finish()
        bed.left(raw(message for number, message in enumerate(messages, 1) if number not in deleted), f"mailbox without {deleted}")
        bed.take_away()


@over_each_format
@limit(120)
@each(("small_hole", 0, 6_000_000), ("big_hole", 30_000_000, 1_000_000))
def test_large_mailboxes(bed, first, others):
    """More octets move than one step carries; the hole is smaller or larger than a step."""
    mail = mbox.mailbox(1, first) + mbox.mailbox(8, others)
    bed.put(mail)
    delete(bed, [1, 4])
    messages = mbox.parse(mail)
    bed.left(raw(messages[1:3] + messages[4:]), "the kept messages")


def test_read_only_mailbox_file(bed):
    """The user may read the mailbox but not write it: that is said as soon as something shall be deleted."""
    mail = mbox.mailbox(2)
    path = bed.put(mail, mode=0o440)
    pop = bed.pop3()
    equal(pop.retr(1), mbox.parse(mail)[0].wire(), "message")
    pop.expect("DELE 1", "-ERR [SYS/PERM] maildrop is read-only")
    pop.quit()
    pop.session.finish()
    equal(path.read_bytes(), mail, "mailbox")


def test_retrieval_writes_nothing(bed):
    path = bed.put(mbox.mailbox(3))
    os.utime(path, (1_700_000_000, 1_700_000_000))
    pop = bed.pop3()
    pop.retr(1)
    pop.multi("TOP 2 1")
    pop.quit()
    equal((path.read_bytes(), path.stat().st_mtime), (mbox.mailbox(3), 1_700_000_000), "octets and time of the mailbox")


# Unique ids.

@over_each_format
def test_unique_ids_survive_updates(bed):
    mail = mbox.mailbox(5, 500)
    bed.put(mail)
    pop = bed.pop3()
    before = pop.uidls()
    pop.stream.close()                           # no QUIT
    pop.session.finish()
    delete(bed, [2, 4])
    bed.append(mbox.message(6))
    after = bed.pop3().uidls()
    equal(after[:3], [before[0], before[2], before[4]], "the ids of the kept messages")
    check(after[3] not in before, "a new message got an old id")


def test_unique_ids_do_not_see_the_from_line(bed):
    """Nor the Status headers that other mail programs add."""
    mail = mbox.mailbox(2)
    bed.put(mail)
    before = bed.pop3()
    ids = before.uidls()
    before.quit()
    bed.put(mail.replace(b"sender@example.org Mon", b"other@example.net Tue").replace(b"\nSubject:", b"\nStatus: RO\nX-Status: A\nSubject:"))
    equal(bed.pop3().uidls(), ids, "ids")


def test_unique_ids_of_identical_messages(bed):
    """Copies keep their suffixes when one of them is deleted, and a new copy gets one that nobody had."""
    twin = b"From sender@example.org Mon Jan  5 10:00:00 2026\nMessage-ID: <twin@example.org>\n\ntext\n\n"
    bed.put(twin * 3)
    pop = bed.pop3()
    before = pop.uidls()
    equal(before, [before[0], before[0] + "-2", before[0] + "-3"], "ids of three copies")
    pop.ok("DELE 1")
    pop.quit()
    bed.append(twin)
    after = bed.pop3().uidls()
    equal(after[:2], before[1:], "ids of the two that stayed")
    check(after[2] not in before, f"the new copy was given the id {after[2]} of an older one")


# The state directory.

def state_files(bed):
    return [path for path in bed.state.rglob("*") if path.is_file()]


@over_each_format
@each(("garbage", lambda path: path.write_bytes(os.urandom(path.stat().st_size or 100))),
      ("truncated", lambda path: os.truncate(path, path.stat().st_size // 2)),
      ("emptied", lambda path: os.truncate(path, 0)),
      ("zeroed", lambda path: path.write_bytes(bytes(path.stat().st_size))),
      ("removed", lambda path: path.unlink()))
def test_spoiled_state_costs_time_only(bed, spoil):
    mail = mbox.mailbox(5, 500)
    path = bed.put(mail)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    for _ in range(2):                           # the second session may already trust the index of the first
        bed.pop3().quit()
    files = state_files(bed)
    for file in files:
        spoil(file)
    messages = mbox.parse(mail)
    pop = bed.pop3()
    equal(pop.stat(), (5, mbox.octets(messages)), "STAT")
    equal(pop.uidls(), bed.uidls(messages), "UIDL")
    equal(pop.retr(3), messages[2].wire(), "message 3")
    pop.ok("DELE 2")
    pop.quit()
    pop.session.finish()
    bed.left(raw(messages[:1] + messages[2:]), "mailbox")


def test_index_does_not_hide_changes(bed):
    """The same size and the same modification time, other messages: no old answer is given."""
    mail = mbox.mailbox(3, 500)
    path = bed.put(mail)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    bed.pop3().quit()
    changed = mail.replace(b"<2@example.org>", b"<7@example.org>")
    path.write_bytes(changed)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    pop = bed.pop3()
    equal(pop.uidls(), mbox.uidls(mbox.parse(changed)), "UIDL")
    equal(pop.retr(2), mbox.parse(changed)[1].wire(), "message 2")
    pop.quit()


@needs("root")
def test_state_belongs_to_the_user(bed):
    bed.put(mbox.mailbox(2))
    bed.pop3().quit()
    (entry,) = bed.state.iterdir()
    equal((entry.stat().st_uid, entry.stat().st_mode & 0o777), (4001, 0o700), "owner and mode of the user's state")


@needs("root")
def test_without_a_state_directory(bed):
    """Mail can be read, and removed where that takes no more than cutting the mailbox off; anything else is refused."""
    mail = mbox.mailbox(3)
    path = bed.put(mail)
    nowhere = bed.dir / "file"
    nowhere.write_text("")
    pop = bed.pop3(f"--state={nowhere}/state")
    equal(pop.retr(1), mbox.parse(mail)[0].wire(), "message")
    pop.ok("DELE 1")
    pop.expect("QUIT", "-ERR [SYS/PERM] deleted messages were not removed")
    pop.session.finish()
    equal(path.read_bytes(), mail, "mailbox")
    equal(len([line for line in pop.session.log() if line.startswith("warning:")]), 1, f"warnings in {pop.session.log()}")
    pop = bed.pop3(f"--state={nowhere}/state")
    pop.ok("DELE 3")
    equal(pop.quit(), "bye", "reply to QUIT")
    equal(path.read_bytes(), raw(mbox.parse(mail)[:2]), "mailbox")
