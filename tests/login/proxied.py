"""The PROXY header: who tells what, what it is worth, and what is logged."""

import re
import socket
import struct
from pathlib import Path

from lib import mbox, testbed
from lib.inside import Died, Inside
from lib.suite import check, each, equal, needs, until
from login.plaintext import address_or_skip
from start import contract

PROXY, CLIENT, CLIENT_6 = testbed.PUBLIC_ADDRESS, "198.51.100.7", "2001:db8:1::7"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
COMMAND_PROXY, COMMAND_LOCAL = 0x21, 0x20


def value(kind, octets):
    return struct.pack(">BH", kind, len(octets)) + octets


def tls(did=1):
    return value(0x20, struct.pack(">BI", did, 0) + value(0x21, b"TLSv1.3") + value(0x23, b"TLS_AES_256_GCM_SHA384"))


def binary(command, family, addresses=b"", more=b""):
    return SIGNATURE + struct.pack(">BBH", command, family, len(addresses + more)) + addresses + more


def four(client=CLIENT, more=b""):
    return binary(COMMAND_PROXY, 0x11, socket.inet_aton(client) + socket.inet_aton(PROXY) + struct.pack(">HH", 40000, 110), more)


def six(client=CLIENT_6, more=b""):
    pair = socket.inet_pton(socket.AF_INET6, client) + socket.inet_pton(socket.AF_INET6, "2001:db8::1")
    return binary(COMMAND_PROXY, 0x21, pair + struct.pack(">HH", 40000, 110), more)


def line(text):
    return text.encode() + b"\r\n"


def talk(bed, header, *options, then=b""):
    """A session of pop3d behind a proxy that has sent the header; its greeting is still to come."""
    session = bed.start("pop3d", f"--proxy=198.18.0.0/15,{PROXY}", *options, how="tcp", address=PROXY)
    session.stream.send(header + then)
    return session


GOOD = (  # name, header, what the log calls the client, whether its network may send passwords
    ("line_4", line(f"PROXY TCP4 {CLIENT} {PROXY} 40000 110"), CLIENT, True),
    ("line_6", line(f"PROXY TCP6 {CLIENT_6} 2001:db8::1 40000 110"), CLIENT_6, True),
    ("line_6_mapped", line(f"PROXY TCP6 ::ffff:{CLIENT} ::1 1 2"), CLIENT, True),
    ("line_longest", line("PROXY UNKNOWN " + "f" * 91), "unknown", False),
    ("line_unknown", line("PROXY UNKNOWN"), "unknown", False),
    ("line_loopback", line("PROXY TCP4 127.0.0.1 127.0.0.1 1 2"), "127.0.0.1", False),
    ("line_loopback_6", line("PROXY TCP6 ::1 ::1 1 2"), "::1", False),
    ("line_loopback_mapped", line("PROXY TCP6 ::ffff:127.9.9.9 ::1 1 2"), "127.9.9.9", False),
    ("line_other_network", line(f"PROXY TCP4 203.0.113.9 {PROXY} 40000 110"), "203.0.113.9", False),
    ("binary_4", four(), CLIENT, True),
    ("binary_6", six(), CLIENT_6, True),
    ("binary_loopback", four("127.0.0.1"), "127.0.0.1", False),
    ("binary_values", four(more=value(2, b"pop.example.org") + value(5, b"1") + value(4, bytes(500))), CLIENT, True),
    ("binary_largest", four(more=value(4, bytes(4096 - 16 - 12 - 3))), CLIENT, True),
    ("binary_unix", binary(COMMAND_PROXY, 0x31, b"/run/x" + bytes(210)), "unknown", False),
    ("binary_unspecified", binary(COMMAND_PROXY, 0, b"", value(4, b"")), "unknown", False),
    ("binary_udp", binary(COMMAND_PROXY, 0x12, bytes(12)), "unknown", False),
    ("binary_local", binary(COMMAND_LOCAL, 0), PROXY, False),
    ("binary_local_with_address", binary(COMMAND_LOCAL, 0x11, socket.inet_aton(CLIENT) * 2 + bytes(4)), PROXY, False),
)


