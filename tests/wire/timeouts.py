"""Deadlines: they close without a word, delete nothing, and trickling octets do not move them."""

import os
import select
import socket
import time

from lib import mbox
from lib.suite import check, each, equal, limit, needs
from lib.tls import TlsStream


def seconds_until_end(stream, octet=None):
    """How long the server keeps the connection, and what it says; with octet: while this is sent four times a second."""
    begin = time.monotonic()
    said = b""
    while not stream.ended and time.monotonic() - begin < 20:
        if octet:
            stream.send(octet)
        said += stream.drain(0.25)
    check(stream.ended, "the connection is still open after 20 s")
    return time.monotonic() - begin, said


@each(("pop3", "pop3"), ("pop2", "pop2"))
def test_idle_session_ends_silently(bed, protocol):
    path = bed.put(mbox.mailbox(2))
    pop = getattr(bed, protocol)("--timeout=2")
    if protocol == "pop3":
        pop.ok("DELE 1")
    else:
        pop.retr(pop.read())
        pop.ackd()
    took, said = seconds_until_end(pop.stream)
    check(1.9 <= took <= 6, f"ended after {took:.1f} s instead of 2")
    equal(said, b"", "what was said")
    pop.session.finish()
    equal(path.read_bytes(), mbox.mailbox(2), "mailbox")
    check(" reason=timeout " in pop.session.log()[-1], pop.session.log()[-1])


def test_commands_keep_a_session_alive(bed):
    pop = bed.pop3("--timeout=2")
    for _ in range(6):
        time.sleep(0.6)
        pop.expect("NOOP", "+OK")
    pop.quit()
    pop.session.finish()


@each(("pop3", "pop3"), ("pop2", "pop2"))
def test_login_timeout(bed, protocol):
    pop = getattr(bed, protocol)("--login-timeout=2", login=None)
    took, said = seconds_until_end(pop.stream)
    check(1.9 <= took <= 6, f"ended after {took:.1f} s instead of 2")
    equal(said, b"", "what was said")
    pop.session.finish()
    check(pop.session.log()[-1].endswith(" reason=timeout"), pop.session.log()[-1])


@each(("octets", b"x"), ("lines", b"NOOP\r\n"))
def test_trickling_extends_no_login(bed, octets):
    pop = bed.pop3("--login-timeout=2", login=None)
    took, _ = seconds_until_end(pop.stream, octets)
    check(took <= 6, f"ended after {took:.1f} s instead of 2")
    pop.session.finish()


def test_trickling_octets_extend_no_session(bed):
    """Only a whole command counts as activity."""
    pop = bed.pop3("--timeout=2")
    took, _ = seconds_until_end(pop.stream, b"x")
    check(took <= 6, f"ended after {took:.1f} s instead of 2")
    pop.session.finish()


def test_login_timeout_of_0_is_none(bed):
    pop = bed.pop3("--login-timeout=0", "--timeout=1", login=None)
    check(pop.stream.silent(3), "the server spoke or left")
    pop.expect("QUIT", "+OK bye")
    pop.session.finish()


@limit(120)
def test_terminal_has_no_login_timeout(bed):
    """A person types slowly. The default elsewhere is 60 s."""
    pop = bed.pop3(login=None, how="pty")
    check(pop.stream.silent(63), "the server spoke or left")
    pop.expect("QUIT", "+OK bye")
    pop.session.finish()


def test_login_timeout_on_a_terminal_when_asked_for(bed):
    pop = bed.pop3("--login-timeout=2", login=None, how="pty")
    took, _ = seconds_until_end(pop.stream)
    check(1.9 <= took <= 6, f"ended after {took:.1f} s instead of 2")
    pop.session.finish()


def test_client_that_reads_nothing(bed):
    """A client that asks for mail and never reads is not served for ever."""
    path = bed.put(mbox.mailbox(1, 5_000_000))
    pop = bed.pop3("--timeout=2", how="tcp")
    pop.send("RETR 1")
    pop.session.finish(25)
    equal(path.read_bytes() == mbox.mailbox(1, 5_000_000), True, "mailbox unchanged")


@each(("commands", b"", b"NOOP\r\n" * 100), ("line", b"", b"x" * 4000), ("sasl_line", b"AUTH PLAIN\r\n", b"QUJD" * 1000),
      ("empty_lines", b"", b"\n" * 2000))
@limit(60)
def test_login_ends_for_who_never_stops(bed, first, said):
    """There is always something to read, and all answers are taken."""
    pop = bed.pop3("--login-timeout=2", login=None, how="tcp")
    pop.stream.send(first)
    begin = time.monotonic()
    while not pop.stream.ended and not pop.stream.broken and time.monotonic() - begin < 30:
        pop.stream.send(said)
        pop.stream.drain(0)
    check(time.monotonic() - begin < 20, "the client is still served")
    pop.stream.close()
    pop.session.finish()
    check(pop.session.log()[-1].endswith(" reason=timeout"), pop.session.log())


def flood(stream, octets):
    """Sends without reading, as much as goes."""
    if isinstance(stream, TlsStream):
        stream.tls.write(octets)
        octets = stream._outgoing.read()
    while octets and select.select([], [stream.writer], [], 0.5)[1]:
        octets = octets[os.write(stream.writer, octets):]


@needs("openssl")
@limit(90)
@each(*((f"{kind}/{what}/{pace}", more, said, nibbles)
        for kind, more in (("clear", {"how": "tcp"}), ("tls", {"how": "tcp", "tls": "first"}), ("pipe", {"how": "pipe"}))
        for what, said in (("goes_on", b"CAPA\r\n" * 400_000), ("quits", b"CAPA\r\n" * 2000 + b"QUIT\r\n"))
        for pace, nibbles in (("never_reads", 0), ("nibbles", 100))))
def test_login_ends_for_who_does_not_read(bed, more, said, nibbles):
    """The time for the login is over for him, too, however slowly he reads what he has asked for; --timeout is for who is in."""
    pop = bed.pop3("--login-timeout=3", login=None, **more)
    flood(pop.stream, said)
    begin = time.monotonic()
    while pop.session.process.poll() is None and time.monotonic() - begin < 40:
        time.sleep(0.2)
        if nibbles and select.select([pop.stream.reader], [], [], 0)[0]:
            try:
                os.read(pop.stream.reader, nibbles)
            except OSError:
                break
    check(pop.session.process.poll() is not None, f"the rooms are still there after {time.monotonic() - begin:.1f} s")
    pop.session.check_log()


@each(("pop3", "pop3"), ("pop2", "pop2"))
def test_vanished_client_is_noticed(bed, protocol):
    """A client whose line was cut sends nothing, not even an end: keepalive finds out within minutes, and the reply
    leaves at once."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    watched = theirs.dup()          # options belong to the socket, whoever holds it
    pop = getattr(bed, protocol)(how=(ours, theirs))
    options = {name: watched.getsockopt(level, option) for name, level, option in (
        ("no delay", socket.IPPROTO_TCP, socket.TCP_NODELAY), ("keepalive", socket.SOL_SOCKET, socket.SO_KEEPALIVE),
        ("idle", socket.IPPROTO_TCP, socket.TCP_KEEPIDLE), ("interval", socket.IPPROTO_TCP, socket.TCP_KEEPINTVL),
        ("probes", socket.IPPROTO_TCP, socket.TCP_KEEPCNT))}
    watched.close()
    check(options["no delay"] and options["keepalive"], f"{options}")
    check(options["idle"] + options["interval"] * options["probes"] <= 240, f"{options}")
    pop.quit()
    pop.session.finish()
