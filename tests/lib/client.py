"""Byte-level clients that accept nothing but what the protocols say."""

import os
import re
import select
import socket
import struct
import time

from .suite import Failure, check

GREETING = re.compile(r"\+OK POP3 [!-~]+ ready(?: (<[!-;=?-~]+@[A-Za-z0-9.-]+>))?")
PATIENCE = 40.0      # seconds for a reply: more than the server takes to give up on a locked mailbox


class Stream:
    """A connection: one socket, or a pair of pipe ends. Writes never deadlock with a server that writes."""

    def __init__(self, reader, writer=None, sock=None):
        self.reader, self.writer, self.sock = reader, reader if writer is None else writer, sock
        self.buffer = bytearray()
        self.ended = self.broken = False     # the server sent its end; the server takes no more
        os.set_blocking(self.reader, False)
        os.set_blocking(self.writer, False)

    @classmethod
    def of(cls, sock):
        return cls(sock.fileno(), sock=sock)

    def send(self, data, seconds=PATIENCE):
        """A server that is gone is seen by reading, as a real client sees it."""
        deadline = time.monotonic() + seconds
        view = memoryview(data)
        while view and not self.broken:
            readers = [] if self.ended else [self.reader]
            readable, writable, _ = select.select(readers, [self.writer], [], max(0, deadline - time.monotonic()))
            if readable:
                self._fill()
            if writable:
                try:
                    view = view[os.write(self.writer, view):]
                except BlockingIOError:
                    pass
                except OSError:
                    self.broken = True
            check(readable or writable, f"server reads nothing for {seconds:g} s")

    def _fill(self):
        try:
            data = os.read(self.reader, 1 << 18)
        except BlockingIOError:
            return
        except OSError:                      # reset, or the other end of a terminal went away
            data = b""
        self.buffer += data
        self.ended = not data

    def _wait(self, deadline, what):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([self.reader], [], [], left)[0]:
            raise Failure(f"timed out waiting for {what}; have {bytes(self.buffer[-300:])!r}")
        self._fill()

    def _cut(self, count):
        taken = bytes(self.buffer[:count])
        del self.buffer[:count]
        return taken

    def take(self, count, seconds=PATIENCE):
        """Exactly count octets, fewer only if the server ended."""
        deadline = time.monotonic() + seconds
        while len(self.buffer) < count and not self.ended:
            self._wait(deadline, f"{count} octets")
        return self._cut(count)

    def take_line(self, seconds=PATIENCE):
        """One line with its CRLF, or what there is when the server ended."""
        deadline = time.monotonic() + seconds
        while b"\n" not in self.buffer and not self.ended:
            self._wait(deadline, "a line")
        end = self.buffer.find(b"\n") + 1 or len(self.buffer)
        return self._cut(end)

    def expect(self, expected, seconds=PATIENCE):
        """Exactly these octets come next; a difference is told as soon as it is seen."""
        deadline, right = time.monotonic() + seconds, 0
        while True:
            have = bytes(self.buffer[right:len(expected)])
            if have != expected[right:right + len(have)]:
                self._tell_difference(expected)
            right += len(have)
            if right == len(expected):
                self._cut(right)
                return
            check(not self.ended, f"the connection ended after {bytes(self.buffer)[-300:]!r}")
            self._wait(deadline, f"{expected[right:right + 300]!r}")

    def _tell_difference(self, expected):
        if select.select([self.reader], [], [], 0.2)[0]:
            self._fill()                     # the rest of the line, for the reader of the report
        actual = bytes(self.buffer)
        at = next((i for i, (a, b) in enumerate(zip(actual, expected)) if a != b), 0)
        begin = max(0, at - 60)
        raise Failure(f"differs at octet {at}:\n  expected {expected[begin:at + 200]!r}\n  actual   {actual[begin:at + 200]!r}")

    def take_to_terminator(self, seconds=PATIENCE):
        """What precedes a line that is a single dot; the line is taken too."""
        deadline, looked = time.monotonic() + seconds, 0
        while True:
            if self.buffer.startswith(b".\r\n"):
                end = 0
            elif (end := self.buffer.find(b"\r\n.\r\n", looked)) >= 0:
                end += 2
            if end >= 0:
                taken = self._cut(end)
                self._cut(3)
                return taken
            check(not self.ended, f"the connection ended before the terminator, after {bytes(self.buffer[-100:])!r}")
            looked = max(0, len(self.buffer) - 4)
            self._wait(deadline, "the terminator")

    def take_all(self, seconds=PATIENCE):
        """Everything until the server ends."""
        deadline = time.monotonic() + seconds
        while not self.ended:
            self._wait(deadline, "the end of the connection")
        self.half_close()                    # as a client does that has heard the end; the server waits for it
        return self._cut(len(self.buffer))

    def silent(self, seconds):
        """True when the server says nothing and stays for so long."""
        if not self.buffer and not self.ended and select.select([self.reader], [], [], seconds)[0]:
            self._fill()
        return not self.buffer and not self.ended

    def hears(self, seconds):
        """True when there is something to take within so long."""
        if not self.buffer and not self.ended and select.select([self.reader], [], [], seconds)[0]:
            self._fill()
        return bool(self.buffer)

    def drain(self, seconds):
        """What comes in the next seconds, or until the server ends."""
        deadline = time.monotonic() + seconds
        while not self.ended and select.select([self.reader], [], [], max(0, deadline - time.monotonic()))[0]:
            self._fill()
        return self._cut(len(self.buffer))

    def expect_end(self, seconds=PATIENCE):
        rest = self.take_all(seconds)
        check(not rest, f"expected the end of the connection, got {rest[:300]!r}")

    def half_close(self):
        """We have said everything."""
        if self.sock:
            try:
                self.sock.shutdown(socket.SHUT_WR)
            except OSError:
                pass                         # the server was faster
        elif self.writer not in (self.reader, -1):
            os.close(self.writer)
            self.writer = -1

    def close(self):
        if self.sock:
            self.sock.close()
        else:
            for fd in {self.reader, self.writer} - {-1}:
                os.close(fd)
        self.reader = self.writer = -1
        self.sock, self.ended, self.broken = None, True, True

    def reset(self):
        """A TCP client that is torn away: RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    @property
    def closed(self):
        return self.reader == -1


class Talk:
    """What both protocols' clients share: strict lines."""

    def __init__(self, stream):
        self.stream = stream
        self.greeting = self.read_line()

    def read_line(self):
        line = self.stream.take_line()
        check(line.endswith(b"\r\n"), f"a reply line must end in CRLF, got {line[:300]!r}")
        check(len(line) <= 512, f"a reply line of {len(line)} octets")
        check(b"\r" not in line[:-2] and b"\0" not in line, f"control octets in a reply line {line!r}")
        return line[:-2].decode("latin-1")

    def send(self, command):
        self.stream.send(command.encode("latin-1") + b"\r\n")

    def ask(self, command):
        begin = time.monotonic()
        self.send(command)
        line = self.read_line()
        self.took = time.monotonic() - begin         # seconds, of the last reply
        return line

    def expect(self, command, reply):
        actual = self.ask(command)
        check(actual == reply, f"{command[:80]!r}: expected {reply!r}, got {actual!r}")


