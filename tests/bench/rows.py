"""The rows, in groups: who takes part, what is timed, and the goal. The first in a row is what the others are compared with."""

import os
import shutil
import statistics
import subprocess
import time

import encrypted
import work
from measure import PASSWORD, descendants, idle, pss

SETTLED = 2.1           # seconds: nobody trusts the times of a file that was written just now
MBOX = "popa3d", "mailutils", "dovecot"
MAILDIR = "courier", "dovecot-maildir"
BUILDS = "restante", "file", "static", "static-file"


def everybody(bench, *ours):
    """Ours and who can open a large maildrop (solid-pop3d refuses more than 9,999 messages); QUICK: two of them."""
    return bench.chosen(*ours, *(("popa3d", "dovecot") if bench.quick else (*MBOX, *MAILDIR)))


def small(bench):
    """10 messages of 10 KB, by every server and every build of ours."""
    rounds = int(os.environ.get("ROUNDS", 10 if bench.quick else 100))
    peers = "solid", *MBOX, "courier", *(() if bench.quick else ("dovecot-maildir",))
    greeted = bench.chosen("restante", "static", "skeleton", *peers)
    logged_in = bench.chosen(*BUILDS, "maildir", *peers)
    for server in logged_in:
        server.put("10")
    bench.row("connect to greeting", "ms", bench.medians(greeted, bench.wall("greet"), rounds), "<= 0.75 x popa3d")
    bench.row("spawn, greeting, QUIT", "ms", bench.medians(greeted, bench.wall("quit"), rounds))
    bench.row("spawn, greeting, QUIT: cpu", "ms",
              bench.medians(bench.chosen("restante", "static", "skeleton", "popa3d", "solid", "mailutils", "courier"),
                            bench.cpu("quit"), rounds))
    work.rows(bench)
    bench.row("login, STAT, QUIT; 10 messages", "ms", bench.medians(logged_in, bench.wall("poll"), rounds))
    bench.row("login, STAT, QUIT; 10 messages: cpu", "ms",
              bench.medians(bench.chosen(*BUILDS, "popa3d", "solid", "mailutils"), bench.cpu("poll"), rounds),
              "<= popa3d; file <= 0.4 x popa3d")
    bench.row("PSS of a session at the greeting", "KiB",
              bench.medians(greeted, lambda server: (got := idle(bench, 10)(server)) and got / 10, 3), "<= 0.5 x popa3d")
    bench.row("100 idle sessions, PSS", "MB",
              bench.medians(greeted, lambda server: (got := idle(bench, 100)(server)) and got / 1000, 1), "<= 0.75 x popa3d")
    bench.row("10 RETR, client delays its ACKs", "ms",
              bench.medians([server for server in greeted if server.name != "skeleton"], bench.wall("lockstep", acks="delay"),
                            3 if bench.quick else 20), "no stall")


def load(bench):
    """As many clients at once as a server has users for it."""
    def measure(server):
        for user in server.users():
            server.put("10", user)
        got = bench.client(server, "load", "800" if bench.quick else "3000")
        return got and got[2] / (got[0] / 1e6)
    taking_part = bench.chosen("restante", "static", *(("popa3d", "dovecot") if bench.quick else ("solid", *MBOX, *MAILDIR)))
    bench.row("8 clients at once: logins", "1/s", bench.medians(taking_part, measure, 1 if bench.quick else 2),
              ">= popa3d, >= 4 x dovecot", "more")


def limits(bench):
    """What no server can be faster than, on a file that lies in memory as theirs do."""
    server = bench.servers["restante"]
    for name in ("20k",) if bench.quick else ("20k", "100k"):
        server.put(name)
        got = subprocess.run([bench.tool("limits"), server.spool()], capture_output=True, text=True, check=True).stdout.split()
        bench.row(f"limit: read and one vector pass; {name}", "ms", {"limit": float(got[0])})
        bench.row(f"limit: expansion into a socket; {name}", "MB/s", {"limit": float(got[1])}, "", "more")


