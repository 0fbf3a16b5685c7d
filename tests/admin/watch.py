"""What the administrator watches: the shipped fail2ban filter and the fields of the journal, on lines that sessions wrote."""

import re
import subprocess
from pathlib import Path

from lib import client
from lib.suite import Skip, check, each, equal, limit, needs, until
from lib.testbed import PUBLIC_ADDRESS

FILTERS = Path(__file__).resolve().parents[2] / "units/fail2ban/filter.d"
HOSTILE = ('bob"peer=192.0.2.66', "a\\x22\\x20reason=refused", "x\treason=refused\tuser=\"y\"", "\x1b[31m\x7f", "x" * 200, "<HOST>", "%s%n", "ä€")



def fail2ban(bed):
    unpacked = bed.place.build / "tests/fail2ban"
    if not unpacked.is_dir():
        raise Skip("no fail2ban: tests/clients/unpack build/tests fail2ban")
    return unpacked


def matched(bed, lines):
    """What fail2ban-regex makes of a log file with these lines: the addresses, one for each line it takes for a failure."""
    unpacked = fail2ban(bed)
    config = bed.dir / "fail2ban/filter.d"
    config.mkdir(parents=True, exist_ok=True)
    (config / "common.conf").write_bytes((unpacked / "etc/fail2ban/filter.d/common.conf").read_bytes())
    (config / "restante.conf").write_bytes((FILTERS / "restante.conf").read_bytes())
    log = bed.dir / "mail.log"
    log.write_text("".join(line + "\n" for line in lines))
    done = subprocess.run(["/usr/bin/python3", unpacked / "usr/bin/fail2ban-regex", "-c", config.parent, "-o", "ip", log,
                           config / "restante.conf"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=50,
                          env={"PYTHONPATH": str(unpacked / "usr/lib/python3/dist-packages"), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"})
    equal(done.returncode, 0, f"fail2ban-regex: {done.stderr[-1000:]!r}")
    return done.stdout.decode().split()


def in_syslog(lines):
    """As a syslog daemon writes them to /var/log/mail.log: without the priority, with a host name."""
    return [re.sub(r"^<\d+>(\w{3} [ \d]\d [\d:]{8}) ", r"\1 mailhost ", line) for line in lines]


def quote(name):
    """As RFC 937 wants it: a backslash takes the next octet as it is."""
    return "".join("\\" + octet if octet in '\\ "' else octet for octet in name)


def refuse(bed, program, name):
    pop = getattr(bed, program)("--plaintext=always", login=None, log="syslog", how="tcp", address=PUBLIC_ADDRESS)
    words = {"pop3": f"USER {name}\r\nPASS wrong\r\nQUIT\r\n", "pop2": f"HELO {quote(name)} wrong\r\n"}
    pop.stream.send(words[program].encode())
    pop.stream.take_all(15)


@needs("root", "network")
@limit(90)
@each(("pop3", "pop3"), ("pop2", "pop2"))
def test_filter(bed, program):
    """Every refused login is one line of which the filter takes the true address, whatever name the client claims."""
    fail2ban(bed)
    log = bed.syslog()
    for name in HOSTILE:
        refuse(bed, program, name)
    refused = lambda: [line for line in log if "login failed:" in line]
    until(lambda: len(refused()) == len(HOSTILE), f"{len(HOSTILE)} refusals in the log: {log}")
    equal(matched(bed, in_syslog(log)), [PUBLIC_ADDRESS] * len(HOSTILE), "what would be banned")


@needs("root", "network")
@limit(60)
def test_filter_only_bans_failures(bed):
    """A login, its end, a client that leaves, one that may not send a password in clear: nobody is banned."""
    fail2ban(bed)
    log = bed.syslog()
    pop = bed.pop3("--plaintext=always", log="syslog", how="tcp", address=PUBLIC_ADDRESS)
    pop.quit()
    bed.pop3(login=None, log="syslog", how="tcp", address=PUBLIC_ADDRESS).quit()
    pop = bed.pop3("--plaintext=never", login=None, log="syslog", how="tcp", address=PUBLIC_ADDRESS)
    pop.err("USER alice")
    pop.quit()
    until(lambda: sum("closed before login" in line for line in log) == 2 and any("session end" in line for line in log),
          f"three ends in the log: {log}")
    equal(matched(bed, in_syslog(log)), [], "what would be banned")


@needs("root")
def test_filter_forged_lines(bed):
    """Lines that resemble ours are not ours."""
    prefix = "Nov 28 19:00:00 mailhost "
    good = 'login failed: peer=192.0.2.1 method=PASS attempt=1 reason=refused user="x"'
    equal(matched(bed, [prefix + "pop3d[1]: " + good]), ["192.0.2.1"], "a true line")
    equal(matched(bed, [prefix + line for line in (
        f"pop3d[1]: warning: {good}", f"pop3d[1]: {good} ", f"imapd[1]: {good}", f'pop3d[1]: {good[:-1]} y"',
        "pop3d[1]: " + good.replace("refused", "unavailable"), "pop3d[1]: " + good.replace("192.0.2.1", "local"))]), [],
        "what only resembles one")


@needs("root", "network", "sandbox", "nspawn")
@limit(90)
@each(("pop3d", "pop3d"), ("pop2d", "pop2d"))
def test_journal(bed, program):
    """The journal has each line and its fields; the line of a refusal is root's, what follows the login the user's."""
    machine = bed.machine()
    since = machine.mark()
    bed.put(b"")
    for name, password in ('bob"x', "wrong"), ("alice", "alicepw"):
        pop = (client.Pop3 if program == "pop3d" else client.Pop2)(machine.connect(program))
        if password == "wrong":
            words = f"USER {name}\r\nPASS wrong\r\nQUIT\r\n" if program == "pop3d" else f"HELO {quote(name)} wrong\r\n"
            pop.stream.send(words.encode())
            pop.stream.take_all(15)
        else:
            pop.login(name, password)
            pop.quit()
    entries = lambda: {entry["POP_EVENT"]: entry for entry in machine.journal(since)
                       if entry.get("SYSLOG_IDENTIFIER") == program and "POP_EVENT" in entry}
    until(lambda: "session-end" in entries(), "the end of the session in the journal")
    found = entries()
    failed, login, end = found["login-failed"], found["login"], found["session-end"]
    equal((failed["POP_USER"], failed["POP_PEER"], failed["POP_REASON"], failed["_UID"]),
          ("bob\\x22x", "127.0.0.1", "refused", "0"), "the refusal")
    equal((login["POP_USER"], login["POP_PEER"], login["_UID"]), ("alice", "127.0.0.1", "0"), "the login")
    equal((end["POP_USER"], end["POP_REASON"], end["POP_MESSAGES"], end["_UID"]), ("alice", "quit", "0", "4001"), "the end")
    for entry in found.values():
        for name, value in re.findall(r'([a-z]+)="?([^ "]*)', entry["MESSAGE"]):
            equal(entry[f"POP_{name.upper()}"], value, f"field {name} of {entry['MESSAGE']}")
    check(machine.run("journalctl", "-q", "-o", "cat", "_UID=0", "POP_EVENT=login-failed", "POP_PEER=127.0.0.1").strip(),
          "journalctl finds refusals by their fields")


@needs("root", "network", "sandbox", "nspawn", "logger")
@limit(90)
def test_filter_in_the_journal(bed):
    """What the filter asks the journal for: root's lines, and not one that a user has written himself."""
    machine = bed.machine()
    pop = client.Pop3(machine.connect("pop3d"))
    pop.ok("USER alice")
    pop.err("PASS wrong")
    pop.quit()
    forged = 'login failed: peer=192.0.2.66 method=PASS attempt=1 reason=refused user="x"'
    machine.run("setpriv", "--reuid=4001", "--regid=4001", "--clear-groups", "logger", "--id", "-t", "pop3d", forged)
    machine.run("setpriv", "--reuid=4001", "--regid=4001", "--clear-groups", "systemd-cat", "-t", "pop3d", "echo", forged)
    told = lambda *match: machine.run("journalctl", "-q", "-o", "short", "--no-hostname", *match).splitlines()
    until(lambda: sum(forged in line for line in told()) == 2, "both forged lines in the journal")
    match = re.search(r"(?m)^journalmatch = (.*)$", (FILTERS / "restante.conf").read_text())[1].split()
    lines = told(*match)
    check(any("peer=127.0.0.1" in line for line in lines) and not any(forged in line for line in lines), f"{lines}")
    text = [re.sub(r"^(\w{3} \d\d [\d:]{8}) ", r"\1 host ", line) for line in lines]
    banned = set(matched(bed, text))                # others have used this machine before
    check("127.0.0.1" in banned and "192.0.2.66" not in banned, f"who would be banned: {banned}")
