"""Rooms that are owned, and what they cannot get the others to do: a caged room sends what its place in the contract
allows, but lies."""

import os
import struct
from pathlib import Path

from lib import mbox, sasl
from lib.inside import Died, Inside
from lib.suite import check, each, equal, limit, needs, until
from start import contract

UNAVAILABLE = "-ERR [SYS/TEMP] authentication is not available, try again later"
ACCEPTED, REFUSED = 0, 1                                        # enum outcome
FAREWELL, ASK_AUTH = 28, 1                                      # enum frame_type


# The child of auth that hears the client.

def caged_child(pop):
    """The process of auth that has a filter and waits for the client's words."""
    def find():
        for room in pop.session.rooms().all:
            if (room.room or "").startswith("auth") and room.status.get("Seccomp") == "2" and \
                    Path(f"/proc/{room.pid}/wchan").read_text() not in ("", "0"):
                return room
        return None
    until(lambda: find() is not None, "auth in its cage")
    return find()


def proof(outcome, name, password="", unproven=0):
    """struct proof of auth/proof.h."""
    return struct.pack("iI4sIq256s256s512s512s", outcome, 0, b"", unproven, 1, name.encode(), name.encode(), password.encode(), b"")


def bring(child, octets):
    """The child hands its parent the octets and ends well. Front hears of it behind the client's next line."""
    answer, = [fd for fd, target in child.descriptors().items() if target.startswith("pipe:")]
    try:
        with Inside(child.pid) as inside:
            equal(inside.call("write", answer, octets, len(octets)), len(octets), "octets for the parent")
            inside.call("exit_group", 0)
    except Died as died:
        equal(died.signal, 0, "the child ends well")


@needs("root", "sandbox")
@each(("PLAIN", "PLAIN"), ("LOGIN", "LOGIN"))
def test_who_asks_for_a_password_proves_nothing(bed, mechanism):
    """A child that passes a password on to PAM cannot say that somebody needs none."""
    bed.put(mbox.mailbox(2), "bob")
    pop = bed.pop3(login=None)
    pop.ask(f"AUTH {mechanism}")
    bring(caged_child(pop), proof(ACCEPTED, "bob"))
    equal(pop.ask("eA=="), UNAVAILABLE, "the login")
    pop.expect("QUIT", "+OK bye")
    check(not any(line.startswith("login: ") for line in pop.session.log()), pop.session.log())


@needs("root", "sandbox")
def test_who_takes_proofs_brings_no_password(bed):
    """One that speaks a mechanism without passwords cannot have PAM try one, where none may be sent."""
    secrets = bed.private_file("secrets", "alice\tsecret\n")
    bed.put(mbox.mailbox(2), "bob")
    pop = bed.pop3("--plaintext=never", f"--secrets={secrets}", login=None)
    pop.ask("AUTH CRAM-MD5")
    bring(caged_child(pop), proof(REFUSED, "bob", "bobpw", unproven=1))
    equal(pop.ask("eA=="), UNAVAILABLE, "the login")


@needs("root", "sandbox")
def test_honest_proofs(bed):
    """The same way, without a lie, is what a login is."""
    bed.put(mbox.mailbox(2), "bob")
    pop = bed.pop3(login=None)
    pop.ask("AUTH PLAIN")
    bring(caged_child(pop), proof(REFUSED, "bob", "bobpw", unproven=1))
    check(pop.ask("eA==").startswith("+OK maildrop has 2 messages"), "bob with his password")


# Front.

@needs("root", "sandbox", "ss")
@each(("once_more", FAREWELL), ("a_login", ASK_AUTH))
def test_nothing_behind_the_farewell(bed, kind):
    """A login behind the last word would be neither counted nor logged, and SCRAM would still tell whether the
    password was right."""
    rows = {row.type: row for row in contract.read_rows(bed)}
    pop = bed.pop3(login=None)
    rooms = pop.session.rooms()
    fd = contract.wire(rooms.front, rooms.monitor)
    try:
        with Inside(rooms.front.pid) as front:
            for word in FAREWELL, kind:
                front.send(fd, contract.frame(word, rows[word].size))
    except Died:
        pass                                                    # with its monitor
    pop.stream.take_all(10)
    equal(pop.session.wait(10), 0, "exit status")
    lines = [line for line in pop.session.log() if line.startswith("ended: ")]
    equal(len(lines), 1, f"lines in {pop.session.log()}")
    check("behind its last word" in lines[0], lines[0])