# A mailbox that stays.

def opening(bench, name, servers, label, first_rounds, goal=""):
    def first(server):
        if server.name == "mailutils":          # it writes what it found into the mailbox
            server.put(name)
        server.forget()
        return bench.wall("poll")(server)
    for server in servers:
        server.put(name)
    time.sleep(SETTLED)
    bench.row(f"login, STAT, QUIT; {label}: first", "ms", bench.medians(servers, first, first_rounds))
    for server in servers:
        if server.name in BUILDS:               # --auth=file and PAM: different users, and indexes
            bench.client(server, "poll")
    bench.row(f"login, STAT, QUIT; {label}: again", "ms", bench.medians(servers, bench.wall("poll")), goal)


def reading(bench, servers, label, rounds=None, goals=("<= 0.3 x the best peer", ">= 2 x popa3d")):
    def first(server):
        server.forget()
        return bench.wall("list")(server)
    quick = [server for server in servers if server.name in ("restante", "maildir", "popa3d", "courier")]
    bench.row(f"login, UIDL, LIST, QUIT; {label}: first", "ms", bench.medians(quick, first, 2))
    bench.row(f"login, UIDL, LIST, QUIT; {label}: again", "ms", bench.medians(servers, bench.wall("list")), goals[0])
    bench.row(f"RETR all, pipelined; {label}", "MB/s", bench.medians(servers, bench.speed("retr"), rounds), goals[1], "more")


def lockstep(bench):
    bench.row("RETR lock-step, 200 MB", "MB/s", bench.medians(everybody(bench, "restante"), bench.speed("lockstep", "5000"), 3),
              "", "more")
    bench.row("RETR lock-step, client delays its ACKs", "MB/s",
              bench.medians(bench.chosen("restante", "dovecot", "dovecot-maildir"), bench.speed("lockstep", "5000", "delay"),
                            3), "no stall", "more")


def grown(bench, servers, label, octets=10_000, goal="<= 1.5 x our own small one"):
    """Ten messages more before each session; the clock is given the time it needs."""
    def measure(server):
        server.deliver(10, octets)
        time.sleep(1.1)
        return bench.wall("poll")(server)
    bench.row(f"login, STAT, QUIT; {label}: 10 were added", "ms",
              bench.medians(servers, measure, 2 if bench.quick else 5), goal)


def middle(bench):
    """10 MB and 200 MB."""
    opening(bench, "1k", [*bench.chosen("restante", "file", "solid"), *everybody(bench)], "1,000, 10 MB", 3)
    servers = everybody(bench, "restante", "file")
    opening(bench, "20k", servers, "20,000, 200 MB", 1 if bench.quick else 3)
    reading(bench, everybody(bench, "restante"), "200 MB")
    if not bench.quick:
        lockstep(bench)
    grown(bench, servers, "200 MB")


def gigabyte(bench):
    servers = everybody(bench, "restante", "file", "static-file")
    opening(bench, "100k", servers, "100,000, 1 GB", 3)
    bench.row("login, UIDL, LIST, QUIT; 1 GB: largest process", "MB",
              bench.medians(bench.chosen("restante", "popa3d", "mailutils", "courier"), bench.largest("list"), 2),
              "mbox <= 64 octets a message")
    reading(bench, everybody(bench, "restante"), "1 GB", 3)
    grown(bench, everybody(bench, "restante", "file"), "1 GB")
    for server in servers:
        server.put(None)


def million(bench):
    opening(bench, "million", bench.chosen("restante", "file", "popa3d"), "1,000,000 small", 2)
    bench.row("login, UIDL, LIST, QUIT; 1,000,000 small: again", "ms",
              bench.medians(bench.chosen("restante", "popa3d"), bench.wall("list"), 3))


def single(bench):
    for name, label in (("one50", "one message of 50 MB"), *(() if bench.quick else (("one1g", "one message of 1 GB"),))):
        servers = everybody(bench, "restante")
        for server in servers:
            server.put(name)
        bench.row(f"RETR; {label}", "MB/s", bench.medians(servers, bench.speed("retr"), 3 if name == "one1g" else None),
                  ">= 2 x popa3d", "more")