@needs("network")
@each(*GOOD)
def test_header(bed, header, peer, allowed):
    """Whether it comes alone or together with what the client says: not an octet too many is taken."""
    bed.put(mbox.mailbox(1))
    session = talk(bed, header, f"--plaintext=198.51.100.0/24,{CLIENT_6}", then=b"USER alice\r\nPASS alicepw\r\nQUIT\r\n")
    replies = session.stream.take_all()
    equal(b"clear-text" not in replies, allowed, f"a login is allowed: {replies!r}")
    check(replies.startswith(b"+OK POP3 ") and replies.endswith(b"+OK bye\r\n"), f"got {replies!r}")
    session.finish()
    said = "login:" if allowed else "login failed:"
    check(session.log()[0].startswith(f"{said} peer={peer} via={PROXY} method=PASS"), f"log: {session.log()}")
    check(f" peer={peer} " in session.log()[-1], f"log: {session.log()}")


BAD = (
    ("nothing_of_it", b"USER alice\r\n"),
    ("a_greeting_of_tls", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + bytes(100)),
    ("lower_case", line(f"proxy TCP4 {CLIENT} {PROXY} 1 2")),
    ("line_feed_alone", f"PROXY TCP4 {CLIENT} {PROXY} 1 2\n".encode()),
    ("too_long", b"PROXY UNKNOWN " + b"f" * 92 + b"\r\n"),
    ("never_ends", b"PROXY TCP4 " + b"1" * 100_000),
    ("no_port", line(f"PROXY TCP4 {CLIENT} {PROXY} 1")),
    ("big_port", line(f"PROXY TCP4 {CLIENT} {PROXY} 1 65536")),
    ("more_words", line(f"PROXY TCP4 {CLIENT} {PROXY} 1 2 3")),
    ("two_spaces", line(f"PROXY TCP4  {CLIENT} {PROXY} 1 2")),
    ("four_in_six", line(f"PROXY TCP6 {CLIENT} {PROXY} 1 2")),
    ("six_in_four", line(f"PROXY TCP4 {CLIENT_6} {CLIENT_6} 1 2")),
    ("name", line(f"PROXY TCP4 localhost {PROXY} 1 2")),
    ("nul", f"PROXY TCP4 {CLIENT}\0 {PROXY} 1 2\r\n".encode()),
    ("other_protocol", line(f"PROXY UDP4 {CLIENT} {PROXY} 1 2")),
    ("signature_torn", SIGNATURE[:-1] + b"\r" + four()[12:]),
    ("version_1_in_2", binary(0x11, 0x11, bytes(12))),
    ("version_3", binary(0x31, 0x11, bytes(12))),
    ("command_2", binary(0x22, 0x11, bytes(12))),
    ("addresses_short", binary(COMMAND_PROXY, 0x21, bytes(12))),
    ("value_torn", four(more=b"\x20\0\x09\1")),
    ("value_head_torn", four(more=b"\x20\0")),
    ("tls_short", four(more=value(0x20, b"\1"))),
    ("too_large", SIGNATURE + b"\x21\x11\xff\xff" + bytes(12)),
)


@needs("network")
@each(*BAD)
def test_no_header(bed, header):
    """No octet in answer, one line in the log, and no login."""
    session = talk(bed, header)
    check(session.stream.take_all() == b"", "it answers")
    session.finish()
    equal(len(session.log()), 1, f"lines in {session.log()}")
    check(session.log()[0].startswith(f"closed before login: peer={PROXY} ") and session.log()[0].endswith("reason=proxy"),
          session.log()[0])


@needs("network")
def test_header_within_the_login_deadline(bed):
    """Octets that trickle extend nothing; the greeting waits for the whole header."""
    session = talk(bed, b"PROXY TCP4 ", "--login-timeout=1")
    check(session.stream.silent(0.3), "a greeting before the header")
    session.stream.send(CLIENT.encode())
    check(session.stream.take_all() == b"", "it answers")
    session.finish()
    check(session.log()[0].endswith("reason=timeout"), session.log()[0])


