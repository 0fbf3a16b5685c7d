"""Clients that do not speak TLS, stop in the middle, vanish, or lie: nothing is removed and nothing stays behind."""

import ctypes
import os
import re
import select
import signal
import socket
import ssl
import subprocess
import time

from clients import programs
from lib import mbox, tls
from lib.suite import check, each, equal, limit, needs, until

MAIL = mbox.mailbox(3, 5_000)
SMALL = 16_000          # KiB that the tls room may ever have needed


def start(bed, *options, how="tcp"):
    """--tls, and nothing said yet."""
    return bed.start("pop3d", "--tls", *tls.options(bed), *options, how=how)


def hello(bed):
    """The octets of a ClientHello."""
    out = ssl.MemoryBIO()
    try:
        bed.place.authority().context().wrap_bio(ssl.MemoryBIO(), out, server_hostname="localhost").do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


def check_failed(session, reason):
    """One line that says why, and the end of the connection."""
    if not session.stream.closed:
        session.stream.close()
    session.finish(15)
    lines = session.log()
    equal(len(lines), 2, f"log lines, {lines}")
    check(re.fullmatch(f"tls failed: peer=127.0.0.1 reason={reason}", lines[0]), lines[0])
    check(lines[1].startswith("closed before login: "), lines[1])


# Handshakes that are none.

@needs("openssl")
@each(("http", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 'protocol text="http request"'),
      ("pop3", b"CAPA\r\nUSER alice\r\n", 'protocol text="[a-z ]+"'),
      ("noise", bytes(range(256)) * 40, 'protocol text="[a-z0-9 ]+"'),
      ("huge_record", b"\x16\x03\x01\xff\xff" + b"\x01" * 70_000, 'protocol text="[a-z0-9 ]+"'),
      ("huge_hello", b"\x16\x03\x01\x40\x00\x01\xff\xff\xff" + b"\x00" * 100_000, 'protocol text="[a-z0-9 ]+"'),
      ("ssl_2", b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + b"\x07\x00\xc0" * 20, 'protocol text="[a-z0-9 ]+"'),
      ("alert", b"\x15\x03\x01\x00\x02\x02\x28", 'protocol text="unexpected message"'))
def test_garbage(bed, octets, reason):
    session = start(bed)
    session.stream.send(octets)
    said = session.stream.take_all(10)
    check(b"+OK" not in said and b"-ERR" not in said, f"in clear: {said!r}")
    check_failed(session, reason)


@needs("openssl")
def test_garbage_behind_stls(bed):
    pop = bed.pop3(*tls.options(bed), login=None, how="tcp")
    pop.expect("STLS", "+OK begin TLS")
    pop.stream.send(b"USER alice\r\nPASS alicepw\r\n" * 100)
    check(b"OK" not in pop.stream.take_all(10), "an answer in clear")
    check_failed(pop.session, 'protocol text="[a-z ]+"')


@needs("openssl")
@each(("at_once", 0), ("half_a_hello", 100))
def test_client_gone(bed, count):
    session = start(bed)
    session.stream.send(hello(bed)[:count])
    session.stream.close()
    check_failed(session, "eof")


@needs("openssl")
def test_certificate_refused(bed):
    """The client's alert is the reason that is logged."""
    session = start(bed)
    try:
        tls.TlsStream(session.stream, ssl.create_default_context())
        check(False, "the client took a certificate of an unknown authority")
    except ssl.SSLCertVerificationError:
        pass
    check_failed(session, 'alert text="tlsv1 alert unknown ca"')


@needs("openssl")
@each(("silent", 0, False), ("half_a_hello", 100, False), ("trickling", 0, True))
def test_stalled_handshake(bed, count, trickling):
    """The time for the login is all it gets, however its octets come."""
    session = start(bed, "--login-timeout=2")
    octets, begin = hello(bed), time.monotonic()
    session.stream.send(octets[:count])
    while trickling and not session.stream.ended and time.monotonic() - begin < 10:
        session.stream.send(octets[:1])
        octets = octets[1:]
        session.stream.drain(0.2)
    session.stream.take_all(10)
    check(1.9 <= time.monotonic() - begin <= 8, f"ended after {time.monotonic() - begin:.1f} s")
    session.stream.close()
    session.finish()
    lines = sorted(session.log())
    check(any(line.startswith("closed before login: ") and line.endswith("reason=timeout") for line in lines), lines)
    check("tls failed: peer=127.0.0.1 reason=timeout" in lines, lines)