def files(bench):
    """Maildirs of many files."""
    name, label = ("fewer files", "Maildir of 10,000 files") if bench.quick else ("files", "Maildir of 100,000 files")
    servers = bench.chosen("maildir", *MAILDIR)
    opening(bench, name, servers, label, 2, "<= 0.5 x the best peer")
    reading(bench, servers, label, 3, ("", ""))
    grown(bench, servers, label, 2_000, "")
    for server in servers:
        server.put(None)


# Mailboxes that are made anew for each session.

UPDATES = {"odd": "<= 1.5 x popa3d", "first": "<= 1.2 x the bare loop", "all": "<= 1.0 x popa3d", "last": "<= 1.0 x popa3d"}


def bare_loop(bench):
    """What journals, moves and syncs the same octets without being a server."""
    got = []
    for _ in range(2 if bench.quick else 5):
        mailbox = bench.dir / "loop"
        shutil.copy(bench.box("20k"), mailbox)
        os.sync()
        done = subprocess.run([bench.tool("limits"), mailbox, "loop"], capture_output=True, text=True, check=True)
        got.append(float(done.stdout))
        mailbox.unlink()
    return statistics.median(got)


def updates(bench):
    """Sessions that delete from a fresh copy: one that a poll has seen before, and one that nobody has."""
    def deleting(what, polled):
        def measure(server):
            server.put("20k")
            os.sync()
            time.sleep(SETTLED)
            if polled and bench.client(server, "poll") is None:
                return None
            return bench.wall("update", what)(server)
        return measure
    rounds, extra = (1, ()) if bench.quick else (3, ("maildir",))
    for what in ("odd", "first") if bench.quick else UPDATES:
        values = bench.medians(everybody(bench, "restante", *extra), deleting(what, True), rounds)
        if what == "first":
            values["bare loop"] = bare_loop(bench)
        bench.row(f"200 MB, delete {what}: whole session", "ms", values, UPDATES[what])
    for what in () if bench.quick else UPDATES:
        bench.row(f"200 MB, delete {what}: never opened before", "ms",
                  bench.medians(bench.chosen("restante", "popa3d", "dovecot"), deleting(what, False), 2))


def tls(bench):
    """Both servers anew, with a key."""
    chain, key = encrypted.certificate(bench.dir)
    servers = bench.chosen("restante", "dovecot")
    ports = {"restante": 11009, "dovecot": 11010}
    for server in servers:
        server.put("one50")
        server.stop()
        if server.name == "restante":
            plain = server.port, server.argv
            server.port, server.argv = ports["restante"], [*server.argv, "--tls", f"--cert={chain}", f"--key={key}"]
            server.start()
        else:
            server.start([("ssl = no", f"ssl = yes\nssl_cert = <{chain}\nssl_key = <{key}"),
                          ("port = 0", f"port = {ports['dovecot']}\n    ssl = yes")])
    time.sleep(1)
    bench.row("TLS handshakes, greeting, QUIT", "1/s",
              bench.medians(servers, lambda server: encrypted.handshakes(ports[server.name])), ">= 1.0 x Dovecot", "more")
    bench.row("RETR through TLS; one message of 50 MB", "MB/s",
              bench.medians(servers, lambda server: encrypted.megabytes(ports[server.name], server.user, PASSWORD)),
              ">= 1.0 x Dovecot", "more")
    bench.row("PSS of an idle TLS session", "KiB",
              bench.medians(servers, lambda server: encrypted.memory(ports[server.name],
                                                                     lambda: descendants(server.root()), pss), 3))
    for server in servers:
        server.stop()
        if server.name == "restante":
            server.port, server.argv = plain
        server.start()
    time.sleep(1)


GROUPS = {group.__name__: group for group in (small, load, limits, middle, single, tls, updates, files, gigabyte, million)}
LONG = "gigabyte", "million"                    # what QUICK leaves out
