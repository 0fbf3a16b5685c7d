"""The same session over everything that can be descriptor 0."""

import os
import signal

from lib import client, mbox
from lib.suite import check, each, equal

MAIL = mbox.mailbox(3, 300_000)
KINDS = ("socketpair", "tcp", "pipe", "pty", "listen-fds")
AS = (("as_the_suite", lambda bed: bed), ("as_a_user", lambda bed: bed.unprivileged()),
      ("static", lambda bed: bed.static()))


@each(*((f"{kind}/{name}", kind, choose) for kind in KINDS for name, choose in AS))
def test_pop3_session(bed, kind, choose):
    bed = choose(bed)
    path = bed.put(MAIL)
    messages = mbox.parse(MAIL)
    pop = bed.pop3(how=kind)
    equal(pop.stat(), (3, mbox.octets(messages)), "STAT")
    for number, message in enumerate(messages, 1):
        equal(pop.retr(number), message.wire(), f"message {number}")
    pop.ok("DELE 2")
    equal(pop.quit(), "bye", "reply")
    pop.session.finish()
    equal(path.read_bytes(), messages[0].raw + messages[2].raw, "mailbox")
    peer = "127.0.0.1" if kind in ("tcp", "listen-fds") else "local"
    equal(pop.session.log()[0], f'login: peer={peer} method=PASS user="alice"', "log")


@each(*((f"{kind}/{name}", kind, choose) for kind in KINDS for name, choose in AS))
def test_pop2_session(bed, kind, choose):
    bed = choose(bed)
    path = bed.put(MAIL)
    messages = mbox.parse(MAIL)
    pop = bed.pop2(how=kind)
    equal(pop.read(), messages[0].size, "length")
    equal(pop.retr(messages[0].size), messages[0].wire(), "message 1")
    equal(pop.ackd(), messages[1].size, "length")
    equal(pop.retr(messages[1].size), messages[1].wire(), "message 2")
    equal(pop.acks(), messages[2].size, "length")
    pop.quit()
    pop.session.finish()
    equal(path.read_bytes(), messages[1].raw + messages[2].raw, "mailbox")


def test_terminal_of_a_person(bed):
    """A terminal as a shell leaves it: lines end in LF, and what is typed is echoed by the terminal, not by the server."""
    ours, theirs = os.openpty()
    session = bed.start("pop3d", how=(client.Stream(ours), theirs))
    typed = lambda text: session.stream.send(text.encode() + b"\n")
    session.stream.expect(b"+OK POP3 ")
    session.stream.take_line()
    typed("user alice")
    session.stream.expect(b"user alice\r\n+OK send PASS\r")
    session.stream.take_line()
    typed("pass alicepw")
    session.stream.take_line()
    check(session.stream.take_line().startswith(b"+OK maildrop has 0 messages"), "no login")
    typed("quit")
    check(b"+OK bye" in session.stream.take_all(), "no goodbye")
    session.finish()


def test_end_of_a_terminal(bed):
    """Hanging up is an end like any other."""
    path = bed.put(MAIL)
    pop = bed.pop3(how="pty")
    pop.ok("DELE 1")
    pop.stream.close()
    pop.session.finish()
    equal(path.read_bytes() == MAIL, True, "mailbox unchanged")


def test_input_and_output_are_two(bed):
    """A pipe for input that ends is the end, even if the output still goes somewhere."""
    pop = bed.pop3(how="pipe")
    pop.stream.half_close()
    pop.stream.expect_end()
    pop.session.finish()


def test_reader_gone_from_a_pipe(bed):
    """Writing into a pipe that nobody reads ends the session, and deletes nothing."""
    path = bed.put(MAIL)
    pop = bed.pop3(how="pipe")
    pop.ok("DELE 1")
    os.close(pop.stream.reader)
    pop.stream.reader = pop.stream.writer
    pop.stream.send(b"RETR 2\r\nQUIT\r\n")
    pop.session.finish()
    equal(path.read_bytes() == MAIL, True, "mailbox unchanged")


def test_client_that_never_reads_the_goodbye(bed):
    """popclient sends QUIT and closes: the update is made all the same."""
    path = bed.put(MAIL)
    pop = bed.pop3(how="tcp")
    pop.ok("DELE 1")
    pop.send("QUIT")
    pop.stream.close()
    pop.session.finish()
    equal(path.read_bytes(), b"".join(message.raw for message in mbox.parse(MAIL)[1:]), "mailbox")


def test_inherited_signals_do_not_matter(bed):
    """Blocked and ignored signals, a full environment, another directory."""
    path = bed.put(MAIL)
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGCHLD})
    handled = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        session = bed.start("pop3d", environment={"LANG": "xx_XX.UTF-8", "MAIL": "/etc/passwd", "USER": "root", "HOME": "/root",
                                                  "REMOTE_ADDR": "192.0.2.99", "TCPREMOTEIP": "192.0.2.98", "LISTEN_PID": "1",
                                                  "LISTEN_FDS": "5", "X": "y" * 100_000})
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        signal.signal(signal.SIGCHLD, handled)
    pop = client.Pop3(session.stream)
    pop.login("alice", "alicepw")
    pop.ok("DELE 3")
    pop.quit()
    session.finish()
    equal(path.read_bytes(), b"".join(message.raw for message in mbox.parse(MAIL)[:2]), "mailbox")
    equal(session.log()[0], 'login: peer=local method=PASS user="alice"', "log")


def test_foreign_listen_pid_is_ignored(bed):
    """LISTEN_FDS of another process is none of ours: the client is descriptor 0."""
    session = bed.start("pop3d", environment={"LISTEN_PID": "1", "LISTEN_FDS": "1"})
    pop = client.Pop3(session.stream)
    pop.expect("QUIT", "+OK bye")
    session.finish()


def test_closed_standard_error(bed):
    """Nothing that is opened later may land on descriptor 2 and be written to as an error output."""
    path = bed.put(MAIL)
    session = bed.start("pop3d", stderr="closed")
    pop = client.Pop3(session.stream)
    pop.login("alice", "alicepw")
    pop.ok("DELE 3")
    pop.quit()
    equal(session.wait(), 0, "exit status")
    equal(path.read_bytes(), b"".join(message.raw for message in mbox.parse(MAIL)[:2]), "mailbox")
