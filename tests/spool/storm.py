"""Deliverers of every locking habit, a mail reader that rewrites, and POP sessions, all at once on one mailbox."""

import fcntl
import mmap
import os
import random
import time

from lib import maildir, mbox
from lib.suite import Failure, check, each, limit, over_each_format

SECONDS = 12            # that a storm lasts, and on a slow machine, where each session waits long for the locks,
LONGEST = 60            # until there were
ENOUGH = 11             # sessions


class Dotlock:
    """MAILBOX.lock by link(2), as procmail makes it; waits."""

    def __init__(self, path):
        self.lock, self.ticket = f"{path}.lock", f"{path}.{os.getpid()}"

    def __enter__(self):
        with open(self.ticket, "w", encoding="ascii") as file:
            file.write(f"{os.getpid()}\n")
        while True:
            try:
                os.link(self.ticket, self.lock)
                break
            except FileExistsError:
                time.sleep(random.uniform(0.001, 0.02))
        os.unlink(self.ticket)

    def __exit__(self, *_):
        os.unlink(self.lock)


def append(path, data, lock_first):
    """Opens, locks with fcntl (unless lock_first is None), appends, as an agent does that opened the file before us."""
    with open(path, "ab", buffering=0) as file:
        if lock_first is not None:
            fcntl.lockf(file, fcntl.LOCK_EX)
        file.write(data)


def deliver_fcntl(path, data):
    append(path, data, True)


def deliver_dotlock(path, data):
    with Dotlock(path):
        append(path, data, None)


def deliver_dotlock_then_fcntl(path, data):
    """procmail's order."""
    with Dotlock(path):
        append(path, data, True)


