"""Idle and hostile connections by the hundred while ordinary clients fetch their mail.

`make abuse` runs it with 500 idle and 100 hostile ones and prints the figures; the suite runs a smaller one.
"""

import os
import random
import re
import selectors
import socket
import subprocess
import threading
import time
from pathlib import Path

from lib import mbox, server
from lib.client import Pop3, Stream
from lib.suite import check, each, equal, limit, needs, until
from lib.testbed import USERS

FULL = os.environ.get("RESTANTE_ABUSE") == "full"
IDLE, HOSTILE, SESSIONS = (500, 100, 40) if FULL else (120, 40, 12)
PER_SOURCE = 50                   # connections that one attacker's address holds
MAIL = mbox.mailbox(3, 20_000)
MESSAGES = mbox.parse(MAIL)

ATTACKS = (
    lambda: random.randbytes(4096),                                     # noise
    lambda: b"A" * 65536,                                               # a line that never ends
    lambda: b"CAPA\r\n" * 2000,                                         # commands as fast as they go
    lambda: b"USER bob\r\nPASS guess\r\n",                              # guessing
    lambda: b"AUTH " + b"\0" * 300 + b"\r\n" + b"\r\n" * 500,
    lambda: b"U",                                                       # an octet now and then
)


def connect(address, source):
    """A connection, or None when the super-server closes it at once."""
    sock = socket.socket()
    sock.settimeout(150)        # systemd starts what came last first
    sock.bind((source, 0))
    sock.connect(address)
    return sock


class Attackers(threading.Thread):
    """So many hostile connections at a time; whoever is sent away comes again, after a breath."""

    def __init__(self, address, count):
        super().__init__(daemon=True)
        self.address, self.count, self.stop, self.octets, self.lost = address, count, threading.Event(), 0, 0
        self.selector = selectors.DefaultSelector()

    def _join(self, number):
        sock = socket.socket()
        sock.bind((f"127.0.3.{1 + number // PER_SOURCE}", 0))
        sock.setblocking(False)
        sock.connect_ex(self.address)
        self.selector.register(sock, selectors.EVENT_READ | selectors.EVENT_WRITE, [number, ATTACKS[number % len(ATTACKS)], 0.0])

    def _leave(self, sock):
        self.selector.unregister(sock)
        sock.close()

    def _attack(self, sock, data, events):
        number, attack, wait = data
        try:
            if events & selectors.EVENT_READ and not sock.recv(65536):
                raise ConnectionError
            if events & selectors.EVENT_WRITE and time.monotonic() >= wait:
                self.octets += sock.send(attack())
                data[2] = time.monotonic() + 0.2
        except BlockingIOError:
            pass
        except OSError:
            self.lost += 1
            self._leave(sock)
            self._join(number)

    def run(self):
        for number in range(self.count):
            self._join(number)
        while not self.stop.wait(0.02):
            for key, events in self.selector.select(0):
                self._attack(key.fileobj, key.data, events)
        for key in list(self.selector.get_map().values()):
            self._leave(key.fileobj)


def session(address):
    """What an ordinary client does; returns the seconds it took."""
    begin = time.monotonic()
    pop = Pop3(Stream.of(connect(address, "127.0.0.1")))
    pop.login("alice", USERS["alice"][1])
    for number, message in enumerate(MESSAGES, 1):
        equal(pop.retr(number), message.wire(), f"message {number}")
    pop.quit()
    return time.monotonic() - begin


def sessions(address):
    times = sorted(session(address) for _ in range(SESSIONS))
    return times[len(times) // 2], times[-1]


def memory_of(pids):
    """KiB, shared pages divided among those who share them."""
    total = 0
    for pid in pids:
        try:
            total += int(re.search(r"(?m)^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text())[1])
        except (OSError, TypeError):
            continue
    return total


@needs("root", "network", "sandbox", "nspawn")
@limit(400 if FULL else 150)
@each(("systemd", "systemd"), ("inetd", "inetd"))
def test_others_are_served(bed, kind):
    bed.put(MAIL)
    if kind == "systemd":
        machine = bed.machine()
        address, pids = ("127.0.0.1", 110), machine.pids
    else:
        listener = bed.listen("inetd", [bed.program("pop3d"), "--log=syslog"])
        bed.syslog()
        address, pids = listener.address, lambda: set(server.descendants(listener.process.pid))
    session(address)                                # whatever is slow the first time is over
    quiet = sessions(address)
    before = pids()
    begin = time.monotonic()
    idle = [connect(address, f"127.0.2.{1 + number // PER_SOURCE}") for number in range(IDLE)]
    for sock in idle:
        check(sock.recv(512).startswith(b"+OK"), "an idle connection got no greeting")
    opened = time.monotonic() - begin
    rooms = pids() - before
    memory = memory_of(rooms)
    attackers = Attackers(address, HOSTILE)
    attackers.start()
    time.sleep(1)
    try:
        busy = sessions(address)
    finally:
        attackers.stop.set()
        attackers.join(30)
    for sock in idle:
        sock.close()
    until(lambda: len(pids() - before) < 8, "the attackers' rooms to be gone", 60)
    session(address)
    if kind == "systemd":
        equal(machine.units("pop3.socket"), {"pop3.socket": "active"}, "the socket")
    text = (f"{kind}: {IDLE} idle and {HOSTILE} hostile connections; sessions of an ordinary client (login, 3 messages, QUIT):\n"
            f"    alone       median {quiet[0] * 1000:.0f} ms, longest {quiet[1] * 1000:.0f} ms\n"
            f"    among them  median {busy[0] * 1000:.0f} ms, longest {busy[1] * 1000:.0f} ms, {SESSIONS} of {SESSIONS} served\n"
            f"    {len(rooms)} processes, {memory / len(idle):.0f} KiB for each idle connection; {IDLE} greeted in {opened:.1f} s\n"
            f"    hostile: {attackers.octets / 1e6:.1f} MB sent, {attackers.lost} times sent away\n")
    (bed.place.build / f"abuse-{kind}.txt").write_text(text)


@needs("root", "network")
@limit(60)
def test_inetd_switches_a_service_off(bed):
    """Why the line for inetd has a number: without one, 256 connections in a minute end the service for ten minutes."""
    config = bed.dir / "inetd.conf"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = probe.getsockname()
    config.write_text(f"127.0.0.1:{address[1]} stream tcp nowait root /bin/echo echo served\n")
    with open(bed.dir / "inetd.log", "wb") as log:
        inetd = subprocess.Popen(["/usr/sbin/inetd", "-i", str(config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                 env=server.CLEAN_ENVIRONMENT)
    bed._closers.append(lambda: (inetd.kill(), inetd.wait()) and "")

    def served():
        try:
            with socket.create_connection(address, 5) as sock:
                return sock.recv(1) == b"s"
        except ConnectionRefusedError:
            return False
    until(served, "inetd to listen")
    count = 0
    while count < 400 and served():
        count += 1
    check(200 <= count < 300, f"{count} connections were served")
