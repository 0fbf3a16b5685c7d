"""The bench's rows on work: what a session takes of instructions and system calls, whatever else the machine does.

System calls are counted by ptrace(2), instructions by single steps (steps.c) where filters let no valgrind live, which
is ours, and by valgrind's lackey elsewhere: a step takes tens of microseconds in a virtual machine.
"""

import os
import re
import shutil
import signal
import socket
import time
from pathlib import Path

SESSIONS = 10           # that a daemon is given; what it takes to start and to stop is taken off
PATIENCE = 24           # times five seconds


def quit_session(port):
    with socket.create_connection(("127.0.0.1", port), 120) as talk, talk.makefile("rb") as lines:
        lines.readline()
        talk.sendall(b"QUIT\r\n")
        lines.readline()


def under(server, argv):
    """Runs one session with the server below the program argv."""
    plain = server.argv
    dash = "-" if plain[0].startswith("-") else ""      # for our inetd
    server.stop()
    server.argv = [dash + argv[0], *argv[1:], plain[0].removeprefix("-"), *plain[1:]]
    server.start()
    time.sleep(0.5)
    mark = server.mark()
    quit_session(server.port)
    for _ in range(PATIENCE):
        if server.cpu_and_rss(mark):
            break
    server.stop()
    server.argv = plain
    server.start()
    time.sleep(0.5)


def steps(bench, what):
    def measure(server):
        counted = bench.dir / "counted"
        under(server, [bench.tool("steps"), what, str(counted)])
        number = int(counted.read_text())
        counted.unlink()
        return number
    return measure


def simulated(bench):
    """Instructions of a program that valgrind can run."""
    def measure(server):
        if not shutil.which("valgrind"):
            return bench.lose(server, "instructions", "there is no valgrind")
        logs = bench.dir / "valgrind"
        logs.mkdir(mode=0o777)
        under(server, ["/usr/bin/valgrind", "--tool=lackey", "--trace-children=yes", f"--log-file={logs}/%p"])
        counts = [re.search(r"guest instrs: +([\d,]+)", log.read_text()) for log in logs.iterdir()]
        shutil.rmtree(logs)
        return sum(int(count[1].replace(",", "")) for count in counts if count) or None
    return measure


def daemon_calls(bench):
    """System calls of a session with a daemon: those of one run less those of another."""
    def run(server, sessions):
        counted = bench.dir / "counted"
        server.stop()
        server.start(under=[bench.tool("steps"), "calls", str(counted)])
        time.sleep(2)
        for _ in range(sessions):
            quit_session(server.port)
        time.sleep(1)
        daemon = Path(f"/proc/{server.root()}/task/{server.root()}/children").read_text().split()[0]
        os.kill(int(daemon), signal.SIGTERM)
        server.process.wait(30)
        number = int(counted.read_text())
        counted.unlink()
        return number

    def measure(server):
        number = (run(server, 1 + SESSIONS) - run(server, 1)) / SESSIONS
        server.start()
        time.sleep(1)
        return number
    return measure


def rows(bench):
    ours, others = bench.chosen("restante", "static"), bench.chosen("popa3d", "solid", "mailutils", "courier")
    if not bench.quick:
        values = {server.name: steps(bench, "instructions")(server) for server in ours}
        values.update((server.name, simulated(bench)(server)) for server in others)
        bench.row("spawn, greeting, QUIT: instructions", "million",
                  {name: value and value / 1e6 for name, value in values.items()})
    values = {server.name: steps(bench, "calls")(server) for server in ours + others}
    if not bench.quick:
        values.update((server.name, daemon_calls(bench)(server)) for server in bench.chosen("dovecot", "dovecot-maildir"))
    bench.row("spawn, greeting, QUIT: system calls", "calls", values)
