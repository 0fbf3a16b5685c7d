"""Long lines, many commands, big messages: nothing is buffered without bound, nothing deadlocks, nothing is lost."""

import socket
import time

from lib import mbox
from lib.suite import check, each, equal, limit, until


def test_line_of_ten_megabytes(bed):
    """One refusal, and the server does not grow."""
    pop = bed.pop3(login=None)
    pop.stream.send(b"USER " + b"a" * 10_000_000 + b"\r\n")
    equal(pop.read_line(), "-ERR line too long", "reply")
    peak = int(pop.session.rooms().front.status["VmHWM"].split()[0])
    check(peak < 20_000 or bed.place.sanitized(), f"front grew to {peak} KiB")
    pop.expect("NOOP", "-ERR command not allowed in this state")
    pop.expect("QUIT", "+OK bye")
    pop.session.finish()


def test_line_of_ten_megabytes_after_login(bed):
    bed.put(mbox.mailbox(1))
    pop = bed.pop3()
    pop.stream.send(b"RETR 1" + b" " * 10_000_000 + b"\r\nNOOP\r\n")
    equal(pop.read_line(), "-ERR line too long", "reply")
    equal(pop.read_line(), "+OK", "reply to the next command")
    pop.quit()
    pop.session.finish()


def test_line_without_end(bed):
    """Ten megabytes without a line end, then the end of input."""
    pop = bed.pop3(login=None)
    pop.stream.send(b"x" * 10_000_000)
    pop.stream.half_close()
    rest = pop.stream.take_all()
    check(rest in (b"", b"-ERR line too long\r\n"), f"got {rest[:200]!r}")
    pop.session.finish()


def commands(count):
    """Commands and the replies they must get from a mailbox of 3 messages."""
    messages = mbox.parse(mbox.mailbox(3))
    cycle = [(b"NOOP", b"+OK"), (b"STAT", b"+OK 3 %d" % mbox.octets(messages)), (b"LIST 2", b"+OK 2 %d" % messages[1].size),
             (b"XYZZY", b"-ERR unknown command"), (b"UIDL 3", b"+OK 3 %s" % messages[2].uidl().encode())]
    chosen = [cycle[number % len(cycle)] for number in range(count)]
    return b"".join(command + b"\r\n" for command, _ in chosen), b"".join(reply + b"\r\n" for _, reply in chosen)


@each(("in_one_write", 0), ("octet_pairs", 2), ("odd_pieces", 4093))
def test_5000_pipelined_commands(bed, piece):
    bed.put(mbox.mailbox(3))
    pop = bed.pop3()
    said, expected = commands(5000)
    said += b"QUIT\r\n"
    for start in range(0, len(said), piece or len(said)):
        pop.stream.send(said[start:start + (piece or len(said))])
    pop.stream.expect(expected + b"+OK bye\r\n")
    pop.stream.expect_end()
    pop.session.finish()


def test_5000_commands_behind_pass(bed):
    bed.put(mbox.mailbox(3))
    pop = bed.pop3(login=None)
    said, expected = commands(5000)
    pop.stream.send(b"USER alice\r\nPASS alicepw\r\n" + said + b"QUIT\r\n")
    equal(pop.read_line(), "+OK send PASS", "reply")
    check(pop.read_line().startswith("+OK maildrop has 3 messages"), "login")
    pop.stream.expect(expected + b"+OK bye\r\n")
    pop.stream.expect_end()
    pop.session.finish()


def test_commands_behind_a_refused_pass(bed):
    """What follows a password is never eaten with it, even when the answer takes its time."""
    bed.put(mbox.mailbox(1))
    pop = bed.pop3(login=None)
    pop.stream.send(b"USER alice\r\nPASS wrong\r\nSTAT\r\nUSER alice\r\nPASS alicepw\r\nSTAT\r\nQUIT\r\n")
    replies = pop.stream.take_all().decode().split("\r\n")
    size = mbox.octets(mbox.parse(mbox.mailbox(1)))
    equal(replies, ["+OK send PASS", "-ERR [AUTH] authentication failed", "-ERR command not allowed in this state",
                    "+OK send PASS", f"+OK maildrop has 1 messages ({size} octets)", f"+OK 1 {size}", "+OK bye", ""], "replies")
    pop.session.finish()


def test_pipelined_retrievals(bed):
    """More answers than any buffer holds, asked for before the first is read."""
    mail = mbox.mailbox(40, 60_000)
    bed.put(mail)
    pop = bed.pop3()
    pop.stream.send(b"".join(b"RETR %d\r\nTOP %d 1\r\n" % (n, n) for n in range(1, 41)) + b"QUIT\r\n")
    for message in mbox.parse(mail):
        pop.stream.expect(b"+OK %d octets\r\n" % message.size + message.stuffed() + b".\r\n")
        pop.stream.expect(b"+OK top of message follows\r\n" + mbox.stuff(message.top(1)) + b".\r\n")
    pop.stream.expect(b"+OK bye\r\n")
    pop.stream.expect_end()
    pop.session.finish()


