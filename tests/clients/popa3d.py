"""Who moves here from popa3d downloads nothing again: UIDLs are popa3d's, for headers of every shape.

popa3d's answers are kept in popa3d.answers. Where popa3d itself is at hand (see `unpack`), they are asked for anew.
"""

import itertools
import json
import random
import re
import shutil
from pathlib import Path

from clients import mail
from lib import mbox, server
from lib.suite import Skip, check, equal, needs

ANSWERS = Path(__file__).with_name("popa3d.answers")
RECEIVED = b"Received: from a.example.org by b.example.org; Mon, 5 Jan 2026 10:00:00 +0000\n"
OTHER_RECEIVED = RECEIVED.replace(b"from a.", b"from c.")
DATE = b"Date: Mon, 5 Jan 2026 09:59:59 +0000\n"
ID = b"Message-ID: <1@example.org>\n"
TO = b"Delivered-To: alice@example.org\n"
DELIVERY = b"X-Delivery-ID: 17\n"
SUBJECT = b"Subject: s\n"
BODY = b"\nbody\n"


def orders():
    """These five lines, some or all, in every order."""
    lines = {"received": RECEIVED, "date": DATE, "id": ID, "to": TO, "subject": SUBJECT}
    for count in range(1, 6):
        for names in itertools.permutations(lines, count):
            yield " ".join(names), b"".join(lines[name] for name in names) + BODY


def by_hand():
    fold = lambda line, by: line.replace(b"; ", b";" + by).replace(b", ", b"," + by)
    yield from {
        "two received": RECEIVED + OTHER_RECEIVED + DATE + BODY,
        "two received, turned": OTHER_RECEIVED + RECEIVED + DATE + BODY,
        "received folded by a tab": fold(RECEIVED, b"\n\t") + SUBJECT + BODY,
        "received folded by a space": fold(RECEIVED, b"\n ") + SUBJECT + BODY,
        "both received folded": fold(RECEIVED, b"\n ") + fold(RECEIVED, b"\n\t") + BODY,
        "date folded": fold(DATE, b"\n ") + RECEIVED + BODY,
        "date folded, behind": RECEIVED + fold(DATE, b"\n ") + BODY,
        "id folded": b"Message-ID:\n <1@example.org>\n" + RECEIVED + BODY,
        "id folded, behind": RECEIVED + b"Message-ID:\n <1@example.org>\n" + BODY,
        "an empty fold": RECEIVED + b" \n\tx\n" + SUBJECT + BODY,
        "subject folded": b"Subject: s\n\tDate: x\n Received: y\n" + DATE + BODY,
        "starts with a fold": b" folded\n" + RECEIVED + BODY,
        "lower case": (RECEIVED + TO + DATE + ID).lower() + BODY,
        "lower case, date first": (DATE + ID + RECEIVED + TO).lower() + BODY,
        "upper case": (DATE + ID + RECEIVED + TO + DELIVERY).upper() + BODY,
        "Message-Id": ID.replace(b"ID", b"Id") + RECEIVED + BODY,
        "delivery": RECEIVED + DELIVERY + DATE + BODY,
        "delivery first": DELIVERY + RECEIVED + BODY,
        "delivery alone": DELIVERY + BODY,
        "delivery in lower case": DELIVERY.lower() + BODY,
        "delivery with a small x": b"x-Delivery-ID: 17\n" + BODY,
        "delivery with a capital X": b"X-delivery-id: 17\n" + BODY,
        "delivered thrice": TO + RECEIVED + TO.replace(b"alice", b"bob") + RECEIVED + TO + BODY,
        "dates": b"Date-X: a\n" + DATE + DATE + RECEIVED + BODY,
        "longer names": b"Received-SPF: pass\nX-Received: x\nDelivered-To-X: y\nResent-Date: z\nOriginal-Message-ID: w\n" + BODY,
        "names without colon": b"Received\nDate\nMessage-ID\nDelivered-To\n" + RECEIVED + BODY,
        "space before the colon": RECEIVED.replace(b":", b" :", 1) + DATE.replace(b":", b" :", 1) + BODY,
        "no space behind the colon": RECEIVED.replace(b": ", b":", 1) + DATE.replace(b": ", b":", 1) + BODY,
        "empty fields": b"Date:\nMessage-ID:\nDelivered-To:\nReceived:\n" + BODY,
        "no such field": SUBJECT + BODY,
        "status": b"Status: RO\nX-UID: 7\nX-Status: A\n" + DATE + BODY,
        "X-IMAPbase": b"X-IMAPbase: 1 2\n" + DATE + BODY,
        "quoted From": b">From x\n" + RECEIVED + BODY,
        "empty header": b"\nbody\n",
        "empty header, fields in the body": b"\n" + RECEIVED + DATE + TO,
        "fields in the body": SUBJECT + b"\n" + RECEIVED + DATE + TO,
        "fields in the body, too": RECEIVED + b"\n" + DATE + RECEIVED + TO,
        "nothing": b"\n",
        "header only": RECEIVED + DATE,
        "header only, not to be counted": SUBJECT,
        "NUL": RECEIVED + b"Delivered-To: a\0b\n" + DATE + BODY,
        "NUL elsewhere": b"Subject: a\0b\n" + RECEIVED + BODY,
        "NUL in a name": b"Rece\0ived: a\n" + DATE + BODY,
        "eight bits": b"Date: gr\xfc\xdfe\n" + RECEIVED + BODY,
        "lone CR": b"Date: a\rb\n" + RECEIVED[:-1] + b"\rc\n" + BODY,
        "CR CR": SUBJECT + b"\r\r\n" + DATE + BODY,
        "CRLF": (RECEIVED + DATE + ID + TO + SUBJECT + BODY).replace(b"\n", b"\r\n"),
        "CRLF, date first": (DATE + ID + RECEIVED + TO + BODY).replace(b"\n", b"\r\n"),
        "CRLF, fields in the body": (SUBJECT + b"\n" + RECEIVED + DATE + TO).replace(b"\n", b"\r\n"),
        "one empty line is CRLF": SUBJECT + b"\r\n" + DATE + BODY,
    }.items()