SILENT = (
    ("without_a_word", b"", b""),
    ("line_alone", line(f"PROXY TCP4 {CLIENT} {PROXY} 1 2"), b""),
    ("local_alone", binary(COMMAND_LOCAL, 0), b""),
    ("local_quits", binary(COMMAND_LOCAL, 0), b"QUIT\r\n"),
    ("proxy_is_its_own_client", line(f"PROXY TCP4 {PROXY} {PROXY} 1 2"), b"QUIT\r\n"),
)


@needs("network")
@each(*((f"{name}_{how}", header, then, how) for name, header, then in SILENT for how in ("closes", "resets")))
def test_health_check_is_silent(bed, header, then, how):
    session = talk(bed, header)
    if header:
        check(session.stream.take_line().startswith(b"+OK POP3 "), "no greeting")
    session.stream.send(then)
    if then:
        equal(session.stream.take_line(), b"+OK bye\r\n", "reply")
    getattr(session.stream, "reset" if how == "resets" else "close")()
    session.finish()
    equal(session.log(), [], "log")


@needs("network")
def test_health_check_that_logs_in_is_told(bed):
    session = talk(bed, binary(COMMAND_LOCAL, 0), f"--plaintext={PROXY}", then=b"USER alice\r\nPASS wrong\r\nQUIT\r\n")
    session.stream.take_all()
    session.finish()
    equal([text.split(":")[0] for text in session.log()], ["login failed", "closed before login"], "log")


@needs("network")
@each(("counts", "--plaintext=proxy-tls", tls(), True), ("is_not_asked_for", "--plaintext=local", tls(), False),
      ("never", "--plaintext=never", tls(), False), ("none", "--plaintext=proxy-tls", b"", False),
      ("not_by_the_client", "--plaintext=proxy-tls", tls(0), False),
      ("beside_networks", "--plaintext=203.0.113.0/24,proxy-tls,local", tls(), True))
def test_tls_of_a_proxy(bed, policy, more, allowed):
    session = talk(bed, four(more=more), policy, then=b"CAPA\r\nUSER alice\r\nPASS alicepw\r\nQUIT\r\n")
    replies = session.stream.take_all()
    equal(b"\r\nUSER\r\n" in replies, allowed, "USER in CAPA")
    equal(b"-ERR" not in replies, allowed, "the login")
    session.finish()
    said = " tls=proxy" if more[3:4] == b"\1" else ""
    check(f" peer={CLIENT} via={PROXY}{said} method=" in session.log()[0], session.log()[0])


@needs("network")
@each(("6_for_6", six(), CLIENT_6), ("6_for_4", four(), CLIENT))
def test_proxy_of_version_6(bed, header, peer):
    address = address_or_skip(testbed.PUBLIC_ADDRESS_6)
    session = bed.start("pop3d", "--proxy=192.0.2.1,2001:db8::/64", "--plaintext=always", how="tcp", address=address)
    session.stream.send(header + b"USER alice\r\nPASS alicepw\r\nQUIT\r\n")
    check(b"-ERR" not in session.stream.take_all(), "no login")
    session.finish()
    check(session.log()[0].startswith(f"login: peer={peer} via={address} method="), f"log: {session.log()}")


@needs("network")
def test_a_listed_proxy_on_loopback_is_not_local(bed):
    """A proxy on this machine makes nobody local, neither by what it tells nor by where it is."""
    for header in line("PROXY UNKNOWN"), binary(COMMAND_LOCAL, 0), line("PROXY TCP4 127.0.0.1 127.0.0.1 1 2"):
        session = bed.start("pop3d", "--proxy=127.0.0.0/8", how="tcp")
        session.stream.send(header + b"USER alice\r\nQUIT\r\n")
        check(b"-ERR clear-text" in session.stream.take_all(), f"{header!r} is taken for local")
        session.finish()


