"""POP2 clients: one that goes by every letter of RFC 937, and the ways of those that were in use."""

import re
import select
import socket

from clients import mail, programs
from lib import mbox
from lib.suite import check, each, equal

MAIL = mbox.mailbox(4, 2500)
HOWS = programs.EVERY_WAY
AUTH, MBOX, ITEM, NEXT, DONE = "AUTH", "MBOX", "ITEM", "NEXT", "DONE"


class Strict:
    """Sends only what the decision table allows, and accepts only what it says. Every octet is looked at."""

    REPLIES = {      # command: (first octet of the reply, states it is allowed in, the state afterwards)
        "HELO": ("#", [AUTH], MBOX), "FOLD": ("#", [MBOX, ITEM], MBOX), "READ": ("=", [MBOX, ITEM], ITEM),
        "ACKS": ("=", [NEXT], ITEM), "ACKD": ("=", [NEXT], ITEM), "NACK": ("=", [NEXT], ITEM),
        "QUIT": ("+", [AUTH, MBOX, ITEM], DONE)}

    def __init__(self, stream):
        self.stream, self.state, self.length = stream, AUTH, 0
        check(re.fullmatch(rb"\+ POP2 [!-~]+( [ -~]*)?\r\n", greeting := self.line()), f"greeting {greeting!r}")

    def line(self):
        line = self.stream.take_line()
        check(line.endswith(b"\r\n") and len(line) <= 512, f"a reply of {len(line)} octets: {line[:100]!r}")
        self.nothing_more()
        return line

    def nothing_more(self):
        check(not self.stream.buffer and not select.select([self.stream.reader], [], [], 0.02)[0]
              or self.state == DONE, f"more than was asked for: {bytes(self.stream.buffer[:200])!r}")

    def say(self, command, *words):
        sign, states, after = self.REPLIES[command]
        check(self.state in states, f"this test sends {command} in {self.state}")
        sent = " ".join([command, *words]).encode() + b"\r\n"
        check(len(sent) <= 512, "this test sends too much")
        self.stream.send(sent)
        self.state = after
        reply = self.line()
        digits = rb"(0|[1-9]\d*)" if sign in "#=" else rb"()"
        match = re.fullmatch(re.escape(sign).encode() + digits + rb"( [ -~]*)?\r\n", reply)
        check(match, f"{sent!r}: {reply!r}")
        number = int(match[1]) if match[1] else None
        if sign == "=":
            self.length = number
        return number

    def retr(self):
        check(self.state == ITEM and self.length > 0, "this test sends RETR out of turn")
        self.stream.send(b"RETR\r\n")
        self.state = NEXT
        data = self.stream.take(self.length)
        equal(len(data), self.length, "octets")
        self.nothing_more()
        check(data.endswith(b"\r\n"), "the message does not end in CRLF")
        return data

    def quit(self):
        self.say("QUIT")
        self.stream.expect_end()


@each(*programs.ALL_WAYS)
def test_strict(bed, how):
    service = programs.Service(bed, how, "pop2d")
    path = service.bed.put(MAIL)
    wires = [message.wire() for message in mbox.parse(MAIL)]
    pop = Strict(service.connect())
    equal(pop.say("HELO", "alice", "alicepw"), 4, "HELO")
    equal(pop.say("READ"), len(wires[0]), "READ")
    equal(pop.retr(), wires[0], "message 1")
    equal(pop.say("NACK"), len(wires[0]), "NACK")
    equal(pop.retr(), wires[0], "message 1 again")
    equal(pop.say("ACKS"), len(wires[1]), "ACKS")
    equal(pop.retr(), wires[1], "message 2")
    equal(pop.say("ACKD"), len(wires[2]), "ACKD")
    equal(pop.say("READ", "2"), 0, "READ of the deleted message")
    equal(pop.say("READ", "", "4"), len(wires[3]), "READ 4 behind two spaces, as in the RFC's example")
    equal(pop.say("READ"), len(wires[3]), "READ again")
    equal(pop.retr(), wires[3], "message 4")
    equal(pop.say("ACKS"), 0, "ACKS of the last")
    equal(pop.say("READ", "5"), 0, "READ behind the last")
    service.left(MAIL, "the mailbox so far")
    equal(pop.say("FOLD", "INBOX"), 3, "FOLD, which takes out what was deleted")
    raw = [message.raw for message in mbox.parse(MAIL)]
    service.left(raw[0] + raw[2] + raw[3], "the mailbox after FOLD")
    equal(pop.say("READ", "2"), len(wires[2]), "READ 2 in the new order")
    equal(pop.retr(), wires[2], "message 3")
    equal(pop.say("ACKD"), len(wires[3]), "ACKD")
    equal(pop.say("FOLD", "no such folder"), 0, "FOLD of nothing")
    equal(pop.say("READ"), 0, "READ there")
    equal(pop.say("FOLD", str(path)), 2, "FOLD by the mailbox's path")
    pop.quit()
    service.left(raw[0] + raw[3], "the mailbox afterwards")
    service.ended()


