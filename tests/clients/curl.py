"""curl as a POP3 client: each command by URL and --request, from every kind of super-server."""

from clients import programs
from lib import mbox
from lib.suite import check, each, equal, needs

MAIL = mbox.mailbox(3, 3000)
LOGIN_DENIED, WEIRD_REPLY, NOT_THERE = 67, 8, 56


def listed(values):
    return b"".join(b"%d %s\r\n" % (number, str(value).encode()) for number, value in enumerate(values, 1))


@needs("curl")
@each(*programs.EVERY_WAY, programs.OVER_MAILDIR)
def test_reading(bed, how):
    service = programs.Service(bed, how)
    path = service.bed.put(MAIL)
    messages = mbox.parse(MAIL)
    ask = lambda path, *options: programs.curl(bed, service, path, *options)
    equal(ask(""), listed(message.size for message in messages), "LIST")
    equal(ask("", "--list-only"), listed(message.size for message in messages), "LIST for names only")
    equal(ask("2", "--list-only"), b"", "LIST 2 has no more lines")
    for number, message in enumerate(messages, 1):
        equal(ask(str(number)), message.wire(), f"RETR {number}")
    equal(ask("", "-X", "UIDL"), listed(service.uidls(messages)), "UIDL")
    equal(ask("", "-X", "TOP 2 4"), messages[1].top(4), "TOP 2 4")
    equal(ask("", "-X", "TOP 3 0"), messages[2].top(0), "TOP 3 0")
    capabilities = ask("", "-X", "CAPA").split(b"\r\n")
    check({b"TOP", b"UIDL", b"USER", b"PIPELINING"} <= set(capabilities), f"CAPA: {capabilities}")
    for command in "STAT", "NOOP", "RSET", "LAST", "UIDL 3", "LIST 1":
        ask("", "--head", "-X", command)
    service.left(MAIL, "the mailbox afterwards")
    service.ended(16)


@needs("curl")
@each(*programs.EVERY_WAY, programs.OVER_MAILDIR)
def test_deleting(bed, how):
    service = programs.Service(bed, how)
    path = service.bed.put(MAIL)
    programs.curl(bed, service, "", "--head", "-X", "DELE 2")
    messages = mbox.parse(MAIL)
    service.left(messages[0].raw + messages[2].raw, "the mailbox without message 2")
    equal(programs.curl(bed, service, "2"), messages[2].wire(), "what is now message 2")
    service.ended(2)


@needs("curl")
@each(*programs.ALL_WAYS)
def test_many_in_one_session(bed, how):
    mail = mbox.mailbox(50)
    service = programs.Service(bed, how)
    service.bed.put(mail)
    programs.curl(bed, service, "[1-50]", "-o", "got.#1")
    for number, message in enumerate(mbox.parse(mail), 1):
        equal((bed.dir / f"got.{number}").read_bytes(), message.wire(), f"message {number}")
    service.ended()
    check(" retrieved=50 " in service.log()[-1], service.log()[-1])


@needs("curl")
@each(("inetd", "inetd"), ("unprivileged", "unprivileged"))
def test_refusals(bed, how):
    """What is refused leaves the mailbox as it is, and curl can tell why."""
    service = programs.Service(bed, how)
    path = service.bed.put(MAIL)
    programs.curl(bed, service, "1", password="wrong", status=LOGIN_DENIED)
    programs.curl(bed, service, "4", status=(WEIRD_REPLY, NOT_THERE))
    programs.curl(bed, service, "", "--head", "-X", "DELE 4", status=(WEIRD_REPLY, NOT_THERE))
    service.left(MAIL, "the mailbox afterwards")
    service.ended(2)
    check(any(line.startswith("login failed: ") for line in service.log()), service.log())


@needs("root", "curl", "network")
def test_two_users_at_once(bed):
    """One listener, several sessions, each its own user's mail."""
    service = programs.Service(bed, "systemd")
    bed.put(MAIL, "alice")
    bed.put(mbox.mailbox(2), "bob")
    third = service.connect()           # has not said who it is
    check(third.take_line().startswith(b"+OK POP3 "), "no greeting")
    equal(programs.curl(bed, service, "2", user="bob"), mbox.parse(mbox.mailbox(2))[1].wire(), "bob's message")
    equal(programs.curl(bed, service, "2", user="alice"), mbox.parse(MAIL)[1].wire(), "alice's message")
    service.ended(2)
