"""make deb: the same octets each time, nothing for lintian to say, and a life in a throw-away root: installed, logged
into, upgraded under a running session, removed, purged."""

import contextlib
import os
import shutil
import signal
import subprocess
from pathlib import Path

from lib import mbox, server
from lib.client import Pop3
from lib.suite import Skip, check, equal, limit, needs, until
from lib.testbed import USERS, bind, mount

PROJECT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**server.CLEAN_ENVIRONMENT, "DEBIAN_FRONTEND": "noninteractive", "HOME": "/root"}
MAIL = mbox.mailbox(3, 400)
MESSAGES = mbox.parse(MAIL)
# What dpkg and adduser keep for themselves.
NOT_OURS = ("/var/lib/dpkg", "/var/cache", "/var/log", "/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow", "/etc/subuid",
            "/etc/subgid", "/etc/.pwd.lock", "/var/backups", "/var/lib/systemd", "/etc/inetd.conf", "/var/mail", "/tmp", "/run",
            "/usr/share/man", "/proc", "/dev", "/var/lib/man-db")


def run(*command, status=0, seconds=200, **more):
    done = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=seconds, **{"env": ENVIRONMENT, **more})
    text = done.stdout.decode("utf-8", "replace")
    check(status is None or done.returncode == status, f"{command}: exit status {done.returncode}: {text[-3000:]}")
    return text


def build(folder, **environment):
    run("make", "-C", PROJECT, "deb", f"BUILD={folder}", env={**ENVIRONMENT, "DEB_BUILD_OPTIONS": "noautodbgsym", **environment}, seconds=500)
    package, = [path for path in (folder / "deb").glob("restante_*.deb")]
    return package


class Root:
    """A view of this system that a package can be installed into."""

    def __init__(self, bed):
        place = bed.dir / "root-of-package"
        for name in "up", "work", "root":
            (place / name).mkdir(parents=True)
        self.up, self.path = place / "up", place / "root"
        try:
            mount("overlay", self.path, "overlay", data=f"lowerdir=/,upperdir={self.up},workdir={place}/work")
        except OSError as error:
            raise Skip(f"no overlay over the root file system: {error}") from None
        bed._closers.append(lambda: run("umount", "-R", self.path) and "")
        bind("/proc", self.path / "proc")
        bind("/dev", self.path / "dev")
        bed.place.add_users(self.path / "etc")
        shutil.rmtree(self.path / "var/lib/restante", ignore_errors=True)
        # nothing may be started, whatever PID 1 is
        policy = self.path / "usr/sbin/policy-rc.d"
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
        for line in run("dpkg-query", "-W", "-f", "${Package} ${Provides}\\n").splitlines():
            if "pop3-server" in line.split()[1:]:
                raise Skip(f"{line.split()[0]} is installed on this machine")

    def run(self, *command, **more):
        return run("chroot", self.path, *command, **more)

    def file(self, name):
        return self.path / name.lstrip("/")

    def changes(self):
        """What is there and was not, or is otherwise."""
        found = set()
        for folder, _, names in os.walk(self.up):
            for name in names:
                path = "/" + str((Path(folder) / name).relative_to(self.up))
                if not path.startswith(NOT_OURS):
                    found.add(path)
        return found

    def session(self, bed):
        session = server.Session(["chroot", str(self.path), "/usr/sbin/pop3d", "--log=stderr"], "socketpair",
                                 bed.dir / f"log.{len(bed.sessions)}")
        bed.sessions.append(session)
        pop = Pop3(session.stream)
        pop.login("alice", "alicepw")
        pop.session = session
        return pop

    def put(self, user, data):
        path = self.file(f"/var/mail/{user}")
        path.write_bytes(data)
        os.chown(path, USERS[user][0], 8)
        path.chmod(0o660)
        return path


def inetd_lines(root):
    return [line for line in root.file("/etc/inetd.conf").read_text().splitlines() if "/usr/sbin/pop" in line]


