"""Others who write to the mailbox while a session is open."""

import os

from lib import mbox
from lib.suite import check, each, equal, over_each_format

NEW = mbox.message(99, b"Came while the session was open.\n")
NOT_REMOVED = "-ERR [SYS/TEMP] deleted messages were not removed"


def raw(messages):
    return b"".join(message.raw for message in messages)


@over_each_format
@each(("first", [1]), ("middle", [2]), ("last", [3]), ("all", [1, 2, 3]), ("none", []))
def test_mail_that_came_survives_the_update(bed, deleted):
    mail = mbox.mailbox(3, 2000)
    path = bed.put(mail)
    inode = path.stat().st_ino
    pop = bed.pop3()
    bed.append(NEW)
    equal(pop.stat()[0], 3, "messages: new mail is invisible in this session")
    pop.err("RETR 4")
    for number in deleted:
        pop.ok(f"DELE {number}")
    equal(pop.quit(), "bye", "reply")
    pop.session.finish()
    kept = [message for number, message in enumerate(mbox.parse(mail), 1) if number not in deleted]
    bed.left(raw(kept) + NEW, "mailbox")
    equal(path.stat().st_ino, inode, "inode")
    equal(bed.pop3().stat()[0], len(kept) + 1, "messages in the next session")


def test_mail_that_came_behind_an_unfinished_line(bed):
    """The mailbox lacked its final newline; the program that appends adds it. The old message is still the same."""
    mail = mbox.mailbox(2).rstrip(b"\n")
    path = bed.put(mail)
    pop = bed.pop3()
    bed.append(b"\n\n" + NEW)
    pop.ok("DELE 1")
    pop.quit()
    pop.session.finish()
    equal(path.read_bytes(), mbox.parse(mail)[1].raw + b"\n\n" + NEW, "mailbox")


BLOCK = 256 * 1024      # octets that are read at once to verify what is deleted


@each(*((f"{more:+}".replace("+", "over_").replace("-", "under_"), more) for more in (-1024, -3, 0, 1, 2, 3)))
def test_mail_that_came_behind_one_of_a_block(bed, more):
    """Its end, and the From_ line behind, lie where one block ends and the next begins."""
    first = mbox.message(1, b"")
    filling = BLOCK + more - len(first)
    first = mbox.message(1, b"x" * 70 + b"\n" + b"y" * (filling - 72) + b"\n")
    equal(len(first), BLOCK + more, "octets of the message")
    kept = mbox.message(2)
    bed.put(first + kept)
    pop = bed.pop3()
    bed.append(NEW)
    pop.ok("DELE 1")
    equal(pop.quit(), "bye", "reply")
    pop.session.finish()
    bed.left(kept + NEW, "mailbox")


@over_each_format
def test_mail_that_came_before_a_retrieval(bed):
    """Growth is no reason to refuse a message that stands where it stood."""
    mail = mbox.mailbox(3)
    bed.put(mail)
    pop = bed.pop3()
    bed.append(NEW)
    for number, message in enumerate(mbox.parse(mail), 1):
        equal(pop.retr(number), message.wire(), f"message {number}")
    pop.quit()
    pop.session.finish()


@over_each_format
def test_fold_sees_mail_that_came(bed):
    bed.put(mbox.mailbox(2))
    pop = bed.pop2()
    bed.append(NEW)
    equal(pop.fold("INBOX"), 3, "messages after FOLD")
    pop.quit()
    pop.session.finish()


def begin_retrieval(bed, protocol):
    """Message 1 is being sent, and more is due than the connection holds; message 2 is marked."""
    mail = mbox.mailbox(3, 8_000_000)
    path = bed.put(mail)
    pop = getattr(bed, protocol)()
    if protocol == "pop3":
        pop.ok("DELE 2")
        pop.send("RETR 1")
        pop.read_line()
    else:
        pop.retr(pop.read(2))
        pop.ackd()
        pop.read(1)
        pop.send("RETR")
    pop.stream.take(1000)
    return mail, path, pop


@each(("pop3", "pop3"), ("pop2", "pop2"))
def test_truncated_during_a_retrieval(bed, protocol):
    """No terminator, no filling octets: the connection ends, and nothing is updated."""
    mail, path, pop = begin_retrieval(bed, protocol)
    os.truncate(path, 4_000_000)
    rest = pop.stream.take_all()
    check(not rest.endswith(b"\r\n.\r\n"), "the message was given a terminator")
    expected = mbox.parse(mail)[0].stuffed()[1000:]
    check(len(rest) < len(expected) and expected.startswith(rest), f"{len(rest)} octets that are not the message's")
    pop.session.finish()
    equal(path.read_bytes() == mail[:4_000_000], True, "mailbox as the other one left it")


def test_overwritten_during_a_retrieval(bed):
    """The same size, other octets: what was sent is no message, so it gets no terminator."""
    _, path, pop = begin_retrieval(bed, "pop3")
    with open(path, "r+b") as file:
        file.seek(6_000_000)
        file.write(b"#" * 1_000_000)
    changed = path.read_bytes()
    rest = pop.stream.take_all()
    check(not rest.endswith(b"\r\n.\r\n"), "the message was given a terminator")
    pop.session.finish()
    equal(path.read_bytes() == changed, True, "mailbox as the other one left it")