def long_lines():
    """A long line must not be taken for two at the end of a buffer, and must be hashed whole."""
    for size in 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536:
        for distance in -1, 0, 1:
            length = size + distance
            yield f"subject of {length}", b"Subject: " + b"x" * (length - 9) + b"Received: zzz\n" + DATE + RECEIVED + BODY
            yield f"received of {length}", b"Received: " + b"x" * (length - 10) + b"Date: zzz\n" + DATE + RECEIVED + BODY
    yield "received of 500 lines", RECEIVED[:-1] + (b"\n\t" + b"y" * 70) * 500 + b"\n" + DATE + BODY
    yield "delivered to very many", RECEIVED + b"Delivered-To: " + b"x" * 200_000 + b"\n" + BODY


def at_offsets():
    """A field that begins, or has its name, where one read ends and the next begins."""
    for size in 4096, 8192, 16384:
        for distance in range(-16, 3):
            filling = size + distance
            lines, rest = divmod(filling, 64)
            text = (b"X-Filling: " + b"x" * 52 + b"\n") * (lines - 1) + b"X-Filling: " + b"x" * (52 + rest) + b"\n"
            yield f"received at {filling}", text + RECEIVED + DATE + BODY


def at_random():
    dice = random.Random(1939)
    names = [b"Received:", b"Date:", b"Message-ID:", b"Delivered-To:", b"X-Delivery-ID:", b"Subject:", b"Received", b"Date :", b"Dates:",
             b"Delivered-To-X:", b"X-Received:", b" Date:", b"\tReceived:", b">From ", b"\r", b"\0Date:", b"Resent-Date:", b"D", b":"]
    values = [b"a", b"bb", b"c" * 78, b"\0", b"\xff", b"x\ry", b""]
    folds = [b" fold", b"\tfold", b"  Date: x", b"\t", b" "]

    def name():
        chosen = dice.choice(names)
        return bytes(octet ^ 32 if 64 < octet & ~32 < 91 and dice.random() < 0.5 else octet for octet in chosen) \
            if dice.random() < 0.3 else chosen
    for number in range(500):
        text = b""
        for _ in range(dice.randrange(9)):
            text += name() + dice.choice([b"", b" ", b"\t"]) + dice.choice(values) + b"\n"
            while dice.random() < 0.2:
                text += dice.choice(folds) + b"\n"
        yield f"random {number}", text + BODY


def shapes():
    return dict(itertools.chain(orders(), by_hand(), long_lines(), at_offsets(), at_random()))


def mailbox():
    return b"".join(b"From zoe@example.org %s\n" % mbox.DATE.encode() + text + b"\n" for text in shapes().values())


def recorded():
    """{name of a shape: (UIDL, size in LIST)}"""
    return {name: tuple(answer) for name, answer in json.loads(ANSWERS.read_text()).items()}


def without_twin_number(uidl):
    return uidl.split("-")[0]


def test_uidl(bed):
    bed.put(mailbox())
    uidls, expected = bed.pop3().uidls(), recorded()
    equal(list(expected), list(shapes()), "the names in popa3d.answers")
    equal(len(uidls), len(expected), "messages")
    wrong = [f"{name}: popa3d {right}, pop3d {uidl}: {shapes()[name][:200]!r}"
             for (name, (right, _)), uidl in zip(expected.items(), uidls) if without_twin_number(uidl) != right]
    check(not wrong, f"{len(wrong)} of {len(expected)} differ:\n  " + "\n  ".join(wrong[:12]))
    seen = {}
    for uidl, (right, _) in zip(uidls, expected.values()):      # and those that popa3d cannot tell apart are told apart
        seen[right] = seen.get(right, 0) + 1
        equal(uidl, right if seen[right] == 1 else f"{right}-{seen[right]}", "UIDL of a twin")


