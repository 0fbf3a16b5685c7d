"""KERBEROS_V4: every decision, with every value that is at an edge, under sanitizers. What the real server makes of it: kerberos4.py."""

import os
import random
import re
import struct
import subprocess
from pathlib import Path

from lib import kerberos4
from lib.judge import CHALLENGE, KEY, NOW, Judge, forge, judged, key_file
from lib.kerberos4 import keytab, lifetime, pcbc_decrypt, pcbc_encrypt, srvtab
from lib.suite import check, each, equal, needs

OTHER = bytes.fromhex("0123456789abcdef")
LONG = "n" * 39
RECORD = ("pop", "localhost", "TEST.EXAMPLE", 3, KEY)


# The honest ones.

@each(("keytab", keytab(RECORD)), ("keytab_md5", keytab(RECORD, enctype=3)), ("srvtab", srvtab(RECORD)))
def test_recorded_exchange(bed, octets):
    """Of a real KDC and a real client. And what the tests forge is the same, octet for octet."""
    vector = kerberos4.VECTOR
    equal(vector.request(CHALLENGE), kerberos4.VECTOR_REQUEST, "forged request")
    equal(vector.choice(CHALLENGE), kerberos4.VECTOR_CHOICE, "forged choice")
    judge = Judge(bed, key_file(bed, octets))
    judge.ask("vector", kerberos4.VECTOR_REQUEST, kerberos4.VECTOR_CHOICE)
    equal(judge.decide()[0][1], ["accepted", kerberos4.VECTOR_ANSWER.hex(), "accepted", "here"], "verdict")


def test_both_byte_orders_of_both_sides(bed):
    judged(bed, "accepted", [(f"KDC {kdc}, client {client}", forge(ticket_little=kdc, little=client)) for kdc in (False, True) for client in (False, True)])
    judged(bed, "challenge", [("client says little, writes big", forge(kind=7))])
    judged(bed, "expired", [("KDC says little, writes big", forge(issued=int.from_bytes(struct.pack("<I", NOW - 60), "big"), ticket_little=True))])


def test_answer_wraps(bed):
    """The challenge and one more, modulo 2^32."""
    judge = Judge(bed)
    for challenge in 0, 1, 0x7fffffff, 0xffffffff:
        judge.ask(challenge, forge(session=OTHER), challenge=challenge)
    for challenge, words in judge.decide():
        equal(words[:3], ["accepted", forge(session=OTHER).answer(challenge).hex(), "accepted"], f"challenge {challenge}")


def test_every_lifetime_to_the_second(bed):
    """All 256 values, in both byte orders: the last second, the one behind it, and the skew before the issue."""
    good, over = Judge(bed), Judge(bed)
    for little in False, True:
        for life in range(256):
            issued = NOW - lifetime(life)
            ticket = forge(life=life, issued=issued, ticket_little=little, session=OTHER).ticket()
            for judge, now in (good, NOW), (over, NOW + 1), (good, issued - 300), (over, issued - 301), (good, issued):
                if judge is over or now <= NOW:
                    one = forge(now=now, session=OTHER)
                    judge.ask(f"life {life} little {little} at {now - issued}", one.pack(ticket, one.authenticator(CHALLENGE)),
                              one.choice(CHALLENGE), now=now)
    good.expect("accepted")
    over.expect("expired")


def test_clock_to_the_second(bed):
    good, wrong = Judge(bed), Judge(bed)
    for skew in range(-310, 311):
        (good if abs(skew) <= 300 else wrong).ask(f"skew {skew}", forge(now=NOW + skew, issued=NOW - 60))
    for time in 0, 1, 2**31 - 1, 2**31, 2**32 - 1, NOW + 2**31, NOW - 2**30:
        wrong.ask(f"time {time}", forge(now=time, issued=NOW - 60))
    good.expect("accepted")
    wrong.expect("clock")


