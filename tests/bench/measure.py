"""What the bench measures with: the place, the servers in it, the client, and medians of turns."""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import boxes
import chart
import servers
from lib import testbed

PASSWORD = "alicepw"
PACKAGES = "popa3d", "dovecot-pop3d", "mailutils-pop3d", "solid-pop3d", "courier-pop"   # the first covers the others
PAM_NAMES = "popa3d", "solid-pop3d", "dovecot", "pop3", "pop3d", "mailutils-pop3d", "pop2d"
SYSTEM_USERS = "popa3d", "solid-pop3d", "spop3d", "dovecot", "dovenull", "courier"
FIRST_UID = 5000
SLOW = 5                # seconds: who takes longer for a turn has one


class Bench:
    def __init__(self, directory, build, results, quick):
        self.dir, self.build, self.results = Path(directory), Path(build), Path(results)
        self.rows, self.lost = [], []
        self.quick, self.rounds = quick, 2 if quick else 5
        self.servers = {}

    def tool(self, name):
        return str(self.build / "tests/bench" / name)

    def box(self, name):
        return boxes.write_mailbox(self.dir / name, name)

    # The place: the peers' files over /usr, users, PAM.

    def enter(self):
        peers = self.build / "tests/peers"
        there = [name for name in PACKAGES if (peers / name / "done").exists()]
        testbed.Place(self.dir / "place", self.build, "")
        if there:
            testbed.mount("overlay", "/usr", "overlay", 1, ",".join(
                ["lowerdir=" + ":".join([*(str(peers / name / "usr") for name in there), "/usr"])]))
        for name in there:
            if (peers / name / "etc").is_dir():
                subprocess.run(["cp", "-rn", f"{peers / name / 'etc'}/.", "/etc/"], check=True)
        testbed.mount("bench", "/run", "tmpfs")
        if "solid-pop3d" in there:          # it ends where it has no directory of bulletins
            Path("/etc/spop3d.conf").write_text('<Global>\n\tMailDropName "/var/mail/%s"\n\tMailDropType mailbox\n'
                                                '\tAddBulletins no\n</Global>\n')
        for name in PAM_NAMES:
            Path("/etc/pam.d", name).write_text(testbed.PAM_SERVICE)
        self.make_servers(there)
        self.make_users()
        for name in "/run/popa3d", "/var/lib/popa3d":
            Path(name).mkdir(mode=0o755, exist_ok=True)

    def make_servers(self, there):
        uid = FIRST_UID + len(SYSTEM_USERS)
        for name, port, argv, kind, package in servers.table(str(self.build / "sbin/pop3d"),
                                                             str(self.build / testbed.STATIC / "pop3d"),
                                                             self.tool("skeleton"), self.dir / "secrets"):
            uid += 10
            if package and package not in there:
                self.lost.append(f"{name}: the package {package} could not be had")
            else:
                self.servers[name] = kind(self, name, port, argv, uid)

    def make_users(self):
        hashed = testbed.shadow_hash(testbed.USERS["alice"][2]).lstrip("!")
        passwd, shadow, group = [], [], []
        for uid, system in enumerate(SYSTEM_USERS, FIRST_UID):
            passwd.append(f"{system}:x:{uid}:{uid}::/nonexistent:/usr/sbin/nologin\n")
            group.append(f"{system}:x:{uid}:\n")
        for server in self.servers.values():
            for user in server.users():
                uid = server.uid_of(user)
                passwd.append(f"{user}:x:{uid}:{uid}::/home/{user}:/bin/sh\n")
                shadow.append(f"{user}:{hashed}:19000:0:99999:7:::\n")
                group.append(f"{user}:x:{uid}:\n")
                Path("/home", user).mkdir()
                os.chown(f"/home/{user}", uid, uid)
        for name, lines in ("passwd", passwd), ("shadow", shadow), ("group", group):
            with open(f"/etc/{name}", "a", encoding="ascii") as file:
                file.writelines(lines)
        secrets = self.dir / "secrets"
        secrets.write_text("".join(f"{user}\t{PASSWORD}\n" for name in ("file", "static-file")
                                   for user in self.servers[name].users()))
        secrets.chmod(0o600)

    # Measuring.

    def client(self, server, scenario, argument=None, acks="quick", limit=240):
        """[us, octets, messages], or None where the server fails."""
        arguments = [self.tool("client"), str(server.port), server.user, PASSWORD, acks, scenario]
        try:
            done = subprocess.run([*arguments, *([argument] if argument else [])], stdin=subprocess.DEVNULL, timeout=limit,
                                  capture_output=True, text=True)
        except subprocess.TimeoutExpired:
            return self.lose(server, scenario, "over time")
        if done.returncode:
            return self.lose(server, scenario, done.stderr.strip() or str(done.returncode))
        return [int(word) for word in done.stdout.split()]

    def lose(self, server, scenario, why):
        if not any(said.startswith(f"{server.name}: {scenario}:") for said in self.lost):
            self.lost.append(f"{server.name}: {scenario}: {why}")
            print("    " + self.lost[-1], flush=True)

    def chosen(self, *names):
        return [self.servers[name] for name in names if name in self.servers]

    def medians(self, taking_part, measure, rounds=None):
        """{name: median} of measure(server), in turns. Who fails, or is slow, has no further turn."""
        got, out = {server.name: [] for server in taking_part}, set()
        for _ in range(rounds or self.rounds):
            for server in taking_part:
                if server.name in out:
                    continue
                begin = time.monotonic()
                value = measure(server)
                if value is not None:
                    got[server.name].append(value)
                if value is None or time.monotonic() - begin > SLOW:
                    out.add(server.name)
        return {name: statistics.median(values) if values else None for name, values in got.items()}

    def wall(self, scenario, argument=None, acks="quick"):
        """Milliseconds."""
        def measure(server):
            got = self.client(server, scenario, argument, acks)
            return got and got[0] / 1000
        return measure

    def speed(self, scenario, argument=None, acks="quick"):
        """MB/s."""
        def measure(server):
            got = self.client(server, scenario, argument, acks)
            return got and got[1] / got[0]
        return measure

    def used(self, scenario, which):
        def measure(server):
            mark = server.mark()
            if self.client(server, scenario) is None:
                return None
            used = server.cpu_and_rss(mark)
            return used[0][which] / 1000 if used else None
        return measure

    def cpu(self, scenario):
        """Milliseconds of all processes of a session."""
        return self.used(scenario, 0)

    def largest(self, scenario):
        """MB of the largest process of a session."""
        return self.used(scenario, 1)

    # Rows: (name, unit, better, {server: value}, goal). The first server of a row is what the others are compared with.

    def row(self, name, unit, values, goal="", better="less"):
        values = {key: value for key, value in values.items() if value is not None}
        self.rows.append((name, unit, better, values, goal))
        print(f"{name:46} {unit:5}  {cells(values)}" + (f"   [{goal}]" if goal else ""), flush=True)
        self.write()                            # a run that is stopped leaves what it has

    def write(self):
        title = title_of(self)
        lines = [title, "", "Medians; behind each in brackets: how many times the first. Goals in square brackets.", ""]
        for name, unit, better, values, goal in self.rows:
            lines.append(f"{name} [{unit}{', more is better' if better == 'more' else ''}]\n    {cells(values)}"
                         + (f"   [{goal}]" if goal else ""))
        if self.lost:
            lines += ["", "Not measured:", *(f"    {line}" for line in self.lost)]
        lines += ["", Path(__file__).with_name("floors.txt").read_text().rstrip()]
        self.results.mkdir(parents=True, exist_ok=True)
        (self.results / "bench.txt").write_text("\n".join(lines) + "\n")
        (self.results / "bench.svg").write_text(chart.draw(self.rows, title))