def test_overwritten_before_a_retrieval(bed):
    """Message 2 is not what it was at the login, so it is refused; message 1 still is."""
    mail = mbox.mailbox(2, 1000)
    path = bed.put(mail)
    pop = bed.pop3()
    with open(path, "r+b") as file:
        file.seek(len(mbox.parse(mail)[0].raw) + 400)
        file.write(b"#" * 100)
    equal(pop.retr(1), mbox.parse(mail)[0].wire(), "message 1")
    pop.expect("RETR 2", "-ERR [SYS/TEMP] message has changed, log in again")
    pop.quit()
    pop.session.finish()


def replace(bed, data):
    """As a program that updates by a new file and a rename."""
    path = bed.mailbox()
    owner = path.stat()
    new = path.with_name("alice.new")
    new.write_bytes(data)
    os.chown(new, owner.st_uid, owner.st_gid)
    new.chmod(0o660)
    new.rename(path)


@each(("pop3", "pop3"), ("pop2", "pop2"))
def test_replaced_by_rename(bed, protocol):
    """Another program put a new file in place: neither file is touched."""
    mail, other = mbox.mailbox(3), mbox.mailbox(1, 500)
    path = bed.put(mail)
    old = open(path, "rb")
    pop = getattr(bed, protocol)()
    replace(bed, other)
    if protocol == "pop3":
        pop.ok("DELE 1")
        pop.expect("QUIT", NOT_REMOVED)
    else:
        pop.retr(pop.read())
        pop.ackd()
        pop.expect("QUIT", "- deleted messages were not removed")
    pop.stream.expect_end()
    pop.session.finish()
    equal(path.read_bytes(), other, "the new mailbox")
    equal(old.read(), mail, "the old one")
    old.close()


def test_replaced_by_rename_without_deletions(bed):
    bed.put(mbox.mailbox(3))
    pop = bed.pop3()
    replace(bed, mbox.mailbox(1))
    equal(pop.quit(), "bye", "reply")
    pop.session.finish()


def test_removed(bed):
    path = bed.put(mbox.mailbox(3))
    pop = bed.pop3()
    path.unlink()
    pop.ok("DELE 1")
    pop.expect("QUIT", NOT_REMOVED)
    pop.session.finish()
    check(not path.exists(), "the mailbox came back")


@each(("first_removed", lambda messages: messages[1:]),
      ("last_removed", lambda messages: messages[:-1]),
      ("order_changed", lambda messages: [messages[1], messages[0], messages[2]]),
      ("emptied", lambda messages: []))
def test_rewritten_in_place(bed, change):
    """Another mail program updated the mailbox: our numbers mean nothing any more, so nothing is deleted."""
    messages = mbox.parse(mbox.mailbox(3, 1000))
    path = bed.put(raw(messages))
    pop = bed.pop3()
    with open(path, "r+b") as file:
        file.write(raw(change(messages)))
        file.truncate()
    pop.ok("DELE 1")
    pop.ok("DELE 3")
    pop.expect("QUIT", NOT_REMOVED)
    pop.session.finish()
    equal(path.read_bytes(), raw(change(messages)), "mailbox as the other one left it")


@each(("alone", [2]), ("first_of_two", [2, 3]), ("last_of_two", [1, 2]), ("among_all", [1, 2, 3]))
def test_status_header_changed_in_place(bed, deleted):
    """Even one octet of a message to be deleted: it is not the message the client saw."""
    mail = mbox.mailbox(3)
    path = bed.put(mail)
    pop = bed.pop3()
    changed = mail.replace(b"Subject: message 2", b"Subject: Message 2")
    with open(path, "r+b") as file:
        file.write(changed)
    for number in deleted:
        pop.ok(f"DELE {number}")
    pop.expect("QUIT", NOT_REMOVED)
    pop.session.finish()
    equal(path.read_bytes(), changed, "mailbox")


@each(("text", b"More of the same.\n\n"), ("without_a_line_end", b"More"), ("undated", b"From here on all is different.\n\n"),
      ("short", b"From"), ("dated_but_unfinished", b"From x@example.org Mon Jan  1 00:00:00 2024"))
def test_last_message_goes_on(bed, more):
    """Somebody wrote on behind it: what he wrote would stick to the message before it."""
    mail = mbox.mailbox(3)
    for deleted in [3], [1, 3], [2, 3], [1, 2, 3]:
        path = bed.put(mail)
        pop = bed.pop3()
        bed.append(more)
        for number in deleted:
            pop.ok(f"DELE {number}")
        pop.expect("QUIT", NOT_REMOVED)
        pop.session.finish()
        equal(path.read_bytes(), mail + more, f"mailbox, {deleted} deleted")


def test_last_message_goes_on_where_an_empty_line_was_missing(bed):
    """A From_ line that stands right behind text is text."""
    mail = mbox.mailbox(3).rstrip(b"\n") + b"\n"
    path = bed.put(mail)
    pop = bed.pop3()
    bed.append(NEW)
    pop.ok("DELE 3")
    pop.expect("QUIT", NOT_REMOVED)
    pop.session.finish()
    equal(path.read_bytes(), mail + NEW, "mailbox")


def test_kept_message_changed_in_place(bed):
    """A change to a message that stays is kept, whether or not the update is made."""
    mail = mbox.mailbox(3)
    path = bed.put(mail)
    pop = bed.pop3()
    changed = mail.replace(b"Subject: message 3", b"Subject: Message 3")
    with open(path, "r+b") as file:
        file.write(changed)
    pop.ok("DELE 1")
    status = pop.status("QUIT")
    pop.session.finish()
    expected = changed if status.startswith("-ERR") else raw(mbox.parse(changed)[1:])
    equal(path.read_bytes(), expected, f"mailbox after {status!r}")
