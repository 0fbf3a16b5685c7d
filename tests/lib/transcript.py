"""Transcripts: documents that say what a session looks like, and are played against the real program.

The form is described in ../README.md. Each transcript is played several ways: as written, one octet at a time,
everything the client says in one write, as written to an unprivileged server, as written over a Maildir, and (POP3) as
written through TLS; and as written to the programs that STATIC=1 makes.
"""

import fcntl
import os
import re
import socket
import struct
import time

from . import maildir, mbox, tls
from .testbed import USERS
from .suite import Failure, Test, check, equal

WAYS = ("written", "octets", "once", "user", "maildir", "static")
TLS_IN_LOG = re.compile(r" tls=TLSv1\.3 cipher=\S+(?= method=)")
PATIENCE = 20
SIOCOUTQ = 0x5411
STEP = re.compile(r"(C:|C-|S:|S=|S~|client:|server:|login:) ?(.*)")
SETTING = re.compile(r"(log~|(?:options|certificate|as|needs|connection|ways|limit|formats|maildrop|maildrop after|log):) ?(.*)")
GREETING = "+OK POP3 \\{host} ready"
LOGIN = {   # what `login: NAME` stands for
    "pop3d": (("S:", "+OK POP3 \\{host} ready"), ("C:", "USER {user}"), ("S:", "+OK send PASS"), ("C:", "PASS {password}"),
              ("S:", "+OK maildrop has \\{count} messages (\\{octets} octets)")),
    "pop2d": (("S:", "+ POP2 \\{host} ready"), ("C:", "HELO {user} {password}"), ("S:", "#\\{count}"))}


class Transcript:
    def __init__(self, path):
        self.path, self.name = path, f"{path.parent.name}/{path.stem}"
        self.program = path.parent.name + "d"
        self.options, self.needs, self.ways, self.limit = [], (), WAYS, 60
        self.as_user, self.ways_named, self.connection = False, False, ["socketpair"]
        self.certificate = None
        self.maildrop, self.inline, self.after = "empty", None, "unchanged"
        self.steps, self.log = [], []               # (line number, kind, text), (kind, text)
        goal, _, rest = path.read_text("utf-8").partition("\n\n")
        check(goal and rest, f"{path}: a transcript begins with a paragraph that says its goal")
        for number, line in enumerate(rest.split("\n"), goal.count("\n") + 3):
            self._take(number, line)
        check(self.steps and self.steps[-1][1:] in (("server:", "close"), ("client:", "close")),
              f"{path}: the last step says who closes the connection")

    def ways_to_play(self):
        """POP3 also as written through TLS from the first octet, but for what looks different from there."""
        differs = self.program != "pop3d" or self.as_user or self.ways_named or any(
            option.startswith(("--proxy", "--plaintext", "--cert", "--auth", "--tls")) for option in self.options)
        return self.ways if differs else (*self.ways, "tls")

    def _take(self, number, line):
        if not line or line.startswith("#"):
            return
        if line.startswith("|"):
            self.inline = self.inline or []
            self.inline.append(line[1:].removeprefix(" "))
        elif match := SETTING.fullmatch(line):
            self._set(match[1].rstrip(":"), match[2])
        elif match := STEP.fullmatch(line):
            self._add_step(number, *match.groups())
        else:
            raise ValueError(f"{self.path}:{number}: {line!r} is no line of a transcript")

    def _add_step(self, number, kind, text):
        if kind != "login:":
            self.steps.append((number, kind, text))
            return
        for part, template in LOGIN[self.program]:
            filled = template.replace("{user}", text).replace("{password}", USERS[text][1])
            self.steps.append((number, part, filled))

    def _set(self, name, value):
        if name == "options":
            self.options = value.split()
        elif name == "as":
            self.as_user = value == "user"
            self.needs += ("root",) if value == "root" else ()
            self.ways = tuple(way for way in self.ways if way != "user")
        elif name == "needs":
            self.needs += tuple(value.split())
        elif name == "connection":
            self.connection = value.split()
        elif name == "ways":
            self.ways, self.ways_named = tuple(value.split()), True
        elif name == "certificate":         # what is said before TLS is not said at once with what comes after it
            self.certificate, self.ways_named = value, True
            self.ways = tuple(way for way in self.ways if way != "once")
            self.needs += ("openssl",)
        elif name == "formats":
            self.ways = tuple(way for way in self.ways if way != "maildir" or "maildir" in value.split())
        elif name == "limit":
            self.limit = int(value)
        elif name == "maildrop":
            self.maildrop = value
        elif name == "maildrop after":
            self.after = value
        else:
            self.log.append((name, value))

    def mail(self, expand):
        """The mailbox's octets before the session; None when it is missing."""
        if self.inline is not None:
            return b"".join(expand(line) + b"\n" if not line.startswith("\\-") else expand(line[2:]) for line in self.inline)
        if self.maildrop == "missing":
            return None
        if self.maildrop == "empty":
            return b""
        if match := re.fullmatch(r"(\d+) messages?(?: of (\d+) octets)?", self.maildrop):
            return mbox.mailbox(int(match[1]), int(match[2] or 0))
        raise ValueError(f"{self.path}: unknown maildrop {self.maildrop!r}")