def popa3d_size(text, size):
    """popa3d counts a CR for each LF, also where one stands already, and to it an empty line is a bare LF: where there is
    none, it takes the separator for the end of the header."""
    only_crlf = b"\n\n" not in b"\n" + text and re.search(rb"(?m)^\r\n", text)
    return size + text.count(b"\r\n") + (2 if only_crlf else 0)


def test_sizes(bed):
    bed.put(mailbox())
    sizes = [int(line.split(" ")[1]) for line in bed.pop3().lines("LIST")]
    for (name, text), (_, right), size in zip(shapes().items(), recorded().values(), sizes):
        equal(popa3d_size(text, size), right, f"popa3d's size of {name!r}")


class Popa3d:
    """popa3d, with the user, the directory and the PAM service that it wants, in this namespace."""

    FILES = {"/etc/passwd": "popa3d:x:498:498::/var/lib/popa3d:/usr/sbin/nologin\n", "/etc/group": "popa3d:x:498:\n"}

    def __init__(self, bed):
        unpacked = bed.place.build / "tests/popa3d/usr/sbin/popa3d"
        self.program = shutil.which("popa3d") or unpacked
        if not Path(self.program).exists():
            raise Skip("no popa3d: tests/clients/unpack build/tests popa3d")
        self.bed = bed

    def __enter__(self):
        for path, line in self.FILES.items():
            text = Path(path).read_text()
            if not any(have.startswith("popa3d:") for have in text.splitlines()):
                Path(path).write_text(text + line)
        Path("/etc/pam.d/popa3d").write_text("auth required pam_unix.so\naccount required pam_unix.so\n")
        Path("/var/lib/popa3d").mkdir(exist_ok=True)
        return self

    def __exit__(self, *_):
        for path, line in self.FILES.items():
            Path(path).write_text(Path(path).read_text().replace(line, ""))

    def answers(self):
        """[(UIDL, size)] of alice's mailbox."""
        session = server.Session([str(self.program)], "tcp", self.bed.dir / "popa3d.log")
        self.bed.sessions.append(session)
        ask = lambda command: (session.stream.send(command), session.stream.take_line())[1]
        for command in b"", b"USER alice\r\n", b"PASS alicepw\r\n":
            check(ask(command).startswith(b"+OK"), f"popa3d refuses {command!r}")

        def second_words(command):
            check(ask(command).startswith(b"+OK"), f"popa3d refuses {command!r}")
            return [line.split(b" ")[1].decode() for line in session.stream.take_to_terminator().split(b"\r\n")[:-1]]
        uidls, sizes = second_words(b"UIDL\r\n"), second_words(b"LIST\r\n")
        ask(b"QUIT\r\n")
        session.wait()
        return list(zip(uidls, map(int, sizes)))


@needs("root")
def test_recorded_answers(bed):
    """What is kept is what popa3d says."""
    with Popa3d(bed) as popa3d:
        bed.put(mailbox())
        answers = popa3d.answers()
    names = list(shapes())
    equal(len(answers), len(names), "messages")
    new = "{\n" + ",\n".join(f"{json.dumps(name)}: {json.dumps(answer)}" for name, answer in zip(names, answers)) + "\n}\n"
    if not ANSWERS.exists() or new != ANSWERS.read_text():
        new_file = bed.place.build / "tests/popa3d.answers"
        new_file.write_text(new)
        check(False, f"popa3d.answers is not what popa3d says; build/tests/popa3d.answers is")


@needs("root", "procmail")
def test_moving(bed):
    """Mail delivered by procmail, listed by popa3d, then by pop3d, some deleted, then by each again."""
    with Popa3d(bed) as popa3d:
        mail.by_procmail(bed, mail.strangers())
        before = popa3d.answers()
        pop = bed.pop3()
        equal([without_twin_number(uidl) for uidl in pop.uidls()], [uidl for uidl, _ in before], "UIDLs")
        deleted = range(1, len(before) + 1, 3)
        for number in deleted:
            pop.ok(f"DELE {number}")
        pop.quit()
        kept = [answer for number, answer in enumerate(before, 1) if number not in deleted]
        equal(popa3d.answers(), kept, "popa3d's answers after our deletions")
        equal([without_twin_number(uidl) for uidl in bed.pop3().uidls()], [uidl for uidl, _ in kept], "UIDLs after deletions")
