"""Clients on lines that carry a few octets a second: after the login that is fine; before it the deadline holds (timeouts)."""

import time

from lib import mbox
from lib.suite import equal, limit

MAIL = mbox.mailbox(2, 500)
PAUSE = 0.15                      # so that the timeouts given below pass several times


def say(stream, octets):
    for octet in octets:
        stream.send(bytes([octet]))
        time.sleep(PAUSE)


@limit(60)
def test_pop3(bed):
    """Each command takes longer than half the timeout, the session many times that."""
    path = bed.put(MAIL)
    messages = mbox.parse(MAIL)
    pop = bed.pop3("--timeout=3", how="tcp")
    begin = time.monotonic()
    for command, reply in ((b"STAT\r\n", b"+OK 2 %d\r\n" % mbox.octets(messages)), (b"NOOP\r\n", b"+OK\r\n"),
                           (b"RETR 2\r\n", b"+OK %d octets\r\n" % messages[1].size)):
        say(pop.stream, command)
        equal(pop.stream.take_line(), reply, f"reply to {command}")
    equal(pop.read_multi(), messages[1].wire(), "message 2")
    for command in b"DELE 1\r\n", b"STAT\r\n", b"QUIT\r\n":
        say(pop.stream, command)
        equal(pop.stream.take_line()[:3], b"+OK", f"reply to {command}")
    pop.stream.expect_end()
    equal(time.monotonic() - begin > 3, True, "the session was longer than its timeout")
    equal(path.read_bytes(), messages[1].raw, "the mailbox")
    pop.session.finish()


@limit(60)
def test_pop2(bed):
    path = bed.put(MAIL)
    messages = mbox.parse(MAIL)
    pop = bed.pop2("--timeout=3", how="tcp")
    for command, reply in ((b"READ\r\n", b"=%d\r\n" % messages[0].size), (b"RETR\r\n", messages[0].wire()),
                           (b"ACKD\r\n", b"=%d\r\n" % messages[1].size), (b"READ 2\r\n", b"=%d\r\n" % messages[1].size)):
        say(pop.stream, command)
        equal(pop.stream.take(len(reply)), reply, f"reply to {command}")
    say(pop.stream, b"QUIT\r\n")
    equal(pop.stream.take_line()[:1], b"+", "reply to QUIT")
    pop.stream.expect_end()
    equal(path.read_bytes(), messages[1].raw, "the mailbox")
    pop.session.finish()