def deliver_fcntl_then_dotlock(path, data):
    """Postfix's order: but it tries the second and gives way, as local(8) does."""
    while True:
        with open(path, "ab", buffering=0) as file:
            fcntl.lockf(file, fcntl.LOCK_EX)
            try:
                lock = os.open(f"{path}.lock", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
            except FileExistsError:
                fcntl.lockf(file, fcntl.LOCK_UN)
                time.sleep(random.uniform(0.001, 0.02))
                continue
            os.write(lock, b"%d\n" % os.getpid())
            os.close(lock)
            file.write(data)
            os.unlink(f"{path}.lock")
            return


def deliver_to_a_maildir(path, data):
    """tmp/, then new/."""
    unique = f"{int(time.time())}.M{time.time_ns() % 10**9}P{os.getpid()}.mail.example.org"
    maildir.put(path, f"tmp/{unique}", mbox.parse(data)[0].content).rename(path / "new" / unique)


HABITS = {"mbox": {habit.__name__: habit for habit in (deliver_fcntl, deliver_dotlock, deliver_dotlock_then_fcntl,
                                                       deliver_fcntl_then_dotlock)},
          "maildir": {f"agent{number}": deliver_to_a_maildir for number in range(4)}}


def rewrite_status(path):
    """A mail reader: takes both locks and rewrites the mailbox in place, with another Status line somewhere."""
    with Dotlock(path), open(path, "r+b", buffering=0) as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        messages = mbox.parse(file.read())
        if not messages:
            return
        raw = [message.raw for message in messages]
        chosen = random.randrange(len(raw))
        raw[chosen] = raw[chosen].replace(b"\nStatus: O\n", b"\nStatus: RO\n", 1)
        file.seek(0)
        file.write(b"".join(raw))
        file.truncate()


def rename_some(path):
    """A mail reader of a Maildir: moves what is new to cur, and changes flags of what is there."""
    for part in "new", "cur":
        for file in list((path / part).iterdir()):
            if random.random() < 0.3:
                try:
                    file.rename(path / "cur" / f"{maildir.base(file.name)}:2,{random.choice(('', 'S', 'RS', 'F'))}")
                except FileNotFoundError:
                    pass                    # somebody was faster


READERS = {"mbox": (rewrite_status, 0.1), "maildir": (rename_some, 0.02)}      # and how long each rests


def in_child(bed, work, over):
    """Runs work(round) in a process of its own, as the mailbox's owner, until the storm is over; returns its pid."""
    uid = os.stat(bed.mailbox()).st_uid
    gid = os.stat(bed.spool).st_gid
    child = os.fork()
    if child:
        return child
    try:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
        end, done = time.monotonic() + 2 * LONGEST, 0
        while not over[0] and time.monotonic() < end:
            work(done)
            done += 1
        os._exit(0)
    except BaseException:
        os._exit(1)


def deliver_with(bed, habit, name, ledger, over):
    """A process that delivers numbered messages and writes each number down once it is delivered."""
    path = bed.mailbox()

    def work(done):
        body = f"storm {name} {done}\nStatus: O\n".encode() + b"x" * random.randrange(3000) + b"\n"
        head = mbox.message(done, body).replace(b"\n", b"\nStatus: O\n", 1)
        habit(path, head)
        ledger.write(f"{name} {done}\n")
        ledger.flush()
        time.sleep(random.uniform(0, 0.02))
    return in_child(bed, work, over)


def names_in(octets):
    return [line[6:].strip().decode() for line in octets.split(b"\n") if line.startswith(b"storm ")]


def fetch_all(pop):
    """Fetches and marks all; returns the names, or None when the answer broke off: it was rewritten meanwhile."""
    seen = []
    for number in range(1, pop.stat()[0] + 1):
        reply = pop.ask(f"RETR {number}")
        if not reply.startswith("+OK"):
            check("[SYS/TEMP]" in reply, reply)     # rewritten since the login: the next session has it
            continue
        try:
            names = names_in(pop.read_multi())
        except Failure as failure:
            check("ended before the terminator" in str(failure), str(failure))
            return None
        check(len(names) == 1, f"message {number} holds {names}")
        seen += names
        pop.ok(f"DELE {number}")
    return seen


def poll(bed, fetched):
    """One session; what it fetched counts once QUIT has been answered with +OK."""
    pop = bed.pop3(login=None)
    pop.ok("USER alice")
    login = pop.ask("PASS alicepw")
    if login.startswith("+OK"):
        seen = fetch_all(pop)
        if seen is not None and pop.ask("QUIT").startswith("+OK"):
            fetched += seen
    else:
        check("[IN-USE]" in login, login)
    pop.stream.close()
    pop.session.wait()
    bed.sessions.remove(pop.session)


def begin_storm(bed, reader, over):
    """Returns who delivers, each with his ledger, and all processes."""
    ledgers, children = [], []
    for name, habit in HABITS[bed.format].items():
        ledgers.append(bed.dir / f"ledger.{name}")
        with open(ledgers[-1], "w", encoding="ascii") as ledger:
            children.append(deliver_with(bed, habit, name, ledger, over))
    if reader:
        read, rest = READERS[bed.format]
        def work(_):
            read(bed.mailbox())
            time.sleep(rest)
        children.append(in_child(bed, work, over))
    return ledgers, children


@over_each_format
@limit(120)
@each(("deliverers", False), ("and_a_reader", True))
def test_storm(bed, reader):
    """Every message delivered is fetched exactly once, or still there."""
    bed.put(b"")
    over = mmap.mmap(-1, 1)         # shared with the children: not 0 when they are to end
    ledgers, children = begin_storm(bed, reader, over)
    fetched, sessions, begin = [], 0, time.monotonic()
    while time.monotonic() < begin + (SECONDS if sessions >= ENOUGH else LONGEST):
        poll(bed, fetched)
        sessions += 1
    over[0] = 1
    for child in children:
        check(os.waitpid(child, 0)[1] == 0, "a deliverer failed")
    delivered = [line for ledger in ledgers for line in ledger.read_text().splitlines()]
    left = names_in(b"".join(bed.kept()))
    everything = sorted(fetched + left)
    lost = sorted(set(delivered) - set(everything))
    doubled = sorted({name for name in everything if everything.count(name) > 1})
    print(f"    storm over {bed.format}: delivered {len(delivered)}, sessions {sessions}, fetched {len(fetched)}, left {len(left)}")
    check(not lost and not doubled, f"lost {lost[:5]} ({len(lost)}), doubled {doubled[:5]} ({len(doubled)})")
    check(sorted(delivered) == everything, "something that was never delivered is there")
    check(len(delivered) > 100 and sessions >= ENOUGH, f"a storm in a teacup: {len(delivered)} messages, {sessions} sessions")
