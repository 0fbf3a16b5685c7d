"""Python's own POP3 client, every method of it."""

import poplib

from clients import programs
from lib import mbox
from lib.suite import Failure, check, each, equal

MAIL = mbox.mailbox(5, 1500)
HOWS = programs.EVERY_WAY


def begin(service, user="alice"):
    pop = poplib.POP3(*service.address, timeout=40)
    pop.user(user)
    pop.pass_(programs.PASSWORDS[user])
    return pop


def joined(lines):
    return b"".join(line + b"\r\n" for line in lines)


def refused(method, *arguments):
    """The text of the error."""
    try:
        method(*arguments)
    except poplib.error_proto as error:
        return error.args[0]
    raise Failure(f"{method.__name__}{arguments} was not refused")


@each(*programs.ALL_WAYS)
def test_every_method(bed, how):
    service = programs.Service(bed, how)
    service.bed.put(MAIL)
    messages = mbox.parse(MAIL)
    total = mbox.octets(messages)
    pop = poplib.POP3(*service.address, timeout=40)
    check(pop.getwelcome().startswith(b"+OK POP3 "), pop.getwelcome())
    before = pop.capa()
    check({"TOP", "USER", "UIDL", "UTF8", "PIPELINING", "RESP-CODES", "AUTH-RESP-CODE", "EXPIRE"} <= set(before), before)
    equal(before["EXPIRE"], ["NEVER"], "EXPIRE")
    refused(pop.stat)
    if "SASL" not in before or "CRAM-MD5" not in before["SASL"]:        # else there are secrets, and APOP is one way to use them
        refused(pop.apop, "alice", "alicepw")
    refused(pop.rpop, "alice")
    equal(pop.utf8(), b"+OK UTF-8 is welcome", "UTF8")
    refused(pop.stls)
    equal(pop.user("alice"), b"+OK send PASS", "USER")
    equal(pop.pass_("alicepw"), b"+OK maildrop has 5 messages (%d octets)" % total, "PASS")
    equal(pop.stat(), (5, total), "STAT")
    response, lines, octets = pop.list()
    equal((response, lines), (b"+OK 5 messages (%d octets)" % total,
                              [b"%d %d" % (number, message.size) for number, message in enumerate(messages, 1)]), "LIST")
    equal(octets, len(joined(lines)), "octets of the list")
    equal(pop.list(3), b"+OK 3 %d" % messages[2].size, "LIST 3")
    for number, message in enumerate(messages, 1):
        response, lines, octets = pop.retr(number)
        equal((response, joined(lines), octets), (b"+OK %d octets" % message.size, message.wire(), message.size), f"RETR {number}")
    for count in 0, 1, 5, 10_000:
        equal(joined(pop.top(2, count)[1]), messages[1].top(count), f"TOP 2 {count}")
    uidls = [line.decode() for line in pop.uidl()[1]]
    equal(uidls, [f"{number} {uidl}" for number, uidl in enumerate(service.uidls(messages), 1)], "UIDL")
    equal(pop.uidl(4), b"+OK " + uidls[3].encode(), "UIDL 4")
    equal(pop.noop(), b"+OK", "NOOP")
    equal(pop.dele(2), b"+OK message 2 marked for deletion", "DELE 2")
    equal(pop.stat(), (4, total - messages[1].size), "STAT after DELE")
    for method in pop.retr, pop.dele, pop.list, pop.uidl:
        equal(refused(method, 2), b"-ERR message is deleted", method.__name__)
    equal(pop.rset(), b"+OK maildrop has 5 messages (%d octets)" % total, "RSET")
    equal(pop.stat(), (5, total), "STAT after RSET")
    after = pop.capa()
    equal({name: after.get(name) for name in before}, before, "the capabilities before the login, after it")
    check("IMPLEMENTATION" in after, after)
    for method in pop.retr, pop.dele, pop.list, pop.uidl:
        equal(refused(method, 6), b"-ERR no such message", method.__name__)
    equal(pop.quit(), b"+OK bye", "QUIT")
    service.left(MAIL, "the mailbox afterwards")
    service.ended()


@each(*programs.ALL_WAYS)
def test_deletions(bed, how):
    service = programs.Service(bed, how)
    path = service.bed.put(MAIL)
    raw = [message.raw for message in mbox.parse(MAIL)]
    pop = begin(service)
    pop.dele(1)
    pop.dele(4)
    pop.close()                     # without QUIT
    service.ended(reason="eof")
    service.left(MAIL, "the mailbox after a torn connection")
    pop = begin(service)
    pop.dele(1)
    pop.dele(4)
    pop.quit()
    service.left(raw[1] + raw[2] + raw[4], "the mailbox after QUIT")


@each(("inetd", "inetd"), ("unprivileged", "unprivileged"))
def test_errors_do_not_end_the_session(bed, how):
    service = programs.Service(bed, how)
    service.bed.put(MAIL)
    pop = poplib.POP3(*service.address, timeout=40)
    equal(refused(pop.pass_, "alicepw"), b"-ERR send USER first", "PASS without USER")
    pop.user("alice")
    equal(refused(pop.pass_, "wrong"), b"-ERR [AUTH] authentication failed", "PASS wrong")
    pop.user("alice")
    pop.pass_("alicepw")
    refused(pop.user, "bob")
    equal(refused(pop.retr, 0), b"-ERR no such message", "RETR 0")
    equal(refused(pop.retr, "x"), b"-ERR not a message number", "RETR x")
    equal(refused(pop._shortcmd, "XTND XMIT"), b"-ERR unknown command", "XTND")
    equal(pop.stat()[0], 5, "STAT")
    pop.quit()
    service.ended()


@each(*programs.PRIVILEGED)
def test_two_users(bed, how):
    """Sessions of two users beside each other, from one listener; the second session of one of them is refused."""
    service = programs.Service(bed, how)
    bed.put(MAIL)
    bed.put(mbox.mailbox(2), "bob")
    alice, bob = begin(service), begin(service, "bob")
    equal((alice.stat()[0], bob.stat()[0]), (5, 2), "messages")
    third = poplib.POP3(*service.address, timeout=40)
    third.user("bob")
    equal(refused(third.pass_, "bobpw"), b"-ERR [IN-USE] maildrop is locked by another session", "the third")
    alice.dele(1)
    bob.dele(1)
    alice.quit()
    bob.quit()
    equal(bed.mailbox("bob").read_bytes(), mbox.message(2, b"Body of message 2.\n"), "bob's mailbox")
    equal(bed.mailbox("alice").read_bytes(), b"".join(message.raw for message in mbox.parse(MAIL)[1:]), "alice's mailbox")
