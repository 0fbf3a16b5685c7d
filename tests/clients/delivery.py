"""procmail delivers, with its locks, while sessions delete: each message arrives exactly once."""

import itertools
import re
import threading
import time
from pathlib import Path

from clients import mail
from lib import mbox, server
from lib.suite import check, each, equal, limit, needs, until


def text(number, octets=300):
    return mail.made(f"delivery {number}", b"Text number %d.\n" % number + b"0123456789 abcdefghijklmnop\n" * (octets // 28))


def numbers(octets):
    """Which deliveries stand in these octets."""
    return [int(number) for number in re.findall(rb"(?m)^Subject: delivery (\d+)\r?$", octets)]


def check_whole(octets, size=300):
    """Every message of the mailbox is as it was delivered."""
    for message in mbox.parse(octets):
        match = re.search(rb"(?m)^Subject: delivery (\d+)$", message.content)
        check(match, f"a message that nobody delivered: {message.raw[:300]!r}")
        equal(message.content, text(int(match[1]), size), f"message {match[1]}")
    equal(mbox.preamble(octets), b"", "what stands before the first message")


@needs("root", "procmail")
@each(*[(f"{protocol} {name}", protocol, deleted) for protocol in ("pop3", "pop2") for name, deleted in (
    ("nothing deleted", []), ("first deleted", [1]), ("middle deleted", [3]), ("last deleted", [5]), ("all deleted", [1, 2, 3, 4, 5]))])
def test_between_login_and_quit(bed, protocol, deleted):
    for number in range(1, 6):
        mail.procmail(text(number))
    talk = getattr(bed, protocol)()
    for number in range(6, 9):
        mail.procmail(text(number))
    if protocol == "pop3":
        equal(talk.stat()[0], 5, "messages that the session sees")
        for number in deleted:
            talk.ok(f"DELE {number}")
        mail.procmail(text(9))
    else:
        for number in range(1, 6):
            equal(numbers(talk.retr(talk.read(number))), [number], "the message")
            talk.ackd() if number in deleted else talk.acks()
        mail.procmail(text(9))
    talk.quit()
    talk.session.finish()
    box = bed.mailbox().read_bytes()
    equal(numbers(box), [number for number in range(1, 10) if number not in deleted], "deliveries in the mailbox")
    check_whole(box)
    equal(bed.pop3().stat()[0], 9 - len(deleted), "messages for the next session")


@needs("root", "procmail")
def test_while_the_client_stalls(bed):
    """A client that stops reading in the middle of a message keeps nobody from delivering."""
    mail.procmail(mail.made("big", b"0123456789 abcdefghijklmnopqrstuvwxyz\n" * 200_000))
    pop = bed.pop3(how="tcp")
    pop.send("RETR 1")
    pop.stream.take(1000)
    until(lambda: [path.name for path in bed.spool.iterdir()] == ["alice"], "the dotlock of the login to go")
    begin = time.monotonic()
    mail.procmail(text(1))
    check(time.monotonic() - begin < 4, f"the delivery took {time.monotonic() - begin:.1f} s")
    pop.read_multi_raw()
    pop.ok("DELE 1")
    pop.quit()
    pop.session.finish()
    equal(numbers(bed.mailbox().read_bytes()), [1], "deliveries in the mailbox")


@needs("root", "procmail", "strace")
@each(("pop3", "pop3d", [b"USER alice", b"PASS alicepw"], [b"DELE 1", b"QUIT"]),
      ("pop2", "pop2d", [b"HELO alice alicepw"], [b"READ", b"RETR", b"ACKD", b"FOLD INBOX"]))
def test_nothing_is_locked_when_the_client_hears_of_it(bed, program, login, update):
    """A dotlock that is still there when the reply leaves costs the next delivery eight seconds. Here a removal takes long."""
    mail.procmail(text(1))
    session = server.Session(["strace", "-f", "-o", str(bed.dir / "trace"), "-e", "trace=unlink,unlinkat,rename,renameat,renameat2",
                              "-e", "inject=unlink,unlinkat,rename,renameat,renameat2:delay_enter=300ms", bed.program(program),
                              "--log=stderr"], "socketpair", bed.dir / "log")
    bed.sessions.append(session)
    session.stream.take_line()
    for commands in login, update:
        for command in commands:
            session.stream.send(command + b"\r\n")
            reply = session.stream.take_line() if command != b"RETR" else session.stream.take(len(mail.wire(text(1))))
            check(not reply.startswith(b"-"), reply)
        equal(sorted(path.name for path in bed.spool.iterdir()), ["alice"], f"files in the spool after {command.decode()}")


class Deliverers:
    """Several procmails at a time, until they are told to stop. They try a locked mailbox again after a second, not eight."""

    def __init__(self, count, octets):
        Path("/etc/procmailrc").write_text("LOCKSLEEP=1\n")
        self.delivered, self.failures, self._octets = [], [], octets
        self._numbers, self._stop = itertools.count(1), threading.Event()
        self._threads = [threading.Thread(target=self._deliver, daemon=True) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def _deliver(self):
        while not self._stop.wait(0.02) and not self.failures:
            number = next(self._numbers)
            try:
                mail.procmail(text(number, self._octets))
                self.delivered.append(number)
            except Exception as failure:
                self.failures.append(f"{number}: {failure}")

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()
        Path("/etc/procmailrc").unlink(missing_ok=True)


def pop3_takes(bed, which):
    """One session: retrieves and deletes those of its messages that `which` chooses; returns their numbers."""
    pop = bed.pop3()
    taken = []
    for number in range(1, pop.stat()[0] + 1):
        if which(number):
            taken += numbers(pop.retr(number))
            pop.ok(f"DELE {number}")
    reply = pop.ask("QUIT")
    pop.stream.expect_end()
    pop.session.finish()
    bed.sessions.remove(pop.session)
    if reply == "+OK bye":
        return taken
    check(reply.startswith("-ERR [SYS/TEMP]"), reply)
    return []                       # nothing was removed, so another session will see them


def pop2_takes(bed, which):
    pop = bed.pop2()
    taken, length, number = [], pop.read(), 1
    while length:
        data = pop.retr(length)
        if which(number):
            taken += numbers(data)
        length = pop.ackd() if which(number) else pop.acks()
        number += 1
    pop.quit()
    pop.session.finish()
    bed.sessions.remove(pop.session)
    return taken


@needs("root", "procmail")
@limit(120)
@each(("pop3 all", pop3_takes, lambda number: True, 300), ("pop3 every second", pop3_takes, lambda number: number % 2, 300),
      ("pop3 large", pop3_takes, lambda number: number % 3 != 2, 100_000), ("pop2", pop2_takes, lambda number: number % 2, 300))
def test_many_sessions_and_many_deliveries(bed, take, which, octets):
    """Sessions follow each other while three procmails deliver: what was taken and what is left is all that was sent."""
    deliverers = Deliverers(3, octets)
    taken, sessions_with_mail = [], 0
    try:
        for _ in range(6):
            got = take(bed, which)
            taken += got
            sessions_with_mail += bool(got)
    finally:
        deliverers.stop()
    equal(deliverers.failures, [], "failures of procmail")
    left = bed.mailbox().read_bytes()
    check_whole(left, octets)
    equal(sorted(taken + numbers(left)), sorted(deliverers.delivered), f"deliveries, {len(taken)} of them taken")
    check(sessions_with_mail > 1, f"{sessions_with_mail} sessions took {len(taken)} of {len(deliverers.delivered)}")
    equal(sorted(path.name for path in bed.spool.iterdir()), ["alice"], "files in the spool")
