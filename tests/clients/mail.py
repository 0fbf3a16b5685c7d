"""Messages to send round: those that strangers wrote, and made ones with everything that is awkward in a message.

Also the ways they come into a mailbox, and what a server then has to send.
"""

import glob
import re
import subprocess
from pathlib import Path

from lib import maildir, mbox
from lib.suite import Failure, Skip, check, equal

PLACES = {      # Debian package: where it carries mail
    "libpython3.11-testsuite": "/usr/lib/python3*/test/test_email/data/msg_*.txt",
    "python3-flufl.bounce": "/usr/lib/python3/dist-packages/flufl/bounce/tests/data/*.txt",
}
PICTURES = "/usr/lib/python3*/test/test_email/data/python.*"
HEADER = b"From: Zoe <zoe@example.org>\nTo: alice@example.org\nSubject: %s\nMessage-ID: <%s@example.org>\n\n"


def strangers():
    """{name: octets} of real mail, without the From_ lines of other people's mailboxes."""
    found = {}
    for package, pattern in PLACES.items():
        paths = sorted(glob.glob(pattern))
        if not paths:
            raise Skip(f"{package} is not installed")
        for path in paths:
            data = Path(path).read_bytes()
            found[Path(path).name] = data.split(b"\n", 1)[1] if data.startswith(b"From ") else data
    return found


def pictures():
    """Binary files as the bodies of messages: NUL, lone CR, lone LF, no lines to speak of."""
    paths = sorted(glob.glob(PICTURES))
    if not paths:
        raise Skip("libpython3.11-testsuite is not installed")
    return {Path(path).name: made(Path(path).name, Path(path).read_bytes()) for path in paths}


def made(name, body):
    return HEADER % (name.encode(), name.replace(" ", "-").encode()) + body


def awkward():
    """What clients and servers have stumbled over, one thing a message."""
    line = b"0123456789 abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    bodies = {
        "eight-bit": bytes(range(128, 256)) + b"\n" + "Grüße, žluťoučký kůň, 日本\n".encode(),
        "controls": bytes(range(1, 10)) + bytes(range(14, 32)) + b"\x7f\n",
        "bare CR": b"one\rtwo\n\rthree\n\r\rfour\n\r.\nfive\rsix",
        "CR before CRLF": b"one\r\r\ntwo\r\r\r\n\r\r\n",
        "dots": b".\n..\n...\n. \n.\n\n.From\n.\r\n..\n.",
        "dots at every place": b"".join(b"." * n + b"\n" for n in range(1, 2000, 7)),
        "a dot and no newline": b"The last line is a dot\n.",
        "no final newline": b"The end is missing",
        "empty lines": b"\n\n\n\ntext\n\n\n\n",
        "empty body": b"",
        "From lines": b"From the start\n\nFrom here on\nFrom there\n>From quoted\n\n>From quoted\n From indented\nFrom",
        "half a From line": b"\n\nFrom someone@example.org Mon Jan\n\nFrom Mon\n",
        "CRLF": b"every line\r\nends like this\r\n.\r\n\r\nalso the last\r\n",
        "mixed line ends": b"one\ntwo\r\nthree\n\r\nfour\n\n",
        "a megabyte of lines": (line + b"\n.\n\n..x\n") * (1_000_000 // (len(line) + 9)),
    }
    for distance in range(1020, 1030):          # a dot line at each place round the ends of buffers
        bodies[f"dot after {distance}"] = (b"z" * distance + b"\n.\n") * 80
    return {name: made(name, body) for name, body in bodies.items()}


def long_lines():
    bodies = {
        "a long line": b"x" * 5000 + b"\n" + b"y" * 1100 + b".\n." + b"z" * 70000 + b"\nend\n",
        "a megabyte line": b"x" * (1 << 20) + b"\n.\n" + b".y" * (1 << 19) + b"\nend\n",
    }
    messages = {name: made(name, body) for name, body in bodies.items()}
    messages["a megabyte header line"] = b"Subject: " + b"s" * (1 << 20) + b"\nFrom: a@example.org\n\nbody\n"
    return messages


