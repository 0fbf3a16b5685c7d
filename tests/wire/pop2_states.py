"""RFC 937's decision table: every command in every state."""

from lib import mbox
from lib.suite import check, each, equal

MAIL = mbox.mailbox(2)
FIRST, SECOND = (message.size for message in mbox.parse(MAIL))

# How to come from the greeting into each state; the first message is deleted on the way wherever that is possible.
WAYS = {
    "auth": [],
    "mbox": ["HELO alice alicepw"],
    "item": ["HELO alice alicepw", "READ", "RETR", "ACKD"],
    "next": ["HELO alice alicepw", "READ", "RETR", "ACKD", "RETR"],
}
COMMANDS = ("HELO alice alicepw", "FOLD INBOX", "READ", "RETR", "ACKS", "ACKD", "NACK", "QUIT", "NOOP")
REFUSED, UNKNOWN = "- command not allowed in this state", "- unknown command"
REPLIES = {  # what is legal; everything else is refused and closes
    ("auth", "HELO alice alicepw"): "#2",
    ("auth", "QUIT"): "+ bye",
    ("mbox", "FOLD INBOX"): "#2",
    ("mbox", "READ"): f"={FIRST}",
    ("mbox", "QUIT"): "+ bye",
    ("item", "FOLD INBOX"): "#1",                # which deletes the first message
    ("item", "READ"): f"={SECOND}",
    ("item", "RETR"): "Received: from relay.example.org by mail.example.org; id 00000002",
    ("item", "QUIT"): "+ bye",
    ("next", "ACKS"): "=0",
    ("next", "ACKD"): "=0",
    ("next", "NACK"): f"={SECOND}",
}
APPLIED = {("item", "QUIT"), ("item", "FOLD INBOX")}       # where the deletion is committed


def walk(pop, steps):
    for step in steps:
        if step == "RETR":
            pop.retr(length)
            continue
        reply = pop.ask(step)
        check(reply[0] in "#=+", f"{step}: {reply}")
        length = int(reply[1:])


@each(*((f"{state}_{command.split()[0].lower()}", state, command) for state in WAYS for command in COMMANDS))
def test_state(bed, state, command):
    path = bed.put(MAIL)
    pop = bed.pop2(login=None)
    walk(pop, WAYS[state])
    reply = REPLIES.get((state, command))
    if reply is None:
        pop.expect(command, UNKNOWN if command == "NOOP" else REFUSED)
        pop.stream.expect_end()
    else:
        pop.expect(command, reply)
        if command == "QUIT":
            pop.stream.expect_end()
        pop.stream.close()
    pop.session.finish()
    kept = mbox.parse(MAIL)[1:] if (state, command) in APPLIED else mbox.parse(MAIL)
    equal(path.read_bytes(), b"".join(message.raw for message in kept), "the mailbox")
