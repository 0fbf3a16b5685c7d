"""fetchmail: everything at once, and by UIDL while mail goes on arriving."""

from clients import mail, programs
from lib import mbox
from lib.suite import check, each, equal, needs

MAIL = mbox.mailbox(4, 3000)
MORE = mbox.message(5) + mbox.message(6)


def texts(data):
    """What the delivery agent gets of these messages."""
    return [message.wire().replace(b"\r\n", b"\n") for message in mbox.parse(data)]


@needs("fetchmail")
@each(*programs.ALL_WAYS)
def test_all(bed, how):
    """The usual: fetch, and delete what was fetched."""
    service, store = programs.Service(bed, how), programs.Store(bed)
    path = service.bed.put(MAIL)
    programs.fetchmail(bed, service, store, "fetchall")
    equal(store.messages(), texts(MAIL), "messages")
    service.left(b"", "the mailbox afterwards")
    programs.fetchmail(bed, service, store, "fetchall", status=programs.NO_MAIL)
    equal(len(store.messages()), 4, "messages after the second run")
    service.ended(2)


@needs("fetchmail")
@each(*programs.EVERY_WAY, programs.OVER_MAILDIR)
def test_kept_by_uidl(bed, how):
    """Mail stays; each message is fetched once, whatever comes and goes between."""
    service, store = programs.Service(bed, how), programs.Store(bed)
    path = service.bed.put(MAIL)
    fetch = lambda status=programs.FETCHED: programs.fetchmail(bed, service, store, "keep", server_options=["uidl"], status=status)
    fetch()
    equal(store.messages(), texts(MAIL), "messages of the first run")
    fetch(programs.NO_MAIL)
    service.bed.append(MORE)
    fetch()
    equal(store.messages(), texts(MAIL + MORE), "messages after mail had come")
    service.left(MAIL + MORE, "the mailbox")
    programs.curl(bed, service, "", "--head", "-X", "DELE 2")       # a second client tidies up
    service.bed.append(mbox.message(7))
    fetch()
    equal(store.messages(), texts(MAIL + MORE + mbox.message(7)), "messages after one had gone and one had come")
    service.ended(5)


@needs("fetchmail")
@each(*programs.TWO_WAYS, programs.OVER_MAILDIR)
def test_kept_by_fast_uidl(bed, how):
    """With fastuidl it looks for the first new message by asking for single UIDLs, and every third time for all."""
    service, store = programs.Service(bed, how), programs.Store(bed)
    data = mbox.mailbox(30)
    service.bed.put(data)
    fetch = lambda: programs.fetchmail(bed, service, store, "keep", "fastuidl", "3", server_options=["uidl"])
    fetch()
    for number in range(31, 36):
        service.bed.append(mbox.message(number))
        data += mbox.message(number)
        fetch()
        equal(store.messages(), texts(data), f"messages after message {number} had come")
    service.left(data, "the mailbox")
    service.ended(6)


@needs("fetchmail", "procmail")
@each(*programs.PRIVILEGED)
def test_kept_by_uidl_and_procmail(bed, how):
    """The same with mail that procmail delivers, before and between."""
    service, store = programs.Service(bed, how), programs.Store(bed)
    expected = []
    for run in range(3):
        for number in range(4):
            text = mail.made(f"run {run} message {number}", b"A body.\n" * 20 * number)
            mail.procmail(text)
            expected.append(text)
        programs.fetchmail(bed, service, store, "keep", server_options=["uidl"])
        equal(store.messages(), expected, f"messages after run {run}")
    service.ended(3)


@needs("fetchmail")
@each(*programs.EVERY_WAY, programs.OVER_MAILDIR)
def test_limited_and_flushed(bed, how):
    """--limit with LIST's sizes: what is too large stays, the rest goes."""
    large = mbox.message(9, b"x" * 70 + b"\n" + b"y" * 70 + b"\n" * 20000)
    service, store = programs.Service(bed, how), programs.Store(bed)
    path = service.bed.put(MAIL + large)
    programs.fetchmail(bed, service, store, "fetchall", "limit", "10000", "warnings", "0")
    equal(store.messages(), texts(MAIL), "messages")
    service.left(large, "the mailbox afterwards")
    service.ended()


AUTHENTICATION_FAILED = 3


@needs("fetchmail")
@each(("inetd", "inetd"), ("unprivileged", "unprivileged"))
def test_wrong_password(bed, how):
    """fetchmail must know it for what it is: a text with `lock` or `wait` in it would make it try again for ever."""
    service, store = programs.Service(bed, how), programs.Store(bed)
    path = service.bed.put(MAIL)
    programs.fetchmail(bed, service, store, "fetchall", password="wrong", status=AUTHENTICATION_FAILED)
    service.left(MAIL, "the mailbox afterwards")


LOCK_BUSY = 9


@needs("fetchmail")
@each(*programs.EVERY_WAY, programs.OVER_MAILDIR)
def test_busy_maildrop(bed, how):
    """And a maildrop that is in use must not be taken for a wrong password."""
    service, store = programs.Service(bed, how), programs.Store(bed)
    service.bed.put(MAIL)
    first = service.connect()
    for command in b"", b"USER alice\r\n", b"PASS alicepw\r\n":
        first.send(command)
        check(first.take_line().startswith(b"+OK"), command)
    programs.fetchmail(bed, service, store, "fetchall", status=LOCK_BUSY)
    equal(store.messages(), [], "messages")
    first.send(b"QUIT\r\n")
    first.take_all()
    programs.fetchmail(bed, service, store, "fetchall")
    equal(store.messages(), texts(MAIL), "messages")
