"""Clients from hell: what they cost stays small, whom they touch goes on, and they are ended in time.

`make hostile` runs the full sizes and prints figures.
"""

import fcntl
import os
import resource
import socket
import time

from lib import mbox, server
from lib.suite import Skip, check, each, equal, limit, needs, until

FULL = os.environ.get("RESTANTE_HOSTILE") == "full"
MEGABYTE = 1_000_000
GROWTH = 4_000                              # KiB that a room may grow by; buffers are 272


def report(text):
    if FULL:
        print(f"    hostile: {text}", flush=True)


def ticks(pid):
    """Processor time of a process so far, in seconds."""
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Scale:
    """Peak memory of every room against what it was."""

    def __init__(self, bed, pop):
        self.bed, self.pop = bed, pop
        self.before = self._weigh()

    def _weigh(self):
        return {room.room: int(room.status["VmHWM"].split()[0]) for room in self.pop.session.rooms().all}

    def check(self):
        now = self._weigh()
        growth = {room: now[room] - before for room, before in self.before.items() if room in now}
        if not self.bed.place.sanitized():
            check(all(kib < GROWTH for kib in growth.values()), f"rooms grew by {growth} KiB")
        return max(growth.values())


@limit(180)
@each(("before_login", None), ("after_login", "alice"))
def test_line_that_never_ends(bed, login):
    """A hundred megabytes without a line end: thrown away as they come."""
    size = (100 if FULL else 20) * MEGABYTE
    bed.put(mbox.mailbox(1))
    pop = bed.pop3(login=login)
    scale, front = Scale(bed, pop), pop.session.rooms().front
    began, spent = time.monotonic(), ticks(front.pid)
    for _ in range(size // MEGABYTE):
        pop.stream.send(b"x" * MEGABYTE)
    pop.stream.send(b"\r\n")
    check(pop.read_line().startswith("-ERR line too long"), "no refusal")
    grown = scale.check()
    report(f"line of {size // MEGABYTE} MB {'after' if login else 'before'} the login: {time.monotonic() - began:.2f} s, "
           f"{ticks(front.pid) - spent:.2f} s of front's processor time, a room grew by {grown} KiB at most")
    pop.quit()
    pop.session.finish()


@limit(120)
def test_reader_who_never_reads(bed):
    """A large message is asked for and not taken: memory stays, mail is delivered, another is not waited for, --timeout ends it."""
    size = (300 if FULL else 60) * MEGABYTE
    mail = mbox.message(1, (b"x" * 75 + b"\n") * (size // 76))
    path = bed.put(mail)
    pop = bed.pop3("--timeout=4", how="tcp")
    scale = Scale(bed, pop)
    began = time.monotonic()
    pop.stream.send(b"RETR 1\r\n")
    time.sleep(1)
    with open(path, "ab", buffering=0) as file:             # as a deliverer does, who waits for nobody
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        check(not os.path.exists(f"{path}.lock"), "a dotlock while a client reads")
        file.write(mbox.message(2))
    grown = scale.check()
    pop.session.finish(40)
    took = time.monotonic() - began
    check(" reason=timeout " in pop.session.log()[-1], pop.session.log()[-1])
    report(f"{size // MEGABYTE} MB asked for and not read: a room grew by {grown} KiB at most, ended after {took:.1f} s (--timeout=4)")
    equal(os.path.getsize(path), len(mail + mbox.message(2)), "octets in the mailbox")


@limit(180)
def test_pipelined_retrievals(bed):
    """RETR a hundred thousand times over, asked for before an answer is read: all answered, in constant memory."""
    count = 100_000 if FULL else 10_000
    mail = mbox.mailbox(2, 400)
    bed.put(mail)
    pop = bed.pop3()
    messages = mbox.parse(mail)
    replies = [b"+OK %d octets\r\n" % message.size + message.stuffed() + b".\r\n" for message in messages]
    scale = Scale(bed, pop)
    began = time.monotonic()
    pop.stream.send(b"RETR 1\r\nRETR 2\r\n" * (count // 2), 150)
    pop.stream.expect(b"".join(replies) * (count // 2), 150)
    grown = scale.check()
    took = time.monotonic() - began
    report(f"{count:,} pipelined RETRs: {took:.1f} s, {count / took:,.0f} a second, a room grew by {grown} KiB at most")
    pop.quit()
    pop.session.finish()


# What the client has said when it tears the connection away: in every state, in the middle of each exchange.
RESETS = {
    "at_once": b"",
    "inside_a_command": b"USE",
    "named": b"USER alice\r\n",
    "inside_the_password": b"USER alice\r\nPASS ali",
    "waiting_for_the_verdict": b"USER alice\r\nPASS wrong\r\n",
    "logging_in": b"USER alice\r\nPASS alicepw\r\n",
    "marked": b"USER alice\r\nPASS alicepw\r\nDELE 1\r\n",
    "inside_a_list": b"USER alice\r\nPASS alicepw\r\nUIDL\r\nLIST\r\n",
    "inside_a_message": b"USER alice\r\nPASS alicepw\r\nDELE 1\r\nRETR 2\r\n",
    "inside_quit": b"USER alice\r\nPASS alicepw\r\nDELE 1\r\nQUI",
    "inside_auth": b"AUTH PLAIN\r\n",
}


@limit(120)
@each(*((name, said) for name, said in RESETS.items()))
def test_reset(bed, said):
    """The connection is torn away: the rooms end within seconds, and nothing is removed."""
    mail = mbox.message(1) + mbox.message(2, b"x" * 3 * MEGABYTE)
    path = bed.put(mail)
    for pause in (0, 0.02, 0.3):
        session = bed.start("pop3d", how="tcp")
        session.stream.send(said)
        time.sleep(pause)
        session.stream.reset()
        status = session.wait(10)
        check(status == 0, f"exit status {status}")
        session.check_log()
        equal(path.read_bytes() == mail, True, f"the mailbox is as it was (reset after {pause} s)")
        bed.sessions.remove(session)


@limit(60)
def test_reset_in_the_update(bed):
    """Whoever has sent QUIT gets the update, whether he waits for the answer or not."""
    path = bed.put(mbox.mailbox(3))
    session = bed.start("pop3d", how="tcp")
    session.stream.send(b"USER alice\r\nPASS alicepw\r\n")
    until(lambda: any(line.startswith("login: ") for line in session.log()), "the login")
    session.stream.take_line()
    session.stream.take_line()
    session.stream.take_line()
    session.stream.send(b"DELE 2\r\nQUIT\r\n")
    session.stream.take_line()
    session.stream.reset()
    equal(session.wait(10), 0, "exit status")
    left = [message.raw for message in mbox.parse(mbox.mailbox(3))]
    check(path.read_bytes() in (b"".join(left), left[0] + left[2]), "the mailbox is neither as it was nor as it was to be")


@needs("root", "systemd-socket-activate")
@limit(500)
def test_silent_crowd(bed):
    """Many connect and say nothing: each costs a little memory, somebody else is served, and the login deadline ends them."""
    count = 10_000 if FULL else 150
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < count + 1000:
        raise Skip(f"the limit on open files is too low for {count} connections")
    if FULL:
        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    patience = 120 if FULL else 12
    bed.put(mbox.mailbox(1))
    listener = bed.listen("systemd", [bed.program("pop3d"), *bed.options(), "--log=stderr", f"--login-timeout={patience}"])
    pop = bed.pop3("--login-timeout=600", login=None)       # select(2) knows a thousand descriptors
    began = time.monotonic()
    before = available()
    crowd = [socket.create_connection(listener.address, 240) for _ in range(count)]
    for sock in crowd:
        sock.settimeout(240)
        check(sock.recv(100).startswith(b"+OK POP3 "), "no greeting")
    there = time.monotonic() - began
    each_kib = (before - available()) / count
    start = time.monotonic()
    pop.login("alice", "alicepw")
    check(pop.retr(1), "no message")
    pop.quit()
    served = time.monotonic() - start
    for sock in crowd:
        while sock.recv(100):
            pass
        sock.close()
    ended = time.monotonic() - began
    until(lambda: len(server.descendants(listener.process.pid)) == 0, "all of them to end", 60)
    report(f"{count:,} silent clients: all greeted within {there:.1f} s, {each_kib:.0f} KiB each, one who logged in was served "
           f"in {served:.2f} s, all ended after {ended:.1f} s (--login-timeout={patience})")


def available():
    """KiB of memory that could be had now."""
    for line in open("/proc/meminfo"):
        if line.startswith("MemAvailable:"):
            return int(line.split()[1])
    return 0