def test_times_beyond_2038(bed):
    """Half of 32 bits, and all of them."""
    good, expired, clock = Judge(bed), Judge(bed), Judge(bed)
    for now in 2**31 - 1, 2**31, 2**31 + 200, 2**32 - 1, 300, 0:
        good.ask(f"at {now}", forge(now=now, issued=max(0, now - 200)), now=now)
    good.ask("life beyond 2^32", forge(now=2**32 - 1, issued=2**32 - 10, life=255), now=2**32 - 1)
    expired.ask("issued at 0", forge(issued=0), now=NOW)
    expired.ask("issued at 2^32-1", forge(issued=2**32 - 1), now=NOW)
    clock.ask("after the end of 32 bits", forge(now=100, issued=0), now=2**32 + 100)
    clock.ask("before the beginning", forge(now=2**32 - 1, issued=0), now=5)
    for judge, word in (good, "accepted"), (expired, "expired"), (clock, "clock"):
        judge.expect(word)


def test_padding_of_any_value(bed):
    cases = [(f"pad {fill}", forge(ticket_pad=bytes([fill]), auth_pad=bytes([fill]))) for fill in range(256)]
    judged(bed, "accepted", cases)
    judge = Judge(bed)
    one = forge()
    for fill in range(256):
        judge.ask(f"choice filled with {fill}", one.request(CHALLENGE), one.choice(CHALLENGE, fill=bytes([fill])))
    for size in 0, 0xffff, 0xffffff:
        judge.ask(f"buffer {size}", one.request(CHALLENGE), one.choice(CHALLENGE, size=size))
    for more in range(0, 5):
        judge.ask(f"{more} blocks more", one.request(CHALLENGE), one.choice(CHALLENGE, user=b"alice\0" + bytes(8 * more)))
    for user in "", "alice@example.org", "alice@Example.NET":      # the driver's --domain
        judge.ask(f"user {user}", one.request(CHALLENGE), one.choice(CHALLENGE, user=user))
    judge.expect("accepted")


def test_user_names_that_fill_their_blocks(bed):
    """1 to 39 octets: every number of pad octets, and the longest name that Kerberos 4 has."""
    judged(bed, "accepted", [(f"{size} octets", forge(user="u" * size)) for size in range(1, 40)])


def test_realm_left_out(bed):
    """Old clients and KDCs leave the local realm empty."""
    judged(bed, "accepted", [("request", forge(request_realm="")), ("ticket", forge(user_realm="")), ("authenticator", forge(auth_realm="")),
                             ("all", forge(request_realm="", user_realm="", auth_realm=""))])


def test_address_is_told_apart(bed):
    for peer, address, expected in (("192.0.2.1", (192, 0, 2, 1), "here"), ("192.0.2.2", (192, 0, 2, 1), "elsewhere"), ("192.0.2.1", (0, 0, 0, 0), "here"),
                                    ("local", (192, 0, 2, 1), "here"), ("2001:db8::1", (192, 0, 2, 1), "elsewhere"), ("1.2.0.192", (192, 0, 2, 1), "elsewhere")):
        judge = Judge(bed, peer=peer)
        judge.ask(peer, forge(address=bytes(address)))
        equal(judge.decide()[0][1][2:], ["accepted", expected], f"{peer} with a ticket of {address}")


# The key is found by name, realm and kvno.

def test_key_by_kvno(bed):
    """Three versions, three keys; and no number is a joker."""
    keys = {0: OTHER, 3: KEY, 4: OTHER[::-1]}
    path = key_file(bed, keytab(*(("pop", "localhost", "TEST.EXAMPLE", kvno, key) for kvno, key in keys.items())))
    judged(bed, "accepted", [(kvno, forge(kvno=kvno, key=key)) for kvno, key in keys.items()], key=path)
    judged(bed, "key", [(f"{kvno} with the key of {other}", forge(kvno=kvno, key=keys[other]))
                        for kvno in range(256) for other in keys if keys.get(kvno) != keys[other]], key=path)
    judged(bed, "key", [(f"kvno {kvno}", forge(kvno=kvno)) for kvno in range(256) if kvno != 3])


def test_kvno_of_a_keytab_beyond_one_octet(bed):
    judged(bed, "accepted", [("259 is 3", forge())], key=key_file(bed, keytab(("pop", "localhost", "TEST.EXAMPLE", 259, KEY))))