def cells(values):
    first = next(iter(values.values()), None)
    return "  ".join(f"{key} {chart.number(value, 4)}" + (f" ({value / first:.2f})" if at and first else "")
                     for at, (key, value) in enumerate(values.items()))


def machine():
    model = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), os.uname().machine)
    return f"{model}, {os.cpu_count()} processors, Linux {os.uname().release.split('-')[0]}"


def title_of(bench):
    given = "".join(f"{name}='{os.environ[name]}' " for name in ("QUICK", "ROWS", "ROUNDS") if os.environ.get(name))
    return f"{machine()}; {time.strftime('%Y-%m-%d')}; {given}make bench; load {os.getloadavg()[1]:.1f}"


def entered(script, run):
    """The body of a script of BUILD and RESULTS: run(directory, build, results) in a mount namespace of its own."""
    build, results = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    if len(sys.argv) > 3:
        run(sys.argv[3], build, results)
        return 0
    directory = tempfile.mkdtemp(prefix="restante-bench-")
    os.chmod(directory, 0o755)
    try:
        return subprocess.run(["unshare", "-m", "--propagation", "private", sys.executable, "-B", script,
                               build, results, directory], check=False).returncode
    finally:
        shutil.rmtree(directory, ignore_errors=True)


# Memory.

def pss(pid):
    """KiB."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def descendants(pid):
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        found += [int(child), *descendants(int(child))]
    return found


def idle(bench, count):
    """KiB of count sessions that were greeted, less the server alone."""
    def measure(server):
        before = sum(map(pss, descendants(server.root())))
        client = subprocess.Popen([bench.tool("client"), str(server.port), server.user, "x", "quick", "idle", str(count)],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if client.stdout.readline() != "ready\n":
            client.wait()
            return bench.lose(server, "idle", f"{count} sessions")
        time.sleep(0.3)
        total = sum(map(pss, descendants(server.root()))) - before
        client.communicate("")
        time.sleep(0.3)
        return total
    return measure