@each(*HOWS, programs.OVER_MAILDIR)
def test_strict_and_torn(bed, how):
    """Without QUIT or FOLD nothing is deleted."""
    service = programs.Service(bed, how, "pop2d")
    path = service.bed.put(MAIL)
    pop = Strict(service.connect())
    pop.say("HELO", "alice", "alicepw")
    pop.say("READ")
    while pop.length:
        pop.retr()
        pop.say("ACKD")
    pop.stream.close()
    service.ended(reason="eof")
    service.left(MAIL, "the mailbox afterwards")


def jnos(connection, user, password):
    """As JNOS's mail client does: it looks at seven octets of the greeting, asks READ once, counts lines and what their
    ends must have been, takes what it then reads for the next reply, and is gone after QUIT. Returns the lines of each
    message."""
    file = connection.makefile("rwb")
    line = lambda: file.readline().rstrip(b"\r\n")

    def say(text):
        file.write(text + b"\r\n")
        file.flush()
    greeting = file.readline()
    check(greeting[:7] == b"+ POP2 ", f"greeting {greeting!r}")
    say(b"HELO %s %s" % (user.encode(), password.encode()))
    reply = line()
    check(reply[:1] == b"#", f"HELO: {reply!r}")
    messages = []
    if int(re.match(rb"#(\d+)", reply)[1]) > 0:
        say(b"READ")
        reply = line()
        while True:
            match = re.match(rb"=(\d+)", reply)
            check(match, f"instead of a length came {reply!r}")
            left = int(match[1])
            if left == 0:
                break
            say(b"RETR")
            messages.append([])
            while left > 0:
                messages[-1].append(text := line())
                left -= len(text) + 2
            say(b"ACKD")
            reply = line()
    say(b"QUIT")
    file.close()
    return messages


@each(*programs.ALL_WAYS)
def test_line_counting(bed, how):
    texts = mail.awkward() | mail.poor_headers()
    del texts["CR before CRLF"]       # such a client takes CRs for line ends
    service = programs.Service(bed, how, "pop2d")
    stored = mail.plainly(service.bed, texts)
    with socket.create_connection(service.address, timeout=30) as connection:
        got = jnos(connection, "alice", "alicepw")
    mail.same([b"".join(line + b"\r\n" for line in lines) for lines in got], {name: mail.wire(text) for name, text in stored.items()})
    service.ended()
    service.left(b"", "the mailbox afterwards")


@each(*HOWS, programs.OVER_MAILDIR)
def test_line_counting_without_mail(bed, how):
    service = programs.Service(bed, how, "pop2d")
    with socket.create_connection(service.address, timeout=30) as connection:
        equal(jnos(connection, "alice", "alicepw"), [], "messages")
    service.ended()


def conversation(stream, *commands):
    """Sends each command and reads a line after it; returns the last."""
    for command in commands:
        stream.send(command + b"\r\n")
        reply = stream.take_line()
    return reply