def test_several_entries_that_fit(bed):
    """The same service on two hosts with one key and with two, in two realms, and under full names."""
    path = key_file(bed, keytab(("pop", "one", "A.EXAMPLE", 3, KEY), ("pop", "two", "A.EXAMPLE", 3, KEY), ("pop", "three", "A.EXAMPLE", 3, OTHER),
                                ("pop", "one", "B.EXAMPLE", 3, OTHER), ("imap", "one", "A.EXAMPLE", 3, KEY), ("pop", "mail.example.org", "A.EXAMPLE", 3, KEY)))
    judged(bed, "accepted", [("one", forge(host="one", realm="A.EXAMPLE")), ("two", forge(host="two", realm="A.EXAMPLE")),
                             ("three", forge(host="three", realm="A.EXAMPLE", key=OTHER)), ("B", forge(host="one", realm="B.EXAMPLE", key=OTHER)),
                             ("first label", forge(host="mail", realm="A.EXAMPLE")), ("whole", forge(host="mail.example.org", realm="A.EXAMPLE"))], key=path)
    judged(bed, ("key", "service"), [("three with one's", forge(host="three", realm="A.EXAMPLE")), ("imap unasked", forge(service="imap", host="one", realm="A.EXAMPLE")),
                                     ("part of a label", forge(host="mai", realm="A.EXAMPLE")), ("two labels", forge(host="mail.example", realm="A.EXAMPLE")),
                                     ("no host", forge(host="", realm="A.EXAMPLE")), ("B with A's", forge(host="one", realm="B.EXAMPLE"))], key=path)
    judged(bed, "accepted", [("imap", forge(service="imap", host="one", realm="A.EXAMPLE")), ("pop", forge(host="one", realm="A.EXAMPLE"))],
           key=path, services="pop imap")
    judged(bed, "realm", [("user of the other realm", forge(host="one", realm="A.EXAMPLE", user_realm="B.EXAMPLE"))], key=path)


def test_names_as_long_as_they_may_be(bed):
    path = key_file(bed, srvtab((LONG, LONG, LONG, 3, KEY)))
    judged(bed, "accepted", [("39 octets", forge(service=LONG, host=LONG, realm=LONG, user=LONG))], key=path, services=LONG)


# Attacks.

ATTACKS = (
    ("key", {"key": OTHER}), ("key", {"kvno": 0}), ("key", {"kvno": 4}), ("key", {"request_realm": "EVIL.EXAMPLE"}), ("key", {"session": bytes(8)}),
    ("key", {"session": bytes.fromhex("0101010101010101")}), ("key", {"session": bytes.fromhex("01fe01fe01fe01fe")}),
    ("service", {"service": "imap"}), ("service", {"service": "pop3"}), ("service", {"service": "po"}), ("service", {"service": "POP"}), ("service", {"service": ""}),
    ("service", {"service": "krbtgt", "host": "TEST.EXAMPLE"}), ("service", {"host": "otherhost"}), ("service", {"host": "LOCALHOST"}), ("service", {"host": ""}),
    ("names", {"auth_user": "bob"}), ("names", {"auth_user": ""}), ("names", {"auth_user": "alicex"}), ("names", {"auth_user": "Alice"}),
    ("names", {"auth_instance": "root"}), ("names", {"auth_realm": "EVIL.EXAMPLE"}), ("names", {"instance": "root", "auth_instance": ""}), ("names", {"auth_session": OTHER}),
    ("realm", {"user_realm": "EVIL.EXAMPLE"}), ("realm", {"user_realm": "TEST.EXAMPLE.EVIL"}), ("realm", {"user_realm": "test.example"}),
    ("instance", {"instance": "root"}), ("instance", {"instance": "localhost"}), ("instance", {"instance": " "}),
    ("user", {"user": ""}), ("user", {"user": "al\nice"}), ("user", {"user": "\x7f"}), ("user", {"user": b"al\x01ice\0"}),
    ("challenge", {"checksum": CHALLENGE + 1}), ("challenge", {"checksum": 0}), ("challenge", {"checksum": CHALLENGE ^ 1 << 31}),
    ("challenge", {"checksum": int.from_bytes(CHALLENGE.to_bytes(4, "little"), "big")}),
    ("malformed", {"version": 5}), ("malformed", {"version": 0}), ("malformed", {"kind": 8}), ("malformed", {"kind": 4}), ("malformed", {"kind": 0x86}),
)


