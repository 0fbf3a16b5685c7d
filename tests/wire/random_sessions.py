"""Sessions that no client would hold, by seed: words, numbers and junk in random order and in random pieces.

The programs must end as always, say nothing undocumented, and lose no message that was not deleted. RESTANTE_SESSIONS=N
plays N of them instead of the few that fit into a test run; a failure names its seed.
"""

import os
import random

from lib import mbox
from lib.suite import check, each, equal, limit

COUNT = int(os.environ.get("RESTANTE_SESSIONS", 40))
VERBS = {
    "pop3": "USER PASS AUTH APOP STAT LIST RETR DELE NOOP RSET TOP UIDL LAST CAPA QUIT STLS UTF8 LANG XTND RPOP".split(),
    "pop2": "HELO FOLD READ RETR ACKS ACKD NACK QUIT NOOP STAT".split(),
}
WORDS = ["alice", "alicepw", "wrong", "INBOX", "/var/mail/alice", "/etc/passwd", "../../x", "PLAIN", "CRAM-MD5", "=", "*", "AGEAYg==",
         "{5}", "%n%s", "-1", "0", "1", "2", "3", "4", "00001", "+1", "18446744073709551616", "99999999999999999999999", "1 2", "\\ ", ""]
ENDS = [b"\r\n"] * 8 + [b"\n", b"\n", b"\r", b"\r\r\n", b"\0\r\n", b""]


def junk(dice):
    kind = dice.randrange(5)
    if kind == 0:
        return dice.randbytes(dice.randrange(40))
    if kind == 1:
        return dice.choice([b"A", b" ", b"\0", b"\xff", b"."]) * dice.choice([1, 254, 255, 256, 511, 512, 513, 20000])
    if kind == 2:
        return b"\r\n" * dice.randrange(1, 6)
    if kind == 3:
        return b"\x16\x03\x01\x02\x00\x01\x00" + dice.randbytes(30)       # a TLS hello
    return b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2"


def line(dice, protocol):
    if dice.random() < 0.12:
        return junk(dice) + dice.choice(ENDS)
    verb = dice.choice(VERBS[protocol])
    if dice.random() < 0.2:
        verb = verb.lower()
    words = [verb] + [dice.choice(WORDS) for _ in range(dice.choice([0, 1, 1, 1, 2, 2, 3, 7]))]
    return dice.choice([" "] * 9 + ["  ", "\t"]).join(words).encode() + dice.choice(ENDS)


def conversation(dice, protocol, logged_in):
    octets = b"".join(line(dice, protocol) for _ in range(dice.randrange(1, 40)))
    if not logged_in and dice.random() < 0.3:        # a refused password costs two seconds: seldom
        octets = b"USER alice\r\n" + octets
    return octets if logged_in else octets.replace(b"PASS", b"PATH").replace(b"HELO", b"HULO")


def pieces(dice, octets):
    while octets:
        count = dice.choice([1, 2, 7, 100, 5000])
        yield octets[:count]
        octets = octets[count:]


def is_subsequence(after, before):
    rest = iter(before)
    return all(any(message.raw == other.raw for other in rest) for message in after)


def play(bed, protocol, logged_in, seed):
    dice = random.Random(f"{protocol} {logged_in} {seed}")
    path = bed.put(mbox.mailbox(4))
    before = mbox.parse(path.read_bytes())
    pop = getattr(bed, protocol)(login="alice" if logged_in else None)
    try:
        for piece in pieces(dice, conversation(dice, protocol, logged_in)):
            pop.stream.send(piece)
        pop.stream.half_close()
    except OSError:
        pass                                         # it ended before we did
    answer = pop.stream.take_all(20)
    pop.session.finish()
    pop.stream.close()
    bed.sessions.remove(pop.session)
    after = mbox.parse(path.read_bytes())
    check(is_subsequence(after, before), f"seed {seed}: a message was changed or moved")
    if b"+OK bye" not in answer and b"#" not in answer and b"+ bye" not in answer:
        equal(len(after), len(before), f"seed {seed}: messages, without QUIT")
    check(all(len(reply) <= 600 for reply in answer.split(b"\r\n")), f"seed {seed}: a reply is too long")


@limit(120 + COUNT)
@each(*((f"{protocol}/{when}", protocol, when == "after_login") for protocol in VERBS for when in ("before_login", "after_login")))
def test_random(bed, protocol, logged_in):
    for seed in range(COUNT):
        play(bed, protocol, logged_in, seed)