@needs("openssl")
def test_silence_inside(bed):
    """The deadline for the login goes on inside TLS, and ends it without a word, but properly."""
    session = start(bed, "--login-timeout=2")
    session.stream = tls.secure(session.stream, bed)
    session.stream.take_line()
    session.stream.expect_end(10)
    check(session.stream.properly, "no close_notify")
    session.finish()


# Ends that are none of QUIT.

def logged_in(bed, how="tcp"):
    path = bed.put(MAIL)
    pop = bed.pop3(tls="first", how=how)
    pop.ok("DELE 1")
    return path, pop


def check_kept(path, session, reasons=("eof", "error")):
    session.finish(15)
    equal(path.read_bytes(), MAIL, "mailbox")
    (line,) = [line for line in session.log() if line.startswith("session end:")]
    check(any(f" reason={reason} " in line for reason in reasons), line)


@needs("openssl")
@each(("close_notify", "half_close"), ("without", "close_without_notify"), ("reset", "reset"), ("close", "close"))
def test_end_without_quit(bed, how):
    path, pop = logged_in(bed)
    getattr(pop.stream, how)()
    check_kept(path, pop.session)


@needs("openssl")
@each(("cut_record", lambda record: record[:-4]), ("changed_record", lambda record: record[:-1] + bytes([record[-1] ^ 1])),
      ("clear_text", lambda record: b"QUIT\r\n"), ("doubled_record", lambda record: record + record))
def test_broken_record(bed, change):
    """Octets that are not the client's end the session; a QUIT that somebody else has sent removes nothing."""
    path, pop = logged_in(bed)
    stream = pop.stream
    stream.tls.write(b"NOOP\r\n")
    record = stream._outgoing.read()
    os.write(stream.writer, change(record))
    if change(record) == record[:-4]:
        stream.sock.shutdown(socket.SHUT_WR)
    until(lambda: stream._fill() or stream.ended, "the end of the connection")
    check_kept(path, pop.session)


@needs("openssl")
@each(("connected", 0), ("half_a_hello", 1), ("shaken", 2), ("named", 3), ("logged_in", 4), ("retrieving", 5), ("marked", 6))
def test_reset(bed, phase):
    """A connection that is torn away, in every phase."""
    path = bed.put(MAIL + mbox.message(4, b"x" * 70 + b"\n" * 100_000))
    mail = path.read_bytes()
    session = start(bed)
    stream = session.stream
    if phase == 1:
        stream.send(hello(bed)[:100])
    if phase >= 2:
        stream = session.stream = tls.secure(stream, bed)
    for step, line in enumerate((b"USER alice\r\n", b"PASS alicepw\r\n", b"RETR 4\r\n", b"DELE 1\r\nDELE 2\r\n"), 3):
        if phase < step:
            break
        if phase == 6 and step == 5:
            continue
        stream.send(line)
        if step != 6:
            stream.take_line()
    stream.reset()
    session.finish(15)
    equal(path.read_bytes() == mail, True, "mailbox unchanged")
    check(all(line.startswith(("tls failed: ", "closed before login: ", "login: ", "session end: ")) for line in session.log()),
          session.log())


@needs("openssl")
def test_client_that_reads_nothing(bed):
    """It is not served for ever, and what waits for it does not grow."""
    path = bed.put(mbox.mailbox(1, 8_000_000))
    pop = bed.pop3("--timeout=2", tls="first", how="tcp")
    pop.send("RETR 1")
    if room := pop.session.rooms().tls:
        time.sleep(0.5)
        check(bed.place.sanitized() or peak(room.pid) < SMALL, f"tls grew to {peak(room.pid)} KiB")
    pop.session.finish(30)
    equal(path.read_bytes() == mbox.mailbox(1, 8_000_000), True, "mailbox unchanged")
    check(" reason=timeout " in pop.session.log()[-1], pop.session.log())


def peak(pid):
    with open(f"/proc/{pid}/status") as status:
        return int(re.search(r"VmHWM:\s+(\d+)", status.read())[1])


SSL_OF_AN_OBJECT = 3 * ctypes.sizeof(ctypes.c_void_p)       # where CPython 3.9 to 3.13 keep OpenSSL's own


def say_unread(stream, octets, new_keys=False):
    """Sends without ever reading; new_keys: changes the keys before, and asks the server to change its own."""
    if new_keys:
        library = ctypes.CDLL("libssl.so.3")
        own = ctypes.c_void_p.from_address(id(stream.tls._sslobj) + SSL_OF_AN_OBJECT)
        equal(library.SSL_key_update(own, 1), 1, "SSL_key_update")
    stream.tls.write(octets)
    data = stream._outgoing.read()
    while data:
        check(select.select([], [stream.writer], [], 20)[1], "the server reads nothing")
        data = data[os.write(stream.writer, data):]


