"""What a client that delays its acknowledgements would wait for: a reply in several small pieces.

Linux, and others, acknowledge late, up to 40 ms. A server that sends a reply by two writes, without having said that
it will not wait for the acknowledgement of the first, makes such a client wait each time. So the system calls are counted.
"""

import re
import socket

from lib import client, mbox, server
from lib.suite import check, each, equal, limit, needs

COUNT = 10
WRITES = "write,writev,sendto,sendmsg,sendfile,splice"


class Traced:
    """A session whose writes to the client are known. `replies` are the octets of each reply, in order."""

    def __init__(self, bed, program):
        self.directory = bed.dir        # one file of the trace for each process: their lines would break each other
        bed.session = server.Session(["strace", "-ff", "-o", str(bed.dir / "trace"), "-e", f"trace={WRITES},setsockopt",
                                      "-xx", "-s", "80", bed.program(program), "--log=stderr"], "tcp", bed.dir / "log")
        bed.sessions.append(bed.session)
        self.session, self.stream = bed.session, bed.session.stream
        # From now on, acknowledge late. The kernel forgets this as it likes; the count does not depend on it.
        self.stream.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
        self.replies = []

    def reply(self, octets):
        self.replies.append(octets)
        return octets

    def line(self, command=None):
        if command:
            self.stream.send(command + b"\r\n")
        return self.reply(self.stream.take_line())

    def writes(self):
        """[octets of each write to the client]: what the process does that sends the greeting."""
        text, greeting = self.text_of_front()
        calls = [(arguments, int(result)) for name, arguments, result in re.findall(r"^(\w+)\((.*)\) += (\d+)$", text, re.M)
                 if name in WRITES.split(",")]
        descriptor = next(arguments.split(",")[0] for arguments, _ in calls if greeting in arguments)
        return [result for arguments, result in calls if arguments.split(",")[0] == descriptor]

    def text_of_front(self):
        """(the trace of the process that sent the greeting, the greeting as it looks there)"""
        self.session.finish()
        greeting = "".join(f"\\x{octet:02x}" for octet in self.replies[0][:20])
        texts = [path.read_text() for path in self.directory.glob("trace.*")]
        return next(text for text in texts if greeting in text), greeting


@needs("root", "strace")
@each(("small", 0), ("of two pages", 8000), ("of a buffer", 30_000))
def test_pop3(bed, octets):
    mail = mbox.mailbox(COUNT, octets)
    bed.put(mail)
    talk = Traced(bed, "pop3d")
    talk.line()
    talk.line(b"USER alice")
    talk.line(b"PASS alicepw")
    talk.line(b"STAT")
    for command in b"LIST", b"UIDL", b"CAPA":
        talk.line(command)
        talk.replies[-1] += talk.stream.take_to_terminator() + b".\r\n"
    for number, message in enumerate(mbox.parse(mail), 1):
        talk.line(b"RETR %d" % number)
        talk.replies[-1] += talk.stream.take(len(message.stuffed()) + 3)
    for number in range(1, COUNT + 1):
        talk.line(b"DELE %d" % number)
    talk.line(b"QUIT")
    equal(talk.writes(), [len(reply) for reply in talk.replies], "octets of each write")


@needs("root", "strace")
@each(("small", 0), ("of two pages", 8000), ("of a buffer", 30_000))
def test_pop2(bed, octets):
    mail = mbox.mailbox(COUNT, octets)
    bed.put(mail)
    talk = Traced(bed, "pop2d")
    talk.line()
    talk.line(b"HELO alice alicepw")
    talk.line(b"READ")
    for message in mbox.parse(mail):
        talk.stream.send(b"RETR\r\n")
        talk.reply(talk.stream.take(message.size))
        talk.line(b"ACKD")
    talk.line(b"QUIT")
    equal(talk.writes(), [len(reply) for reply in talk.replies], "octets of each write")


@needs("root", "strace")
@limit(90)
def test_large_message(bed):
    """Large pieces, and no small one before the end of the reply."""
    mail = mbox.mailbox(1, 3_000_000)
    bed.put(mail)
    talk = Traced(bed, "pop3d")
    for command in None, b"USER alice", b"PASS alicepw", b"RETR 1":
        talk.line(command)
    body = talk.stream.take(len(mbox.parse(mail)[0].stuffed()) + 3)
    talk.line(b"QUIT")
    writes = talk.writes()
    equal(sum(writes), sum(map(len, talk.replies)) + len(body), "octets")
    pieces = writes[3:-1]
    small = [size for size in pieces[:-1] if size < 4096]
    check(not small, f"small pieces {small} within a message of {len(pieces)} pieces")
    check(len(pieces) <= len(body) / 16_000, f"{len(pieces)} pieces for {len(body)} octets")


@needs("root", "strace")
@each(("pop3", "pop3d", [b"USER alice", b"PASS alicepw"], [b"STAT", b"LIST 1", b"UIDL 2", b"TOP 3 1", b"NOOP", b"DELE 4", b"RETR 5", b"LAST"]),
      ("pop2", "pop2d", [b"HELO alice alicepw"], [b"READ 1", b"RETR", b"ACKS", b"RETR", b"ACKS", b"RETR", b"NACK", b"FOLD x"]))
def test_pipelined_commands(bed, program, login, commands):
    """What comes together is answered together."""
    mail = mbox.mailbox(COUNT)
    bed.put(mail)
    talk = Traced(bed, program)
    for command in [None, *login]:
        talk.line(command)
    talk.stream.send(b"\r\n".join(commands) + b"\r\n")
    while not talk.stream.buffer:
        talk.stream._wait(client.time.monotonic() + 10, "the replies")
    talk.stream.send(b"QUIT\r\n")
    everything = talk.stream.take_all()
    writes = talk.writes()[len(talk.replies):]
    equal(sum(writes), len(everything), "octets")
    equal(len(writes), 2, f"writes for the commands that came at once, and QUIT ({writes})")


@needs("root", "strace")
@each(("pop3", "pop3d"), ("pop2", "pop2d"))
def test_no_waiting_for_acknowledgements(bed, program):
    """Whatever is written in pieces leaves at once (TCP_NODELAY), set before the first octet is sent."""
    bed.put(mbox.mailbox(1))
    talk = Traced(bed, program)
    talk.line()
    talk.line(b"QUIT")
    front, greeting = talk.text_of_front()
    before = front[:front.index(greeting)] + "".join(path.read_text() for path in bed.dir.glob("trace.*") if greeting not in path.read_text())
    check("TCP_NODELAY, [1]" in before, "no TCP_NODELAY before the greeting")
