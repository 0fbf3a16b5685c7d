"""What a user can put into his own state directory to make the server wait, follow or overwrite."""

import os

from lib import mbox
from lib.suite import check, each, equal, needs
from lib.testbed import USERS

ALICE = USERS["alice"][0]
TWINS = mbox.mailbox(1) * 4                     # the same message, four times


def session(bed, deletes):
    pop = bed.pop3()
    pop.lines("UIDL")
    if deletes:
        pop.ok("DELE 1")
    pop.quit()
    pop.session.finish(10)


def state_of(bed):
    return bed.state / ("alice" if bed.privileged else os.listdir(bed.state)[0])


def learn(bed, suffix):
    """One session makes the state; returns the file that is meant."""
    session(bed, deletes=suffix != "index")
    found = [entry for entry in state_of(bed).iterdir() if entry.name.endswith("." + suffix)]
    equal(len(found), 1, f"{suffix} in {os.listdir(state_of(bed))}")
    return found[0]


def set_fifo(path):
    path.unlink(missing_ok=True)
    os.mkfifo(path, 0o600)
    if os.geteuid() == 0:
        os.chown(path, ALICE, ALICE)


def go_through(bed):
    """A whole session, whatever is refused in it, comes to its end."""
    pop = bed.pop3(login=None)
    pop.stream.send(f"USER alice\r\nPASS {USERS['alice'][1]}\r\nUIDL\r\nDELE 1\r\nQUIT\r\n".encode())
    said = pop.stream.take_all(15)
    check(said.endswith((b"+OK bye\r\n", b"not removed\r\n")) or b"-ERR [SYS/" in said, f"said: {said[-200:]!r}")
    equal(pop.session.wait(10), 0, "exit status")


@each(("twins", "twins", ".new", "mbox"), ("twins_itself", "twins", "", "mbox"), ("index", "index", ".new", "mbox"),
      ("index_itself", "index", "", "mbox"), ("record", "record", "", "mbox"), ("session_lock", "session", "", "mbox"),
      ("sizes", "sizes", ".fresh", "maildir"), ("sizes_itself", "sizes", "", "maildir"))
def test_fifo(bed, suffix, more, kind):
    """A FIFO that nobody reads keeps no session waiting."""
    if kind == "maildir":
        bed = bed.maildir()
    bed.put(mbox.mailbox(400, 1000) + TWINS if kind == "mbox" else TWINS)     # enough for an index
    path = learn(bed, suffix)
    path.unlink()
    set_fifo(path.with_name(path.name + more))
    go_through(bed)


@needs("root")
@each(*((name, name) for name in ("twins", "index", "record", "session")))
def test_link(bed, suffix):
    """A link to a file that is not the user's is not followed; a hard link is his own or fails in the kernel."""
    target = bed.private_file("precious", "precious")
    bed.put(mbox.mailbox(400, 1000) + TWINS)
    path = learn(bed, suffix)
    path.unlink()
    for name in path.name, path.name + ".new":
        os.symlink(target, path.with_name(name))
    go_through(bed)
    equal(target.read_text(), "precious", "the file behind the link")