class Pop3(Talk):
    def __init__(self, stream):
        super().__init__(stream)
        match = GREETING.fullmatch(self.greeting)
        check(match, f"greeting {self.greeting!r}")
        self.stamp = match[1]                # of APOP, where it is offered; else None

    def status(self, command):
        """The whole status line, +OK or -ERR."""
        line = self.ask(command)
        check(line.startswith(("+OK", "-ERR")) and line[3 if line[0] == "+" else 4:][:1] in ("", " "),
              f"{command[:80]!r}: no status line: {line!r}")
        return line

    def ok(self, command):
        """The text after +OK."""
        line = self.status(command)
        check(line.startswith("+OK"), f"{command[:80]!r}: {line!r}")
        return line[4:]

    def err(self, command):
        """The text after -ERR."""
        line = self.status(command)
        check(line.startswith("-ERR"), f"{command[:80]!r}: expected -ERR, got {line!r}")
        return line[5:]

    def read_multi(self):
        """The octets between a status line and the terminator, dot-stuffing removed."""
        raw = self.read_multi_raw()
        check(all(line[:1] != b"." or line[:2] == b".." for line in raw.split(b"\n")), "a line that is not dot-stuffed")
        return b"\n".join(line[1:] if line[:1] == b"." else line for line in raw.split(b"\n"))

    def read_multi_raw(self):
        """As sent, without the terminator."""
        return self.stream.take_to_terminator()

    def multi(self, command):
        self.ok(command)
        return self.read_multi()

    def lines(self, command):
        return self.multi(command).decode("latin-1").split("\r\n")[:-1]

    def login(self, user, password):
        self.ok(f"USER {user}")
        return self.ok(f"PASS {password}")

    def stls(self, bed, context=None):
        """From here on inside TLS."""
        from . import tls       # which knows this module
        self.expect("STLS", "+OK begin TLS")
        self.stream = tls.secure(self.stream, bed, context)
        if hasattr(self, "session"):
            self.session.stream = self.stream

    def retr(self, number):
        return self.multi(f"RETR {number}")

    def stat(self):
        count, octets = self.ok("STAT").split(" ")
        return int(count), int(octets)

    def uidls(self):
        return [line.split(" ")[1] for line in self.lines("UIDL")]

    def quit(self):
        text = self.ok("QUIT")
        self.stream.expect_end()
        return text


class Pop2(Talk):
    def __init__(self, stream):
        super().__init__(stream)
        check(self.greeting.startswith("+ POP2 "), f"greeting {self.greeting!r}")

    def number(self, command, sign):
        line = self.ask(command)
        check(line.startswith(sign), f"{command[:80]!r}: expected {sign}n, got {line!r}")
        digits = line[1:].split(" ")[0]
        check(digits.isdigit() and (digits == "0" or digits[0] != "0"), f"{command[:80]!r}: no number in {line!r}")
        return int(digits)

    def login(self, user, password):
        return self.number(f"HELO {quote(user)} {quote(password)}", "#")

    def fold(self, name):
        return self.number(f"FOLD {name}", "#")

    def read(self, number=None):
        return self.number("READ" if number is None else f"READ {number}", "=")

    def retr(self, length):
        self.send("RETR")
        data = self.stream.take(length)
        check(len(data) == length, f"RETR: {len(data)} of {length} octets")
        return data

    def acks(self):
        return self.number("ACKS", "=")

    def ackd(self):
        return self.number("ACKD", "=")

    def nack(self):
        return self.number("NACK", "=")

    def quit(self):
        line = self.ask("QUIT")
        check(line.startswith("+"), f"QUIT: {line!r}")
        self.stream.expect_end()
        return line


def quote(word):
    return word.replace("\\", "\\\\").replace(" ", "\\ ")