class Play:
    """One playing of a transcript."""

    def __init__(self, transcript, way, bed):
        self.transcript, self.way = transcript, way
        self.bed = bed.unprivileged() if way == "user" or transcript.as_user else bed
        if way == "maildir":
            self.bed = self.bed.maildir()
        elif way == "static":
            self.bed = self.bed.static()
        self.messages = []
        self.data = transcript.mail(self.expand)
        self.messages = mbox.parse(self.data or b"")
        self.uidls = mbox.uidls(self.messages)
        if way == "maildir":
            self.uidls = [maildir.name(number) for number in range(1, len(self.messages) + 1)]

    def expand(self, text):
        """The octets a line of a transcript stands for."""
        def one(match):
            escape = match[0][1:].decode("latin-1")
            if escape[0] == "{":
                return self.braces(escape[1:-1])
            if escape[0] == "x":
                return bytes([int(escape[1:], 16)])
            return {"\\": b"\\", "r": b"\r", "n": b"\n", "t": b"\t", "s": b" "}[escape]
        return re.sub(rb"\\(\{[^}]*\}|x[0-9a-fA-F]{2}|.)", one, text.encode("utf-8"))

    def braces(self, text):
        if match := re.fullmatch(r"(.+)\*(\d+)", text):
            return self.expand(match[1]) * int(match[2])
        word, *numbers = text.split()
        numbers = [int(number) for number in numbers]
        if word == "host":
            return socket.gethostname().encode()
        if word == "spool":
            return str(self.bed.mailbox()).encode()
        if word == "count":
            return b"%d" % len(self.messages)
        if word == "octets":
            return b"%d" % mbox.octets(self.chosen(numbers))
        if word == "size":
            return b"%d" % self.messages[numbers[0] - 1].size
        if word == "uidl":
            return self.uidls[numbers[0] - 1].encode()
        raise ValueError(f"{self.transcript.path}: unknown escape {text!r}")

    def chosen(self, numbers):
        return [self.messages[number - 1] for number in numbers] if numbers else self.messages

    def generated(self, text):
        """`message N` dot-stuffed; `octets N` as POP2 sends it; `top N LINES` dot-stuffed; `list`, `uidl`: all lines."""
        word, *numbers = text.split()
        numbers = [int(number) for number in numbers]
        if word == "message":
            return self.messages[numbers[0] - 1].stuffed()
        if word == "octets":
            return self.messages[numbers[0] - 1].wire()
        if word == "top":
            return mbox.stuff(self.messages[numbers[0] - 1].top(numbers[1]))
        if word == "list":
            return b"".join(b"%d %d\r\n" % (number, message.size) for number, message in enumerate(self.messages, 1))
        if word == "uidl":
            return b"".join(b"%d %s\r\n" % (number, uidl.encode()) for number, uidl in enumerate(self.uidls, 1))
        raise ValueError(f"{self.transcript.path}: unknown generator {text!r}")

    def run(self):
        before = self.put_maildrop()
        how, *address = self.transcript.connection
        options = ["--tls", *tls.options(self.bed)] if self.way == "tls" else []
        if self.transcript.certificate:
            options = tls.options(self.bed, self.transcript.certificate)
        session = self.bed.start(self.transcript.program, *options, *self.transcript.options, how=how,
                                 **({"address": address[0]} if address else {}))
        if self.way == "tls":
            session.stream = tls.secure(session.stream, self.bed)
        self.stream, self.session = session.stream, session
        self.converse()
        session.finish()
        self.check_maildrop(before)
        self.check_log(session.log())

    def put_maildrop(self):
        if self.data is None:
            return None
        path = self.bed.put(self.data)
        if self.way == "maildir":
            return None
        os.utime(path, (1_700_000_000, 1_700_000_000))
        return os.stat(path)

    def converse(self):
        once = self.way == "once"
        if once:
            said = b"".join(self.said(kind, text) for _, kind, text in self.transcript.steps if kind[0] == "C")
            self.stream.send(said)
            if any(step[1:] == ("client:", "half-close") for step in self.transcript.steps):
                self.stream.half_close()
        for number, kind, text in self.transcript.steps:
            try:
                if kind[0] == "C":
                    if not once:
                        self.say(self.said(kind, text))
                elif kind == "client:":
                    if text == "close":
                        self.stream.close()
                    elif text == "tls":
                        self.stream = self.session.stream = tls.secure(self.stream, self.bed)
                    elif not once:
                        self.stream.half_close()
                else:
                    self.hear(kind, text)
            except Failure as failure:
                raise Failure(f"{self.transcript.path.name}:{number}: {kind} {text}\n{failure}") from None

    def said(self, kind, text):
        return self.expand(text) + (b"\r\n" if kind == "C:" else b"")

    def say(self, data):
        if self.way != "octets":
            self.stream.send(data)
            return
        for octet in data:
            self.stream.send(bytes([octet]))
            self.wait_until_read()

    def wait_until_read(self):
        """So that the next octet does not come in the same read; not for ever, the server may be busy."""
        deadline = time.monotonic() + 0.002
        while time.monotonic() < deadline and not self.stream.broken:
            if struct.unpack("i", fcntl.ioctl(self.stream.writer, SIOCOUTQ, b"\0\0\0\0"))[0] == 0:
                return

    def hear(self, kind, text):
        if kind == "server:":
            self.stream.expect_end(PATIENCE)
        elif kind == "S~":
            line = self.stream.take_line(PATIENCE)
            check(re.fullmatch(self.expand_pattern(text) + rb"\r\n", line, re.DOTALL), f"got {line[:400]!r}")
        elif kind == "S=":
            self.stream.expect(self.generated(text), PATIENCE)
        elif text == GREETING and self.has_secrets():
            line = self.stream.take_line(PATIENCE)
            check(re.fullmatch(re.escape(self.expand(text)) + rb" <[!-;=?-~]+@[A-Za-z0-9.-]+>\r\n", line), f"got {line[:400]!r}")
        else:
            self.stream.expect(self.expand(text) + b"\r\n", PATIENCE)

    def has_secrets(self):
        """Then the greeting has a timestamp for APOP."""
        return any(option.startswith("--secrets=") for option in (*self.bed.options(), *self.transcript.options))

    def expand_pattern(self, text):
        """A regular expression; only the braces are ours."""
        return re.sub(rb"\\\{([^}]*)\}", lambda match: re.escape(self.braces(match[1].decode())), text.encode())

    def check_maildir(self):
        after = self.transcript.after.removeprefix("messages").split()
        kept = {"unchanged": self.messages, "empty": []}.get(self.transcript.after)
        if kept is None:
            kept = [self.messages[int(number) - 1] for number in after]
        if self.data is None:
            check(not self.bed.mailbox().exists(), "a mailbox was created")
        else:
            equal(self.bed.kept(), [message.content for message in kept], "messages after the session")

    def check_maildrop(self, before):
        if self.way == "maildir":
            self.check_maildir()
            return
        path = self.bed.mailbox()
        equal(sorted(os.listdir(self.bed.spool)), ["alice"] if path.exists() else [], "files in the spool")
        after = self.transcript.after
        if after == "unchanged":
            if before is None:
                check(not path.exists(), "a mailbox was created")
                return
            expected, same = self.data, ("st_ino", "st_mode", "st_uid", "st_gid", "st_size", "st_mtime_ns")
        else:
            kept = [] if after == "empty" else [int(word) for word in after.removeprefix("messages").split()]
            expected = mbox.preamble(self.data) + b"".join(self.messages[number - 1].raw for number in kept)
            same = ("st_ino", "st_mode", "st_uid", "st_gid")
        equal(path.read_bytes(), expected, "the mailbox after the session")
        for field in same:
            equal(getattr(os.stat(path), field), getattr(before, field), f"{field} of the mailbox")

    def check_log(self, lines):
        if not self.transcript.log:
            return
        equal(len(lines), len(self.transcript.log), f"number of log lines, which are {lines}")
        if self.way == "tls":
            logins = [line for line in lines if line.startswith("login")]
            check(all(TLS_IN_LOG.search(line) for line in logins), f"a login without TLS in {lines}")
            lines = [TLS_IN_LOG.sub("", line) for line in lines]
        for line, (kind, text) in zip(lines, self.transcript.log):
            if kind == "log":
                equal(line, text, "log line")
            else:
                check(re.fullmatch(text, line), f"log line {line!r} does not match {text!r}")


def tests(directory):
    for path in sorted(directory.glob("*/*.t")):
        transcript = Transcript(path)
        for way in transcript.ways_to_play():
            play = lambda bed, transcript=transcript, way=way: Play(transcript, way, bed).run()
            needs = transcript.needs + (("network",) if len(transcript.connection) > 1 else ())
            needs += {"tls": ("root", "openssl"), "static": ("static",)}.get(way, ())
            yield Test(f"{transcript.name}/{way}", play, needs=needs, limit=transcript.limit)