@needs("openssl")
def test_new_keys_for_a_client_that_does_not_read(bed):
    """Each of them is to be answered, which there is no room for; what the client says behind them is not its end."""
    mail = mbox.mailbox(1, 20_000_000)
    bed.put(mail)
    pop = bed.pop3(tls="first", how="tcp")
    say_unread(pop.stream, b"RETR 1\r\n")
    for _ in range(200):
        say_unread(pop.stream, b"NOOP\r\n", new_keys=True)
    for _ in range(10):
        say_unread(pop.stream, b"NOOP\r\n" * 700)
    say_unread(pop.stream, b"QUIT\r\n")
    message, = mbox.parse(mail)
    pop.stream.expect(b"+OK %d octets\r\n" % message.size + message.stuffed() + b".\r\n" + b"+OK\r\n" * 7200 + b"+OK bye\r\n")
    pop.stream.expect_end()
    pop.session.finish()


@needs("openssl")
def test_idle_session(bed):
    path = bed.put(MAIL)
    pop = bed.pop3("--timeout=2", tls="first", how="tcp")
    pop.ok("DELE 1")
    pop.stream.expect_end(10)
    check(pop.stream.properly, "no close_notify")
    check_kept(path, pop.session, ("timeout",))


@needs("openssl")
def test_client_that_keeps_the_connection(bed):
    """After the end the client has two seconds; then it is over, whatever it does."""
    bed.put(MAIL)
    pop = bed.pop3(tls="first", how="tcp")
    pop.stream._said_all = True                 # so that our stream answers nothing
    pop.quit()
    begin = time.monotonic()
    pop.session.finish(10)
    check(time.monotonic() - begin < 8, "the rooms stayed")


@needs("openssl")
@each(("logged_in", "alice"), ("not_logged_in", None))
def test_client_that_goes_on_and_on(bed, login):
    """The same for one that does not stop talking, so that there is always something to hear."""
    bed.put(MAIL)
    pop = bed.pop3(tls="first", how="tcp", login=login)
    pop.stream._said_all = True                 # so that our stream answers nothing
    pop.quit()
    begin = time.monotonic()
    try:
        while pop.session.process.poll() is None and time.monotonic() - begin < 40:
            if select.select([], [pop.stream.writer], [], 0.05)[1]:
                os.write(pop.stream.writer, bytes(1 << 20))
    except OSError:
        pass                                    # a reset: it is gone
    check(time.monotonic() - begin < 30, "the rooms stayed")
    pop.session.finish(10)


@needs("openssl")
def test_late_goodbye(bed):
    """A client that has asked for everything, says goodbye when we have said ours, and reads only then: its octets must not
    meet a closed socket, which would answer with a reset and take away what it has yet to read."""
    mail = mbox.mailbox(1, 400_000)
    path = bed.put(mail)
    pop = bed.pop3(tls="first", how="tcp")
    pop.stream.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
    pop.stream.send(b"RETR 1\r\nDELE 1\r\nQUIT\r\n")
    until(lambda: path.read_bytes() == b"", "the update")
    time.sleep(0.3)
    pop.stream.half_close()
    (message,) = mbox.parse(mail)
    pop.stream.expect(b"+OK %d octets\r\n" % message.size + message.stuffed() + b".\r\n+OK message 1 marked for deletion\r\n+OK bye\r\n")
    pop.session.finish()


# A room that dies.

@needs("root", "openssl")
@each(*((f"{room}/{name}", room, number) for room in ("tls", "front", "monitor")
        for name, number in (("kill", signal.SIGKILL), ("term", signal.SIGTERM))))
def test_no_room_survives_another(bed, room, number):
    path, pop = logged_in(bed)
    pids = [process.pid for process in pop.session.rooms().all]
    equal(len(pids), 4, "processes")
    getattr(pop.session.rooms(), room).kill(number)
    pop.stream.take_all(10)
    pop.session.wait(10)
    until(lambda: not any(lives(pid) for pid in pids), "the end of all rooms")
    equal(path.read_bytes(), MAIL, "mailbox")
    died = [line for line in pop.session.log() if line.startswith("error: tls was killed by signal 9")]
    equal(len(died), 1 if (room, number) == ("tls", signal.SIGKILL) else 0, f"deaths in {pop.session.log()}")