@needs("root", "network")
def test_what_pam_is_told(bed):
    seen, script = bed.dir / "seen", bed.dir / "script"
    script.write_text(f"#!/bin/sh\necho \"$PAM_RHOST\" >> {seen}\n")
    script.chmod(0o755)
    Path("/etc/pam.d/pop3-told").write_text(f"auth required pam_exec.so quiet {script}\n{testbed.PAM_SERVICE}")
    session = talk(bed, four(), "--plaintext=always", "--pam-service=pop3-told", then=b"USER alice\r\nPASS alicepw\r\nQUIT\r\n")
    check(b"-ERR" not in session.stream.take_all(), "no login")
    session.finish()
    equal(until(lambda: seen.exists() and seen.read_text(), "PAM's module to run"), f"{CLIENT}\n", "PAM_RHOST")


@needs("network")
@each(("open", "--proxy=192.0.2.0/33"), ("empty", "--proxy="), ("name", "--proxy=localhost"), ("local", "--proxy=local"),
      ("comma", "--proxy=192.0.2.1,,192.0.2.2"), ("many", "--proxy=" + ",".join(f"192.0.2.{n}" for n in range(33))))
def test_wrong_option(bed, option):
    session = bed.start("pop3d", option)
    equal(session.stream.take_all(), b"-ERR [SYS/PERM] server misconfigured\r\n", "answer")
    equal(session.wait(), 64, "exit status")


# A front that somebody has broken into.

def frame_type(name):
    """Its number in enum frame_type."""
    header = (Path(__file__).resolve().parents[2] / "common/rooms/contract.h").read_text()
    names = re.findall(r"^    FRAME_(\w+)", re.search(r"enum frame_type \{(.*?)\};", header, re.S)[1], re.M)
    return names.index(name) + 1


def tells(address, client=0):
    mapped = bytes(10) + b"\xff\xff" + socket.inet_aton(address)
    return struct.pack("II", client, 0) + mapped


@needs("root", "sandbox", "network", "ss")
@each(("without_a_proxy", "198.18.0.1", b"", "PEER", tells("127.0.0.1"), "that there is not"),
      ("twice", PROXY, four(), "PEER", tells("127.0.0.1"), "that there is not"),
      ("login_before_the_header", PROXY, b"PROXY", "ASK_AUTH", bytes(4), "forgot the proxy"),
      ("refusal_before_the_header", PROXY, b"PROXY", "PLAINTEXT", bytes(4 + 256), "forgot the proxy"),
      ("no_such_client", PROXY, b"PROXY", "PEER", tells(CLIENT, 3), "Protocol error"),
      ("claims_loopback_to_log_in", PROXY, four("203.0.113.9"), "ASK_AUTH", bytes(4), "may not have"))
def test_owned_front(bed, proxy, header, name, body, said):
    """What the monitor does not believe: a second header, a request before the first, a login that its policy forbids."""
    session = bed.start("pop3d", f"--proxy={proxy}", "--plaintext=198.51.100.0/24", how="tcp", address=PROXY)
    session.stream.send(header)
    if header != b"PROXY":
        check(session.stream.take_line().startswith(b"+OK POP3 "), "no greeting")
    until(lambda: (front := session.rooms().front) and "poll" in Path(f"/proc/{front.pid}/wchan").read_text(), "front to wait")
    rooms = session.rooms()
    octets = struct.pack("II", frame_type(name), contract.VERSION) + body
    try:
        with Inside(rooms.front.pid) as inside:
            equal(inside.send(contract.wire(rooms.front, rooms.monitor), octets), len(octets), "octets sent")
    except Died:
        pass
    session.stream.take_all()
    equal(session.wait(), 0, "exit status")
    equal(len(session.log()), 1, f"lines in {session.log()}")
    check(session.log()[0].startswith("ended: peer=") and said in session.log()[0], session.log()[0])
