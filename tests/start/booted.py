"""A machine with systemd as PID 1 and the shipped units, enabled as README says: what runs there, as whom, in which cage."""

from lib import client, mbox, testbed
from lib.suite import check, each, equal, limit, needs, until

MAIL = mbox.mailbox(3, 2000)


@needs("root", "network", "sandbox", "nspawn")
@limit(90)
@each(("pop3", "pop3d"), ("pop2", "pop2d"))
def test_login(bed, program):
    """By password, pam_unix, the PAM service as shipped."""
    machine = bed.machine()
    bed.put(MAIL)
    wires = [message.wire() for message in mbox.parse(MAIL)]
    since = machine.mark()
    stream = machine.connect(program)
    if program == "pop3d":
        pop = client.Pop3(stream)
        pop.login("alice", "alicepw")
        equal([pop.retr(number) for number in (1, 2, 3)], wires, "messages")
        pop.ok("DELE 1")
    else:
        pop = client.Pop2(stream)
        pop.login("alice", "alicepw")
        equal(pop.retr(pop.read()), wires[0], "message 1")
        pop.ackd()
    pop.quit()
    equal(bed.mailbox().read_bytes(), b"".join(message.raw for message in mbox.parse(MAIL)[1:]), "the mailbox")
    until(lambda: len(machine.log(since, program)) >= 2, "the lines of the log")
    begin, end = machine.log(since, program)
    equal(begin, 'login: peer=127.0.0.1 method=%s user="alice"' % ("PASS" if program == "pop3d" else "HELO"), "log")
    check(" reason=quit " in end and " deleted=1 " in end, end)
