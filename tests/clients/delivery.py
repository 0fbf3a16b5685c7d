"""Delivery programs deliver, with their locks, while sessions delete: each message arrives exactly once."""

import re
import time

from clients import deliverers, mail, programs
from lib import mbox, server
from lib.suite import but_only_mbox, check, each, equal, limit, needs, over_each_format, until


def text(number, octets=300):
    return mail.made(f"delivery {number}", b"Text number %d.\n" % number + b"0123456789 abcdefghijklmnop\n" * (octets // 28))


def numbers(octets):
    """Which deliveries stand in these octets."""
    return [int(number) for number in re.findall(rb"(?m)^Subject: delivery (\d+)\r?$", octets)]


def check_whole(bed, size=300, added=()):
    """Every message that is there is as it was delivered, header lines that were added aside."""
    strip = lambda content: programs.without(added, content).rstrip(b"\n")
    for content in bed.kept():
        match = re.search(rb"(?m)^Subject: delivery (\d+)$", content)
        check(match, f"a message that nobody delivered: {content[:300]!r}")
        equal(strip(content), strip(text(int(match[1]), size)), f"message {match[1]}")
    if bed.format == "mbox":
        equal(mbox.preamble(bed.mailbox().read_bytes()), b"", "what stands before the first message")


def there(bed):
    """Which deliveries are there: in order in an mbox; in a Maildir the names of those of one second have any."""
    found = numbers(b"\n".join(bed.kept()))
    return sorted(found) if bed.format == "maildir" else found


@over_each_format
@needs("root", "procmail")
@each(*[(f"{protocol} {name}", protocol, deleted) for protocol in ("pop3", "pop2") for name, deleted in (
    ("nothing deleted", []), ("first deleted", [1]), ("middle deleted", [3]), ("last deleted", [5]), ("all deleted", [1, 2, 3, 4, 5]))])
def test_between_login_and_quit(bed, protocol, deleted):
    deliver = deliverers.made(bed, "procmail").deliver
    for number in range(1, 6):
        deliver(text(number))
    talk = getattr(bed, protocol)()
    for number in range(6, 9):
        deliver(text(number))
    if protocol == "pop3":
        equal(talk.stat()[0], 5, "messages that the session sees")
        seen = [numbers(talk.retr(number))[0] for number in range(1, 6)]
        for number in deleted:
            talk.ok(f"DELE {number}")
    else:
        seen = []
        for number in range(1, 6):
            seen += numbers(talk.retr(talk.read(number)))
            talk.ackd() if number in deleted else talk.acks()
    deliver(text(9))
    equal(seen if bed.format == "mbox" else sorted(seen), [1, 2, 3, 4, 5], "the messages")
    talk.quit()
    talk.session.finish()
    gone = [seen[number - 1] for number in deleted]
    equal(there(bed), [number for number in range(1, 10) if number not in gone], "deliveries in the mailbox")
    check_whole(bed)
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


TAKERS = {"pop3": pop3_takes, "pop2": pop2_takes}


@over_each_format
@but_only_mbox("mail.local")
@needs("root", "network")
@each(*[(name, name) for name in deliverers.ALL])
def test_every_deliverer(bed, name):
    """What each of them makes of a message is served octet for octet, header lines it adds aside."""
    deliverer = deliverers.made(bed, name)
    texts = [text(number) for number in (1, 2)] + [mail.made("delivery 3", b".\n..\nFrom here\n\nFrom there\n\n\n8-bit: \xff\xe4\nend\n")]
    for one in texts:
        deliverer.deliver(one)
        deliverer.idle()
    pop = bed.pop3()
    got = [pop.retr(number) for number in range(1, pop.stat()[0] + 1)]
    equal(got, [mail.wire(content) for content in bed.kept()], "messages as they stand in the mailbox")
    strip = lambda octets: programs.without(["from", *deliverer.adds], octets.replace(b"\r\n", b"\n")).replace(b"\n>From ", b"\nFrom ").rstrip(b"\n")
    order = (lambda contents: contents) if bed.format == "mbox" else sorted
    equal(order([strip(octets) for octets in got]), order([strip(one) for one in texts]), "messages as they were sent")
    pop.ok("DELE 2")
    gone = numbers(got[1])
    deliverer.deliver(text(4))
    deliverer.idle()
    pop.quit()
    pop.session.finish()
    equal(there(bed), [number for number in (1, 2, 3, 4) if number not in gone], "deliveries in the mailbox")


@over_each_format
@but_only_mbox("mail.local")
@needs("root", "network")
@limit(120)
@each(*[(f"{name} {protocol}", name, TAKERS[protocol], lambda number: number % 3, 300) for name in deliverers.ALL for protocol in TAKERS],
      ("procmail pop3 all", "procmail", pop3_takes, lambda number: True, 300),
      ("procmail pop3 large", "procmail", pop3_takes, lambda number: number % 3 != 2, 100_000))
def test_many_sessions_and_many_deliveries(bed, name, take, which, octets):
    """Sessions follow each other while three at a time deliver: what was taken and what is left is all that was sent."""
    deliverer = deliverers.made(bed, name)
    crowd = deliverers.Crowd(deliverer, 3, lambda number: text(number, octets))
    taken, sessions_with_mail = [], 0
    try:
        until(lambda: crowd.delivered or crowd.failures, "a delivery", 30)
        for _ in range(6):
            got = take(bed, which)
            taken += got
            sessions_with_mail += bool(got)
    finally:
        crowd.stop()
    equal(crowd.failures, [], f"failures of {name}")
    check_whole(bed, octets, deliverer.adds)
    equal(sorted(taken + there(bed)), sorted(crowd.delivered), f"deliveries, {len(taken)} of them taken")
    check(sessions_with_mail > 1, f"{sessions_with_mail} sessions took {len(taken)} of {len(crowd.delivered)}")
    equal(sorted(path.name for path in bed.spool.iterdir()), ["alice"], "files in the spool")