def number(reply, sign):
    match = re.match(sign + rb"(\d+)", reply)
    check(match, f"expected {sign} and a number, got {reply!r}")
    return int(match[1])


@each(*[(f"{how} {name}", how, end) for how, _ in programs.ALL_WAYS for name, end in (
    ("close", lambda stream: stream.close()), ("half-close", lambda stream: stream.half_close()))])
def test_popclient(bed, how, end):
    """popclient sends QUIT and is gone before the `+`, which its kernel then answers with a reset: deleted is deleted."""
    service = programs.Service(bed, how, "pop2d")
    service.bed.put(MAIL)
    stream = service.connect()
    check(stream.take_line().startswith(b"+ POP2 "), "no greeting")
    equal(number(conversation(stream, b"HELO alice alicepw"), b"#"), 4, "HELO")
    length, got = number(conversation(stream, b"READ"), b"="), []
    while length:
        stream.send(b"RETR\r\n")
        got.append(stream.take(length))
        length = number(conversation(stream, b"ACKD" if len(got) != 2 else b"ACKS"), b"=")
    equal(got, [message.wire() for message in mbox.parse(MAIL)], "messages")
    stream.send(b"QUIT\r\n")
    end(stream)
    service.ended()
    service.left(mbox.parse(MAIL)[1].raw, "the message that was kept")


@each(*[(f"{how} {name}", how, fold, acknowledge) for how, _ in programs.ALL_WAYS for name, fold, acknowledge in (
    ("delete", False, b"ACKD"), ("keep", False, b"ACKS"), ("fold", True, b"ACKD"))])
def test_fetchmail(bed, how, fold, acknowledge):
    """fetchmail's sequence: HELO, FOLD if it was told a folder, then READ i, RETR, ACKx for each, QUIT."""
    service = programs.Service(bed, how, "pop2d")
    path = service.bed.put(MAIL)
    stream = service.connect()
    check(stream.take_line().startswith(b"+ POP2 "), "no greeting")
    count = number(conversation(stream, b"HELO alice alicepw"), b"#")
    if fold:
        count = number(conversation(stream, b"FOLD INBOX"), b"#")
    equal(count, 4, "messages")
    messages = mbox.parse(MAIL)
    for at in range(1, count + 1):
        length = number(conversation(stream, b"READ %d" % at), b"=")
        stream.send(b"RETR\r\n")
        equal(stream.take(length), messages[at - 1].wire(), f"message {at}")
        following = number(conversation(stream, acknowledge), b"=")
        equal(following, messages[at].size if at < count else 0, f"length after message {at}")
    check(conversation(stream, b"QUIT").startswith(b"+"), "QUIT")
    stream.expect_end()
    service.left(MAIL if acknowledge == b"ACKS" else b"", "the mailbox afterwards")
    service.ended()


@each(*HOWS)
def test_retrieving_nothing(bed, how):
    """fetchmail sends RETR after `=0`, too: the connection ends without a word."""
    service = programs.Service(bed, how, "pop2d")
    service.bed.put(MAIL)
    stream = service.connect()
    stream.take_line()
    equal(number(conversation(stream, b"HELO alice alicepw", b"READ 5"), b"="), 0, "READ 5")
    stream.send(b"RETR\r\n")
    stream.expect_end()


@each(("inetd", "inetd"), ("unprivileged", "unprivileged"))
def test_refused(bed, how):
    """One wrong password: `-`, and the end. The mailbox is free for the next, and for POP3."""
    service = programs.Service(bed, how, "pop2d")
    service.bed.put(MAIL)
    stream = service.connect()
    stream.take_line()
    equal(conversation(stream, b"HELO alice wrong"), b"- authentication failed\r\n", "HELO")
    stream.expect_end()
    pop = Strict(service.connect())
    equal(pop.say("HELO", "alice", "alicepw"), 4, "HELO")
    pop.quit()
    equal(service.bed.pop3().stat()[0], 4, "messages by POP3")