def poor_headers():
    return {
        "header only": b"From: a@example.org\nSubject: no empty line behind me\n",
        "header only, no newline": b"From: a@example.org\nSubject: no newline",
        "CRLF header": b"From: a@example.org\r\nSubject: CRLF\r\n\r\nbody\r\n",
        "empty header": b"\nonly a body\n",
    }


def nul():
    return {"NUL": made("NUL", b"a\0b\n\0\n\0.\n.\0\n" + b"\0" * 3000 + b"\nend\n")}


def everything():
    return strangers() | pictures() | awkward() | long_lines() | poor_headers() | nul()


# Ways into the mailbox. Each takes {name: text} and returns {name: text as it now stands in the mailbox}.

def quoted(text):
    """As every delivery to an mbox does: a line that could be taken for a From_ line gets a `>`."""
    return re.sub(rb"(?m)^From ", b">From ", text)


def ended(text):
    return text if text.endswith(b"\n") else text + b"\n"


def with_header_end(text):
    """A text without any empty line is all header, and the separator behind it is then what ends it."""
    return text if re.search(rb"(?m)^\r?\n", text) else text + b"\n"


def plainly(bed, texts, user="alice"):
    """As a simple delivery agent writes them."""
    stored = {name: ended(quoted(text)) for name, text in texts.items()}
    from_line = b"From zoe@example.org %s\n" % mbox.DATE.encode()
    bed.put(b"".join(from_line + text + b"\n" for text in stored.values()), user)
    return {name: with_header_end(text) for name, text in stored.items()}


def by_procmail(bed, texts, user="alice"):
    """procmail locks and appends. It gets what a mail system gives it: text that ends in a newline.

    It drops empty lines before the header and corrects Content-Length (such messages are left out here), and to a text
    that ends in an empty line it adds no other, so that this one becomes the separator and no part of the message.
    """
    stored = {}
    for name, text in texts.items():
        if re.search(rb"(?mi)^Content-Length:", text):
            continue
        procmail(ended(text), user)
        text = ended(quoted(text)).lstrip(b"\n")
        stored[name] = with_header_end(text[:-1] if text.endswith(b"\n\n") else text)
    return stored


def in_a_maildir(bed, texts):
    """Each a file, as it is: nothing is quoted, nothing ended."""
    bed.format = "maildir"
    path = bed.put(b"")
    for number, text in enumerate(texts.values(), 1):
        maildir.put(path, f"new/{maildir.name(number)}", text, lambda file: bed.give(file, "alice"))
    return dict(texts)


def procmail(text, user="alice"):
    done = subprocess.run(["procmail", "-f", "zoe@example.org", "-d", user], input=text,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    check(done.returncode == 0 and not done.stdout, f"procmail: status {done.returncode} {done.stdout[-500:]!r}")


# What has to come out.

def wire(text):
    """What a server sends for a text: CRLF at every line's end."""
    wire = re.sub(rb"\r?\n", b"\r\n", text)
    return wire if wire.endswith(b"\r\n") else wire + b"\r\n"


def lines(text):
    """A client that turns CRLF into LF has this."""
    return wire(text).replace(b"\r\n", b"\n")


def same(got, expected):
    """Are these the messages? expected: {name: octets}."""
    for (name, right), octets in zip(expected.items(), got):
        if octets != right:
            at = next((i for i, (a, b) in enumerate(zip(octets, right)) if a != b), min(len(octets), len(right)))
            begin = max(0, at - 60)
            raise Failure(f"{name!r} differs at octet {at} ({len(octets)} octets instead of {len(right)}):\n"
                          f"  expected {right[begin:at + 100]!r}\n  actual   {octets[begin:at + 100]!r}")
    equal(len(got), len(expected), "messages")