def pending_record(bed):
    """A true record of an update that was killed; the larger, the later the kill may come."""
    for count in 12, 24, 48:
        if record := killed_update(bed, count):
            return record
    raise Skip("no update could be killed in its middle")


def killed_update(bed, count):
    """Returns the record, or None when the update had ended before it could be killed."""
    mail = mbox.mailbox(1, 5000) + mbox.mailbox(count, 5_000_000)
    path = bed.put(mail)
    pop = bed.pop3()
    pop.ok("DELE 1")
    written = path.stat().st_mtime_ns
    victims = [pop.session.pid, *server.descendants(pop.session.pid)]
    pop.stream.send(b"QUIT\r\n")
    until(lambda: path.stat().st_mtime_ns != written, "the mailbox to be written", 30)
    victims += [pid for pid in server.descendants(pop.session.pid) if pid not in victims]
    for number in signal.SIGSTOP, signal.SIGKILL:
        for pid in victims:
            with contextlib.suppress(ProcessLookupError):       # it ended by itself
                os.kill(pid, number)
    pop.stream.close()
    pop.session.wait()
    bed.sessions.remove(pop.session)
    for lock in path.parent.glob("*.lock"):
        lock.unlink()
    record, = (bed.state / "alice").glob("*.record")
    return record if path.stat().st_size == len(mail) else None         # an update that has ended has cut it


@needs("root", "network", "sandbox", "nspawn", "dpkg-buildpackage", "dh", "lintian")
@limit(1000)
def test_package(bed):
    package = build(bed.dir / "first")
    again = build(bed.dir / "second/elsewhere", TZ="Asia/Tokyo", LC_ALL="C.UTF-8", USER="somebody")
    equal(again.read_bytes() == package.read_bytes(), True, "two builds are the same octet by octet")
    said = run("lintian", "--allow-root", "--fail-on", "error,warning,info", package, seconds=120)
    equal([line for line in said.splitlines() if line[:2] in ("E:", "W:", "I:")], [], "what lintian says")

    root = Root(bed)
    before = root.changes()
    said = install(root, package)
    check("warning" not in said.lower(), said)
    look_at_installation(root)
    root.put("alice", MAIL)
    upgrade_under_a_session(bed, root, package)

    said = root.run("dpkg", "-r", "restante")
    equal([line[:8] for line in inetd_lines(root)], ["#<off># "] * 3, "inetd's lines after a removal")
    check(root.file("/var/lib/restante").is_dir(), "a removal keeps the state")
    said = root.run("dpkg", "-P", "restante")
    equal(root.changes() - before, set(), f"what a purge leaves; it said {said}")
    equal(inetd_lines(root), [], "inetd's lines")
    equal(root.run("getent", "passwd", "_restante", status=None), "", "the user")

    install(root, package)
    keep_what_is_pending(bed, root)
    with own_machine(bed) as machine:
        remove_under_systemd(bed, machine, package)


def install(root, package):
    shutil.copy(package, root.file("/root/restante.deb"))
    try:
        return root.run("dpkg", "-i", "/root/restante.deb")
    finally:
        root.file("/root/restante.deb").unlink()


@contextlib.contextmanager
def own_machine(bed):
    """A booted machine that this test may spoil; the worker's next test gets a new one."""
    def forget():
        if machine := bed.place._machine:
            machine.stop()
            run("umount", machine.root)
            shutil.rmtree(machine.dir)
            bed._closers[:] = [closer for closer in bed._closers if closer != machine.finish]
        bed.place._machine = None
    forget()
    try:
        yield bed.machine()
    finally:
        forget()


