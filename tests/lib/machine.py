"""A machine: Debian with systemd as PID 1, in which restante is installed as `make install` does it, with the shipped units.

It is a view of this system (an overlay in the memory of the worker's namespace) that systemd-nspawn boots, in about a
second, once for each worker that asks: bed.machine(). It has the users of the test bed, real mailboxes in the same
/var/mail and homes in the same /home, and the network of the worker, so that ordinary clients reach its ports 110 and
109 at 127.0.0.1. What a test changes in it otherwise (units, PAM services, configuration) the test has to put back.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from . import server
from .client import Stream
from .suite import Failure, Skip, check, until

# Nothing but what a mail server needs; some would look for hardware, some would be somebody else's service.
MASKED = """apt-daily.timer apt-daily-upgrade.timer dbus.service dbus.socket e2scrub_all.timer e2scrub_reap.service
    fstrim.timer getty.target ldconfig.service man-db.timer systemd-binfmt.service systemd-firstboot.service
    systemd-journal-catalog-update.service systemd-journal-flush.service systemd-logind.service
    systemd-machine-id-commit.service systemd-modules-load.service systemd-networkd.service systemd-pstore.service
    systemd-resolved.service systemd-sysctl.service systemd-timesyncd.service systemd-udevd.service
    systemd-udev-trigger.service systemd-update-done.service proc-sys-fs-binfmt_misc.automount""".split()
INSIDE = ["-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w"]     # with its root: the machine's files, never this system's
PORTS = {"pop3d": 110, "pop2d": 109}


def why_not():
    """Why no machine can be booted here; "" if one can, as far as one can tell without trying."""
    for program in "systemd-nspawn", "nsenter", "unshare", "make":
        if not shutil.which(program):
            return f"{program} is not installed"
    if not Path("/lib/systemd/systemd").exists():
        return "systemd is not installed"
    if "cgroup2" not in Path("/proc/filesystems").read_text():
        return "the kernel has no cgroup2"
    return ""                         # whether there are overlays is seen when one is made: they may be a module


class Machine:
    def __init__(self, place):
        """place: the worker's testbed.Place."""
        self.place, self.dir = place, place.dir / "machine"
        self.root = self.dir / "root"
        self._process, self.pid, self._trouble, self._streams = None, None, None, []

    def make(self, mount):
        """Once. mount: testbed.mount."""
        try:
            for name in "up", "work", "root":
                (self.dir / name).mkdir(parents=True)
            try:
                mount("overlay", self.root, "overlay", data=f"lowerdir=/,upperdir={self.dir}/up,workdir={self.dir}/work")
            except OSError as error:
                raise Skip(f"no overlay over the root file system: {error}") from None
            self._prepare()
            self._install()
            self.boot()
        except Exception as trouble:
            self._trouble = trouble                     # the next test need not wait for it again
            raise

    def usable(self):
        if self._trouble:
            raise self._trouble
        if self.pid is None:                            # a test had switched it off
            self.boot()
        return self

    # Before it boots.

    def _prepare(self):
        etc = self.root / "etc"
        units = etc / "systemd/system"
        for path in [*units.glob("*.wants"), *etc.glob("rc?.d")]:
            shutil.rmtree(path)
        for unit in MASKED:
            (units / unit).unlink(missing_ok=True)
            (units / unit).symlink_to("/dev/null")
        (etc / "machine-id").unlink(missing_ok=True)
        (etc / "machine-id").write_text("")
        (etc / "fstab").write_text("")
        (etc / "hostname").write_text("testbed\n")
        self.place.add_users(etc)

    def _install(self):
        """As README says, but for the units, which are enabled for the boot to come."""
        project = Path(__file__).parents[2]
        done = subprocess.run(["make", "-C", project, "-o", "all", "install", f"DESTDIR={self.root}", "PREFIX=/usr",
                               f"BUILD={self.place.build}"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=60)
        check(done.returncode == 0, f"make install: {done.stdout[-2000:].decode('utf-8', 'replace')}")
        self._here("systemd-sysusers", f"--root={self.root}")
        self._here("systemctl", f"--root={self.root}", "enable", "pop3.socket", "pop2.socket", "restante-recover.service")

    def _here(self, *command):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        check(done.returncode == 0, f"{' '.join(command)}: {done.stdout[-2000:].decode('utf-8', 'replace')}")

    # Its life.

    def boot(self):
        console = self.dir / "console"
        keep, self._life = os.pipe()
        with open(console, "wb") as log:
            self._process = subprocess.Popen(
                ["unshare", "-m", "--propagation", "private", Path(__file__).with_name("machine.sh"), self.root,
                 "--bind=/var/mail", "--bind=/home"], stdin=keep, stdout=log, stderr=log, start_new_session=True)
        os.close(keep)
        said = lambda: f"; the console: {console.read_text('utf-8', 'replace')[-1500:]}"
        try:
            self.pid = until(self._find_init, "systemd as PID 1", 20)
        except Failure as failure:
            self.stop()
            raise Skip(f"systemd-nspawn boots nothing here: {failure}{said()}") from None
        try:
            until(self._is_up, "the machine being up", 40)
        except Failure as failure:
            raise Failure(f"{failure}{said()}") from None

    def _find_init(self):
        """systemd-nspawn's grandchild: the one that is PID 1 in there and has become systemd."""
        check(self._process.poll() is None, "systemd-nspawn ended")
        for pid in server.descendants(self._process.pid):
            try:
                status = Path(f"/proc/{pid}/status").read_text()
                if re.search(r"(?m)^NSpid:\s+\d+\s+1$", status) and os.readlink(f"/proc/{pid}/exe").endswith("/systemd"):
                    return pid
            except OSError:
                continue
        return None

    def _is_up(self):
        check(self._process.poll() is None, "systemd-nspawn ended")
        state = self._run(["systemctl", "is-system-running"]).stdout.decode().strip()
        check(state not in ("maintenance", "stopping"), f"the machine is {state}")
        return state in ("running", "degraded")

    def stop(self):
        """Everything in it is killed; what it had on its disk stays for the next boot()."""
        if self._process is None:
            return
        inside, self.pid = self.pids() - {self._process.pid}, None
        os.close(self._life)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        until(lambda: not any(self._lives(pid) for pid in inside), "the processes of the machine to be gone")
        self._process = None

    @staticmethod
    def _lives(pid):
        """A dead one is buried, if it has become ours with the death of systemd-nspawn."""
        try:
            return os.waitpid(pid, os.WNOHANG)[0] == 0
        except ChildProcessError:
            return Path(f"/proc/{pid}").exists()

    def pids(self):
        """All its processes, and what keeps it, as this side sees them."""
        return {self._process.pid, *server.descendants(self._process.pid)} if self._process else set()

    # What tests do with it.

    def run(self, *command, status=0, text=b"", seconds=60):
        """A command in there; returns its standard output. status: the exit status to expect; None: any."""
        done = self._run(command, text, seconds)
        check(status is None or done.returncode == status,
              f"{' '.join(map(str, command))}: exit status {done.returncode}: {done.stderr[-1000:]!r} {done.stdout[-1000:]!r}")
        return done.stdout.decode("utf-8", "replace")

    def _run(self, command, text=b"", seconds=60):
        try:
            return subprocess.run(["nsenter", "-t", str(self.pid), *INSIDE, "--", *map(str, command)], input=text,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=server.CLEAN_ENVIRONMENT, timeout=seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"in the machine, {' '.join(map(str, command))} did not end in {seconds} s") from None

    def path(self, name):
        """A file of the machine as it is there now, /run and /tmp included."""
        return Path(f"/proc/{self.pid}/root", str(name).lstrip("/"))

    def connect(self, program="pop3d", address="127.0.0.1", port=None, source=""):
        """A Stream to the socket of pop3d or pop2d, or to another port."""
        sock = socket.create_connection((address, port or PORTS[program]), 20, (source, 0))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._streams.append(Stream.of(sock))
        return self._streams[-1]

    def monitors(self, program="pop3d"):
        """The Rooms of every session that lives."""
        return [server.Rooms(pid) for pid in server.descendants(self.pid)
                if server.parent_of(pid) == self.pid and self._executes(pid, f"/usr/sbin/{program}")]

    def _executes(self, pid, path):
        """By the file itself: how its path is spelled depends on whose root one looks from."""
        try:
            return os.path.samestat(os.stat(f"/proc/{pid}/exe"), os.stat(self.path(path)))
        except OSError:
            return False

    def mark(self):
        """From here on journal() tells what happens."""
        return self._entries(["-n", "1"])[-1]["__CURSOR"]

    def journal(self, since):
        """The entries since that mark, as dictionaries: MESSAGE, PRIORITY, _SYSTEMD_UNIT, SYSLOG_IDENTIFIER..."""
        return self._entries([f"--after-cursor={since}"])       # which loses entries when there is a filter, too

    def _entries(self, options):
        lines = self.run("journalctl", "-q", "-o", "json", "--all", *options).splitlines()
        return [json.loads(line) for line in lines]

    def log(self, since, program):
        """What sessions of that program logged since that mark."""
        return [str(entry.get("MESSAGE")) for entry in self.journal(since) if entry.get("SYSLOG_IDENTIFIER") == program]

    def units(self, pattern):
        """{name: active state} of units that systemd knows."""
        lines = self.run("systemctl", "list-units", "--all", "--plain", "--no-legend", pattern).splitlines()
        return {line.split()[0]: line.split()[2] for line in lines}

    def notes(self):
        """The last that its journal says, for the reader of a failure."""
        try:
            lines = self.run("journalctl", "-q", "-n", "15", "-o", "short-monotonic").splitlines()
        except Failure as failure:
            lines = [str(failure)]
        return "".join(f"\n  journal: {line}" for line in lines)

    def finish(self):
        """The end of a test: no session is left, and no state. Returns what was wrong, or ""."""
        for stream in self._streams:
            if not stream.closed:
                stream.close()
        self._streams.clear()
        if self.pid is None:
            return ""
        try:
            until(lambda: not self.units("pop[23]*@*.service"), "all sessions of the machine to end")
        except Failure as failure:
            return f"{failure}{self.notes()}"
        for entry in self.path("/var/lib/restante").iterdir():
            entry.unlink() if entry.is_file() else shutil.rmtree(entry)
        return ""
