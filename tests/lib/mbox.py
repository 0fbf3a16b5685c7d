"""An independent reading of mbox files, written from the documents and not from the C code.

Used to say what the server should have sent, and what a mailbox should look like after an update.
"""

import hashlib
import re

# "From ", an address, a date. Only at the start of the file or after an empty line.
FROM_LINE = re.compile(rb"From [^\n]*(Mon|Tue|Wed|Thu|Fri|Sat|Sun) +"
                       rb"(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +[0-3]?\d +\d?\d:\d\d")
DATE = "Mon Jan  5 10:00:00 2026"


class Message:
    def __init__(self, raw):
        self.raw = raw                                  # From_ line, content, separator: what stays or goes as a whole
        self.content = without_separator(raw[raw.index(b"\n") + 1:]) if b"\n" in raw else b""

    def wire(self):
        """As transmitted, without dot-stuffing and terminator."""
        wire = re.sub(rb"\r?\n", b"\r\n", self.content)
        return wire if wire.endswith(b"\r\n") or not wire else wire + b"\r\n"

    @property
    def size(self):
        return len(self.wire())

    def stuffed(self):
        return stuff(self.wire())

    def top(self, count):
        """Header, empty line and the first lines of the body, not stuffed."""
        lines = self.wire().split(b"\r\n")[:-1]
        header = lines.index(b"") + 1 if b"" in lines else len(lines)
        return b"".join(line + b"\r\n" for line in lines[:header + count])

    def uidl(self):
        """popa3d's value: half of an MD5 over some raw header lines, its two words turned round."""
        digest = hashlib.md5()
        received = hashing = False
        for line in re.findall(rb"[^\n]*\n|[^\n]+$", self.content):
            if line in (b"\n", b"\r\n"):
                break
            if not line.startswith((b" ", b"\t")):
                name = line.split(b":")[0].lower() if b":" in line else b""
                hashing = (name in (b"delivered-to", b"x-delivery-id")
                           or name in (b"received", b"date", b"message-id") and not received)
                received |= name == b"received"
            if hashing:
                digest.update(line)
        words = digest.digest()[:8]
        return (words[3::-1] + words[:3:-1]).hex()


def stuff(wire):
    return re.sub(rb"(?m)^\.", b"..", wire)


def without_separator(content):
    """One empty line before the next From_ line, or at the end of the file, is no part of the message: but never the
    one that ends the header."""
    for line_end in (b"\r\n", b"\n"):
        rest = content[:-len(line_end)]
        if content.endswith(b"\n" + line_end) and re.search(rb"(?m)^\r?\n", rest):
            return rest
    return content


def parse(data):
    """The messages of a mailbox; joined, their raw octets are the mailbox again."""
    starts, offset, after_empty = [], 0, True
    for line in data.split(b"\n"):
        if after_empty and FROM_LINE.match(line):
            starts.append(offset)
        after_empty = line in (b"", b"\r")
        offset += len(line) + 1
    return [Message(data[start:end]) for start, end in zip(starts, starts[1:] + [len(data)])]


def preamble(data):
    """What stands before the first From_ line belongs to no message, and stays."""
    return data[:len(data) - sum(len(message.raw) for message in parse(data))]


def uidls(messages):
    """Identical copies get -2, -3 in file order."""
    seen, result = {}, []
    for message in messages:
        value = message.uidl()
        seen[value] = seen.get(value, 0) + 1
        result.append(value if seen[value] == 1 else f"{value}-{seen[value]}")
    return result


def octets(messages):
    return sum(message.size for message in messages)


def message(number, body=b"A short body.\n"):
    """One message as delivered: From_ line, header, body, separator."""
    return (f"From sender@example.org {DATE}\n"
            f"Received: from relay.example.org by mail.example.org; id {number:08d}\n"
            f"Date: Mon, 5 Jan 2026 10:00:00 +0000\n"
            f"Message-ID: <{number}@example.org>\n"
            f"Subject: message {number}\n"
            f"\n").encode() + body + b"\n"


def mailbox(count, body_octets=0):
    """Messages 1 to count, all different, with bodies of about the given length (0: one short line)."""
    line = b"0123456789 abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ\n"
    if not body_octets:
        return b"".join(message(number, b"Body of message %d.\n" % number) for number in range(1, count + 1))
    return b"".join(message(number, b"Body of message %d.\n" % number + line * (body_octets // len(line)))
                    for number in range(1, count + 1))