@limit(120)
def test_message_of_fifty_megabytes(bed):
    line = b".\n" + b"x" * 70 + b"\n" + b"\n"
    mail = mbox.message(1, line * 650_000) + mbox.message(2)
    bed.put(mail)
    pop = bed.pop3()
    messages = mbox.parse(mail)
    equal(pop.ok("LIST 1"), f"1 {messages[0].size}", "size")
    pop.send("RETR 1")
    equal(pop.read_line(), f"+OK {messages[0].size} octets", "reply")
    pop.stream.expect(messages[0].stuffed() + b".\r\n")
    equal(pop.retr(2), messages[1].wire(), "the second message")
    if not bed.place.sanitized():
        for room in pop.session.rooms().all:
            peak = int(room.status["VmHWM"].split()[0])
            check(peak < 40_000, f"{room.room} grew to {peak} KiB")
    pop.quit()
    pop.session.finish()


@limit(120)
def test_twenty_thousand_messages(bed):
    """Lists in order and complete; an update of every second message."""
    mail = mbox.mailbox(20_000)
    path = bed.put(mail)
    messages = mbox.parse(mail)
    pop = bed.pop3()
    equal(pop.lines("LIST"), [f"{n} {message.size}" for n, message in enumerate(messages, 1)], "LIST")
    equal(pop.uidls(), mbox.uidls(messages), "UIDL")
    pop.stream.send(b"".join(b"DELE %d\r\n" % n for n in range(1, 20_001, 2)))
    for n in range(1, 20_001, 2):
        pop.stream.expect(b"+OK message %d marked for deletion\r\n" % n)
    pop.quit()
    pop.session.finish()
    check(path.read_bytes() == b"".join(message.raw for message in messages[1::2]), "the kept messages are not what they were")


def test_slow_reader(bed):
    """A client that reads a little at a time gets every octet."""
    mail = mbox.mailbox(1, 3_000_000)
    bed.put(mail)
    pop = bed.pop3()
    pop.stream.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    pop.send("RETR 1")
    time.sleep(0.3)
    equal(pop.read_line(), f"+OK {mbox.octets(mbox.parse(mail))} octets", "reply")
    pop.stream.expect(mbox.parse(mail)[0].stuffed() + b".\r\n")
    pop.quit()
    pop.session.finish()


@each(("pop3", "pop3", b"RETR 1\r\n"), ("pop2", "pop2", b"READ\r\nRETR\r\n"))
def test_client_gone_during_a_retrieval(bed, protocol, request):
    """The session ends soon, without an update."""
    path = bed.put(mbox.mailbox(2, 5_000_000))
    before = path.read_bytes()
    pop = getattr(bed, protocol)(how="tcp")
    if protocol == "pop3":
        pop.ok("DELE 2")
    pop.stream.send(request)
    pop.stream.take(10_000)
    pop.stream.reset()
    pop.session.finish(15)
    equal(path.read_bytes() == before, True, "mailbox unchanged")
    line = until(lambda: [line for line in pop.session.log() if line.startswith("session end:")], "the log of the end")[0]
    check(" reason=eof " in line or " reason=error " in line, line)


def test_refusal_is_delivered_over_tcp(bed):
    """POP2 closes with the client's pipelined octets unread: the reason must still arrive, not be lost in a reset."""
    pop = bed.pop2(login=None, how="tcp")
    pop.stream.send(b"NOOP\r\n" + b"READ\r\n" * 20_000)
    time.sleep(0.5)
    equal(pop.stream.take_line(), b"- unknown command\r\n", "reply")
    pop.session.finish()


@each(("pop3", b"RETR 1\r\nDELE 1\r\nQUIT\r\n"), ("pop2", b"READ 1\r\nRETR\r\nACKD\r\nQUIT\r\n"))
def test_late_octets_cost_no_message(bed, said):
    """The update is done, the client has not read its message yet and says more: a socket that was closed by then would
    answer with a reset, and what was under way to the client would be lost for ever."""
    mail = mbox.mailbox(1, 400_000)
    path = bed.put(mail)
    pop = (bed.pop3 if said.startswith(b"RETR") else bed.pop2)(how="tcp")
    pop.stream.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
    pop.stream.send(said)
    until(lambda: path.read_bytes() == b"", "the update")
    time.sleep(0.3)
    pop.stream.send(b"NOOP\r\n")
    time.sleep(0.3)
    (message,) = mbox.parse(mail)
    octets = pop.stream.take_all(10)
    check((message.stuffed() if said.startswith(b"RETR") else message.wire()) in octets, f"{len(octets)} octets arrived")
    check(octets.endswith((b"+OK bye\r\n", b"+ bye\r\n")), f"the end is {octets[-40:]}")
    pop.session.finish()