def remove_under_systemd(bed, machine, package):
    """Sockets and sessions are stopped by a removal, in good order, and nothing has failed."""
    machine.path("/usr/sbin/policy-rc.d").unlink(missing_ok=True)
    machine.path("/root/restante.deb").write_bytes(package.read_bytes())
    machine.run("dpkg", "-i", "/root/restante.deb", seconds=120)
    bed.put(MAIL)
    pop = Pop3(machine.connect("pop3d"))
    pop.login("alice", "alicepw")
    pop.ok("DELE 1")
    machine.run("dpkg", "-r", "restante", seconds=120)
    equal(pop.stream.take_all(20), b"", "what the session still got")
    equal(bed.mailbox().read_bytes() == MAIL, True, "nothing is removed without QUIT")
    states = machine.run("systemctl", "is-active", "pop3.socket", "pop2.socket", "restante.slice", status=None).split()
    equal(states, ["inactive"] * 3, "sockets and slice")
    equal(machine.run("systemctl", "--failed", "--plain", "--no-legend", "list-units", "pop*", "restante*"), "", "failed units")
    machine.run("dpkg", "-P", "restante", seconds=120)
    check(not machine.path("/var/lib/restante").exists(), "a purge leaves the state directory")


def look_at_installation(root):
    for unit in "pop3.socket", "pop2.socket", "restante-recover.service":
        check(not list(root.file("/etc/systemd/system").glob(f"*.wants/{unit}")), f"{unit} is enabled")
    lines = inetd_lines(root)
    equal([line.split()[:2] for line in lines], [["#<off>#", "pop3"], ["#<off>#", "pop3s"], ["#<off>#", "109"]], "lines for inetd, switched off")
    name, _, uid, _, _, home, shell = root.run("getent", "passwd", "_restante").strip().split(":")
    equal((home, shell), ("/", "/usr/sbin/nologin"), "the user")
    check(0 < int(uid) < 1000, f"uid {uid}")
    equal(root.run("stat", "-c", "%a %U %G", "/var/lib/restante").strip(), "771 root _restante", "the state directory")
    root.run("pop3d", "--check")
    root.run("pop2d", "--check")
    root.run("update-inetd", "--enable", "pop3")
    check(any(line.startswith("pop3\tstream\ttcp\tnowait.600\troot\t/usr/sbin/pop3d") for line in inetd_lines(root)), inetd_lines(root))


def upgrade_under_a_session(bed, root, package):
    """An open session ends as it began; settings and inetd's lines stay as the administrator left them."""
    pam = root.file("/etc/pam.d/pop3d")
    pam.write_text(pam.read_text() + "# ours\n")
    lines = inetd_lines(root)
    pop = root.session(bed)
    equal(pop.retr(1), MESSAGES[0].wire(), "message 1")
    pop.ok("DELE 2")
    install(root, package)
    equal(pop.retr(3), MESSAGES[2].wire(), "message 3")
    pop.quit()
    pop.session.finish()
    equal(root.file("/var/mail/alice").read_bytes(), MESSAGES[0].raw + MESSAGES[2].raw, "the mailbox")
    equal((inetd_lines(root), "# ours" in pam.read_text()), (lines, True), "settings after an upgrade")
    pop = root.session(bed)
    equal(pop.stat()[0], 2, "messages of the next session")
    pop.quit()
    pop.session.finish()


def keep_what_is_pending(bed, root):
    """A purge deletes everything but the record of an interrupted update, and says where it is."""
    record = pending_record(bed)
    there = root.file(f"/var/lib/restante/alice/{record.name}")
    there.parent.mkdir(mode=0o700)
    shutil.copy(record, there)
    (there.parent / "0.session").touch()
    for path in there.parent, there, there.parent / "0.session":
        os.chown(path, *[USERS["alice"][0]] * 2)
    root.file("/var/mail/alice").unlink()
    root.run("pop3d", "--recover", status=75)               # it is pending
    said = root.run("dpkg", "-P", "restante")
    equal([path.name for path in root.file("/var/lib/restante").rglob("*") if path.is_file()], [record.name], "what a purge leaves")
    check(there.name in said and "only copy of mail" in said, said)
    equal(there.read_bytes() == record.read_bytes(), True, "the record")