def lives(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


@needs("root", "openssl")
def test_death_of_tls_before_the_login(bed):
    session = start(bed)
    until(lambda: session.rooms().tls and session.rooms().front, "tls is ready, and front is there")
    session.rooms().tls.kill()
    session.stream.take_all(10)
    session.wait(10)
    check("error: tls was killed by signal 9" in session.log(), session.log())


# Much.

@needs("root", "openssl", "curl", "systemd-socket-activate")
@limit(120)
def test_300_megabytes(bed):
    """Through one connection, each octet right, and no room grows."""
    mail = mbox.message(1, (b".\n" + b"x" * 70 + b"\n" + b"\n") * 650_000)
    bed.put(mail)
    service = programs.Service(bed, "systemd", "pop3d", "--tls", *tls.options(bed))
    got = bed.dir / "got"
    urls = [word for where in ("/dev/null",) * 5 + (str(got),) for word in (f"pop3s://localhost:{service.port}/1", "-o", where)]
    curl = subprocess.Popen(["curl", "-sS", "--max-time", "100", "--cacert", bed.place.authority().root, "-u", "alice:alicepw", *urls],
                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    peaks = {}
    while curl.poll() is None:
        for room in service.rooms():
            peaks[room.room] = max(peaks.get(room.room, 0), int(room.status.get("VmHWM", "0").split()[0]))
        time.sleep(0.05)
    equal((curl.returncode, curl.stderr.read()), (0, b""), "curl")
    check(got.read_bytes() == mbox.parse(mail)[0].wire(), "not what was sent")
    check(" retrieved=6 " in until(lambda: [line for line in service.log() if line.startswith("session end: ")], "the end")[0],
          f"{service.log()}")
    check({"tls", "front"} <= set(peaks), f"seen: {peaks}")
    check(bed.place.sanitized() or peaks["tls"] < SMALL and max(peaks.values()) < 40_000, f"KiB: {peaks}")


@needs("openssl")
@each(("in_one_write", 0), ("odd_pieces", 4093))
def test_5000_pipelined_commands(bed, piece):
    bed.put(MAIL)
    pop = bed.pop3(tls="first")
    said = b"NOOP\r\nLIST 2\r\n" * 2500 + b"QUIT\r\n"
    for begin in range(0, len(said), piece or len(said)):
        pop.stream.send(said[begin:begin + (piece or len(said))])
    pop.stream.expect((b"+OK\r\n+OK 2 %d\r\n" % mbox.parse(MAIL)[1].size) * 2500 + b"+OK bye\r\n")
    pop.stream.expect_end()
    pop.session.finish()


@needs("openssl")
def test_pipelined_retrievals(bed):
    """More answers than any buffer holds, asked for before the first is read, then the client's end."""
    mail = mbox.mailbox(40, 60_000)
    bed.put(mail)
    pop = bed.pop3(tls="first", how="tcp")
    pop.stream.send(b"".join(b"RETR %d\r\n" % n for n in range(1, 41)) + b"QUIT\r\n")
    pop.stream.half_close()
    for message in mbox.parse(mail):
        pop.stream.expect(b"+OK %d octets\r\n" % message.size + message.stuffed() + b".\r\n")
    pop.stream.expect(b"+OK bye\r\n")
    pop.stream.expect_end()
    pop.session.finish()
    check(" reason=quit " in pop.session.log()[-1], pop.session.log())


@needs("openssl")
def test_slow_reader(bed):
    mail = mbox.mailbox(1, 3_000_000)
    bed.put(mail)
    pop = bed.pop3(tls="first")
    pop.stream.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    pop.send("RETR 1")
    time.sleep(0.3)
    equal(pop.read_line(), f"+OK {mbox.octets(mbox.parse(mail))} octets", "reply")
    pop.stream.expect(mbox.parse(mail)[0].stuffed() + b".\r\n")
    pop.quit()
    pop.session.finish()


@needs("openssl")
def test_line_of_ten_megabytes(bed):
    pop = bed.pop3(login=None, tls="first")
    pop.stream.send(b"USER " + b"a" * 10_000_000 + b"\r\n")
    equal(pop.read_line(), "-ERR line too long", "reply")
    if room := pop.session.rooms().tls:
        check(bed.place.sanitized() or peak(room.pid) < SMALL, f"tls grew to {peak(room.pid)} KiB")
    pop.expect("QUIT", "+OK bye")
    pop.session.finish()