@each(*((word, word) for word in dict(ATTACKS)))
def test_attack(bed, word):
    judged(bed, word, [(str(fields), forge(**fields)) for expected, fields in ATTACKS if expected == word])


def test_only_one_version_and_type(bed):
    bad = Judge(bed)
    whole = forge().request(CHALLENGE)
    for octet in range(256):
        if octet != 4:
            bad.ask(f"version {octet}", bytes([octet]) + whole[1:])
        if octet not in (6, 7):
            bad.ask(f"type {octet}", whole[:1] + bytes([octet]) + whole[2:])
    bad.expect("malformed")


def test_replay(bed):
    """A recorded exchange is worth nothing for any other challenge, nor is its second message alone."""
    old, fresh = Judge(bed), Judge(bed)
    one = forge()
    for challenge in CHALLENGE + 1, CHALLENGE - 1, CHALLENGE ^ 0x80, 0:
        old.ask(challenge, one.request(CHALLENGE), one.choice(CHALLENGE), challenge=challenge)
        fresh.ask(challenge, one.request(challenge), one.choice(CHALLENGE), challenge=challenge)
    old.expect("challenge")
    fresh.expect("accepted/challenge")


def test_every_bit_turned(bed):
    """No single bit of a request or a choice can be changed. (In the choice's last block it may empty the name: he stays himself.)"""
    requests, choices, last = Judge(bed), Judge(bed), Judge(bed)
    one = forge()
    request, choice = one.request(CHALLENGE), one.choice(CHALLENGE)
    turn = lambda octets, bit: bytes(octet ^ (1 << bit % 8 if at == bit // 8 else 0) for at, octet in enumerate(octets))
    for bit in range(8 * len(request)):
        requests.ask(f"request, bit {bit}", turn(request, bit), choice)
    for bit in range(8 * len(choice)):
        (choices if bit < 64 else last).ask(f"choice, bit {bit}", request, turn(choice, bit))
    requests.expect(("malformed", "key", "service", "names", "challenge", "clock"))
    choices.expect(("accepted/challenge", "accepted/layer"))
    last.expect(("accepted/malformed", "accepted/user", "accepted"))


def test_truncated_anywhere(bed):
    """Cut octets, and cut contents in an otherwise consistent message."""
    one = forge()
    request, choice = one.request(CHALLENGE), one.choice(CHALLENGE)
    cut = Judge(bed)
    for size in range(len(request)):
        cut.ask(f"request of {size}", request[:size])
    for more in 1, 7, 8, 16, 100:
        cut.ask(f"{more} octets more", request + bytes(more))
    cut.expect("malformed")
    ticket, authenticator = one.ticket_clear().rstrip(b"\0") + b"\0", one.authenticator_clear(CHALLENGE).rstrip(b"i")
    inside = Judge(bed)
    for fill in b"x", b"\xff":
        for size in range(len(ticket)):
            inside.ask(f"ticket of {size}", one.pack(pcbc_encrypt(KEY, kerberos4.padded(ticket[:size], fill)), one.authenticator(CHALLENGE)))
        for size in range(len(authenticator) - 1):      # the last octet may be any: seconds
            inside.ask(f"authenticator of {size}", one.pack(one.ticket(), pcbc_encrypt(one.session, kerberos4.padded(authenticator[:size], fill))))
    for size in range(0, 56, 8):
        inside.ask(f"ticket cut to {size}", one.pack(one.ticket()[:size], one.authenticator(CHALLENGE)))
    for size in range(0, 32, 8):
        inside.ask(f"authenticator cut to {size}", one.pack(one.ticket(), one.authenticator(CHALLENGE)[:size]))
    inside.ask("a block more in the ticket", one.pack(pcbc_encrypt(KEY, one.ticket_clear() + bytes(8)), one.authenticator(CHALLENGE)))
    inside.ask("a block more in the authenticator", one.pack(one.ticket(), pcbc_encrypt(one.session, one.authenticator_clear(CHALLENGE) + bytes(8))))
    inside.expect(("malformed", "key", "service", "names", "clock"))
    short = Judge(bed)
    for size in [*range(len(choice)), 17, 23]:
        short.ask(f"choice of {size}", request, (choice + bytes(8))[:size] or b"\0")
    for size in range(8, 14):
        short.ask(f"choice with {size} octets inside", request, pcbc_encrypt(one.session, kerberos4.padded(one.choice_clear(CHALLENGE)[:size], b"x")))
    short.expect(("accepted/malformed", "accepted/user"))


def test_lengths_that_lie(bed):
    """Every value of both length octets; and lengths that add up, but divide elsewhere."""
    judge, one = Judge(bed), forge()
    head, ticket, authenticator = one.header(), one.ticket(), one.authenticator(CHALLENGE)
    for size in set(range(256)) - {len(ticket)}:
        judge.ask(f"ticket length {size}", head + bytes([size, len(authenticator)]) + ticket + authenticator)
    for size in set(range(256)) - {len(authenticator)}:
        judge.ask(f"authenticator length {size}", head + bytes([len(ticket), size]) + ticket + authenticator)
    for size in 0, 255:
        judge.ask(f"both {size}", head + bytes([size, size]) + ticket + authenticator)
    judge.expect("malformed")
    moved = Judge(bed)
    both = len(ticket) + len(authenticator)
    for size in range(both + 1):
        if size != len(ticket):
            moved.ask(f"divided at {size}", head + bytes([size, both - size]) + ticket + authenticator)
    moved.expect(("malformed", "key", "service", "names"))


def test_longest_message(bed):
    """248 octets of ticket and of authenticator, which no honest one has."""
    judged(bed, "key", [("filled", forge(host=b"localhost\0" + bytes(196)))])
    judge, one = Judge(bed), forge()
    judge.ask("248", one.pack(bytes(248), bytes(248)))
    judge.expect("key")


STRINGS = ("user", "instance", "user_realm", "service", "host", "request_realm", "auth_user", "auth_instance", "auth_realm")


@each(*((field, field) for field in STRINGS))
def test_string_too_long(bed, field):
    """40 octets and the NUL, 60, 200, and no NUL at all to the end of the message."""
    judge = Judge(bed)
    for what, value in ("41", b"a" * 40 + b"\0"), ("61", b"a" * 60 + b"\0"), ("200", b"a" * 159 + b"\0"), ("no NUL", b"a" * 40):
        judge.ask(what, forge(**{field: value}))
    judge.expect(("malformed", "key", "names", "realm", "service", "instance"))


def test_layers(bed):
    judge, one = Judge(bed), forge()
    request = one.request(CHALLENGE)
    for layer in set(range(256)) - {1}:
        judge.ask(f"layer {layer}", request, one.choice(CHALLENGE, layer=layer))
    judge.expect("accepted/layer")


def test_choices_of_every_size(bed):
    """Junk, and well-formed ones with a name that goes on to the end."""
    judge, one = Judge(bed), forge()
    request = one.request(CHALLENGE)
    for size in [*range(1, 330), 4096, 10000]:
        judge.ask(f"junk of {size}", request, os.urandom(size))
    judge.expect(("accepted/malformed", "accepted/challenge"))
    judge = Judge(bed)
    for size in 8, 16, 40, 248, 256, 264, 296, 4096:
        judge.ask(f"no NUL in {size}", request, pcbc_encrypt(one.session, one.choice_clear(CHALLENGE, user=b"a" * size)))
    judge.expect("accepted/malformed")


def test_only_himself(bed):
    judge, one = Judge(bed), forge()
    for user in ("root", "bob", "../x", "alic", "alicex", "Alice", " alice", "alice ", "alice@TEST.EXAMPLE", "alice@", "alice@example", "alice@example.org.",
                 "bob@example.org", "@example.org", "alice.", "al\nice", "\x01", "\x7f", "a" * 255, "-alice"):
        judge.ask(repr(user), one.request(CHALLENGE), one.choice(CHALLENGE, user=user))
    judge.expect("accepted/user")


def test_junk(bed):
    dice = random.Random(4)
    judge = Judge(bed)
    for turn in range(2000):
        judge.ask(f"junk {turn}", dice.randbytes(dice.randrange(200)) or b"\0")
        judge.ask(f"framed junk {turn}", forge(session=OTHER).pack(dice.randbytes(8 * dice.randrange(1, 32)), dice.randbytes(8 * dice.randrange(1, 32))))
    judge.ask("10,000 octets", dice.randbytes(10000))
    judge.expect(("malformed", "key"))


def test_junk_behind_the_right_key(bed):
    """Who knows the key may still be no friend: tickets of random octets, with and without a right beginning."""
    dice = random.Random(5)
    judge, one = Judge(bed), forge(session=OTHER)
    begin = one.ticket_clear()
    for turn in range(800):
        size = 8 * dice.randrange(1, 20)
        right = dice.randrange(size)
        ticket = (begin[:right] + dice.randbytes(size))[:size]
        judge.ask(f"ticket {ticket.hex()}", one.pack(pcbc_encrypt(KEY, ticket), one.authenticator(CHALLENGE)))
        clear = (one.authenticator_clear(CHALLENGE)[:right] + dice.randbytes(size))[:size]
        judge.ask(f"authenticator {clear.hex()}", one.pack(one.ticket(), pcbc_encrypt(OTHER, clear)))
    outcomes = {words[0] for _, words in judge.decide()}
    check("malformed" not in outcomes, str(outcomes))
    # A cut can fall behind everything that counts; what was accepted must be the honest content then.
    for what, words in judge.decide():
        if words[0] == "accepted":
            part, octets = what.split()
            honest = begin if part == "ticket" else one.authenticator_clear(CHALLENGE)
            meant = honest.rstrip(b"\0") + b"\0" if part == "ticket" else honest[:-3]
            check(bytes.fromhex(octets).startswith(meant[:20]), what)


# Key files.

@each(("missing", None, 0o600, "ENOENT"), ("loose", keytab(RECORD), 0o640, "EPERM"), ("for_all", srvtab(RECORD), 0o604, "EPERM"), ("empty", b"", 0o600, "ENOKEY"),
      ("text", b"This is not a key file\n" * 9, 0o600, "EINVAL"), ("binary", bytes(range(255, 0, -1)), 0o600, "EINVAL"), ("mark_alone", b"\5\2", 0o600, "ENOKEY"),
      ("strange_keytab", b"\5\7" + keytab(RECORD)[2:], 0o600, "EINVAL"), ("other_service", keytab(("imap",) + RECORD[1:]), 0o600, "ENOKEY"),
      ("no_des", keytab(RECORD[:4] + (KEY * 4, 18), RECORD[:4] + (KEY * 2, 17), RECORD[:4] + (KEY * 3, 16)), 0o600, "ENOKEY"),
      ("des_of_another_size", keytab(RECORD[:4] + (KEY[:7],), RECORD[:4] + (KEY * 2,)), 0o600, "ENOKEY"),
      ("three_components", keytab(("pop", ["localhost", "x"], "TEST.EXAMPLE", 3, KEY)), 0o600, "ENOKEY"),
      ("a_component_that_is_not_there", keytab(("pop", "a", "R", 3, KEY)).replace(b"\0\2\0\1R", b"\0\3\0\1R"), 0o600, ("ENOKEY", "EINVAL")),
      ("one_component", keytab(("pop", [], "TEST.EXAMPLE", 3, KEY)), 0o600, "ENOKEY"), ("long_names", keytab(("pop", "h" * 40, "R", 3, KEY)), 0o600, "ENOKEY"),
      ("weak", keytab(RECORD[:4] + (bytes.fromhex("e0fee0fef1fef1fe"),)), 0o600, "EKEYREJECTED"), ("weak_srvtab", srvtab(RECORD[:4] + (bytes(8),)), 0o600, "EKEYREJECTED"),
      ("srvtab_41", srvtab(("pop", "h" * 40, "R", 3, KEY)), 0o600, "EINVAL"), ("srvtab_200", srvtab(("pop", "h", "R" * 200, 3, KEY)), 0o600, "EINVAL"),
      ("srvtab_no_service", srvtab(("", "h", "R", 3, KEY)), 0o600, "EINVAL"), ("srvtab_no_realm", srvtab(("pop", "h", "", 3, KEY)), 0o600, "EINVAL"),
      ("too_many", srvtab(*[RECORD] * 65), 0o600, "E2BIG"), ("many", srvtab(*[RECORD] * 64), 0o600, "64"),
      ("mixed", keytab(RECORD[:4] + (KEY * 4, 18), RECORD, ("host",) + RECORD[1:], RECORD[:3] + (4, OTHER)), 0o600, "2"),
      ("srvtab_of_many", srvtab(("rcmd",) + RECORD[1:], RECORD, ("imap",) + RECORD[1:]), 0o600, "1"))
def test_key_file(bed, octets, mode, expected):
    path = bed.dir / "missing" if octets is None else key_file(bed, octets, mode=mode)
    actual = Judge(bed, path).keys()
    check(actual in ([expected] if isinstance(expected, str) else expected), f"expected {expected}, got {actual}")


def test_key_file_that_is_no_file(bed):
    fifo = bed.dir / "fifo"
    os.mkfifo(fifo, 0o600)
    equal(Judge(bed, fifo).keys(), "EPERM", "a FIFO")
    equal(Judge(bed, bed.dir).keys(), "EPERM", "a directory")


@needs("root")
def test_key_file_of_another_user(bed):
    path = key_file(bed)
    os.chown(path, 4002, 4002)
    equal(Judge(bed, path).keys(), "EPERM", "bob's file")


def test_key_files_cut_anywhere(bed):
    """A srvtab ends at a record or nowhere; a keytab never yields a key that is not whole."""
    whole = srvtab(RECORD, RECORD)
    for size in [1, 4, 14, 20, 26, 27, 28, 34, len(whole) // 2 - 1, len(whole) // 2 + 1, len(whole) - 8, len(whole) - 1]:
        equal(Judge(bed, key_file(bed, whole[:size])).keys(), "EINVAL", f"srvtab of {size}")
    equal(Judge(bed, key_file(bed, whole[:len(whole) // 2])).keys(), "1", "a whole record")
    whole = keytab(RECORD)
    for size in [*range(1, 8), 20, 30, 50, len(whole) - 13, len(whole) - 12, len(whole) - 5]:
        actual = Judge(bed, key_file(bed, whole[:size])).keys()
        check(actual in ("EINVAL", "ENOKEY"), f"keytab of {size}: {actual}")


def test_key_file_with_a_hole(bed):
    """What ktutil and kadmin leave where an entry was deleted."""
    first, second = keytab(RECORD[:4] + (OTHER,))[2:], keytab(RECORD)[2:]
    hole = struct.pack(">i", -(len(first) - 4)) + bytes(len(first) - 4)
    judged(bed, "accepted", [("behind the hole", forge())], key=key_file(bed, b"\5\2" + hole + second))


@needs("klist")
def test_debian_reads_the_same_key_file(bed):
    path = key_file(bed, keytab(RECORD, ("imap", "mail.example.org", "TEST.EXAMPLE", 7, OTHER, 3)))
    listed = subprocess.run(["klist", "-keK", f"FILE:{path}"], capture_output=True, text=True, timeout=20).stdout
    check(re.search(rf"3 pop/localhost@TEST\.EXAMPLE \(DEPRECATED:des-cbc-crc\)\s+\(0x{KEY.hex()}\)", listed), listed)
    check(re.search(rf"7 imap/mail\.example\.org@TEST\.EXAMPLE \(DEPRECATED:des-cbc-md5\)\s+\(0x{OTHER.hex()}\)", listed), listed)
    equal(Judge(bed, path, services="pop imap").keys(), "2", "keys")
