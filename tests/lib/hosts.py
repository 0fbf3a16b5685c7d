"""Several hosts on one machine: each has its own network, process numbers, name and mounts, but not its own kernel.

What they share is a directory that stands for a file system on the network, with mailboxes and state, seen in one of
three ways:

    same        both see the very same directory: one kernel's locks and caches
    fuse        each mounts it by itself through FUSE: own caches, own device number, and locks that a server forwards
    cached      the same, and what is known of a file is believed for half a minute, as it is by network file systems
    network     both see a directory that a network file system is mounted on, such as NFS on loopback: the environment
                variable SHARED names it

The locks that bindfs forwards keep hosts apart, but not processes of one host, because it asks for all of them itself:
within a host the dotlock alone counts. The kernel's NFS and Ceph clients keep both apart.

A host ends as a machine ends whose power fails: all its processes at once.
"""

import os
import shutil
import subprocess
from pathlib import Path

from . import server
from .suite import Failure, Skip, check, until

SHARED = os.environ.get("SHARED")     # read now: workers of the suite forget the environment
HERE = "192.0.2.1"                # where proxies of the tests listen: testbed.PUBLIC_ADDRESS
ADDRESSES = {"one": "192.0.2.11", "two": "192.0.2.12"}
SCRIPT = r"""
hostname "$1"; ip link set lo up
until ip link set eth0 up 2>/dev/null; do sleep 0.01; done
ip address add "$2/32" dev eth0; ip route add "$3" dev eth0
seen() {
    case $4 in
    fuse) bindfs -f --enable-lock-forwarding --multithreaded -o allow_other "$1/$2" "$3" & ;;
    cached) bindfs -f --enable-lock-forwarding --multithreaded -o allow_other,attr_timeout=30 "$1/$2" "$3" & ;;
    *) mount --bind "$1/$2" "$3" ;;
    esac
    until [ "$(stat -c %m "$3")" = "$3" ]; do sleep 0.01; done
}
if [ "$4" != same ]; then
    seen "$5" mail /var/mail "$4"; seen "$5" state /var/lib/restante "$4"
fi
address=$2; shift 5
exec systemd-socket-activate --inetd -a -l "$address:110" "$@"
"""


def ip(*arguments):
    done = subprocess.run(["ip", *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20)
    if done.returncode:
        raise Failure(f"ip {' '.join(arguments)}: {done.stdout.decode()}")


class Host:
    """One of them; it listens at .address, port 110."""

    def __init__(self, bed, name, way, shared, options):
        self.name, self.address, self.way = name, ADDRESSES[name], way
        self.log_path = bed.dir / f"host.{name}"
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                ["unshare", "--net", "--uts", "--pid", "--mount", "--ipc", "--fork", "--kill-child=KILL", "--mount-proc",
                 "sh", "-c", SCRIPT, "host", name, self.address, HERE, way, str(shared), *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=server.CLEAN_ENVIRONMENT, cwd="/")
        init = until(lambda: server.descendants(self.process.pid), f"host {name} to start")[0]
        until(lambda: os.readlink(f"/proc/{init}/ns/net") != os.readlink("/proc/self/ns/net"), "its network")
        self.pid = init
        ip("link", "add", f"to-{name}", "type", "veth", "peer", "name", "eth0", "netns", str(init))
        ip("link", "set", f"to-{name}", "up")
        ip("route", "add", self.address, "dev", f"to-{name}", "src", HERE)
        until(lambda: "Listening on" in self.log_path.read_text() or self.process.poll() is not None, f"host {name} to listen", 20)
        check(self.process.poll() is None, f"host {name}: {self.log_path.read_text()}")

    def command(self, *command):
        """What runs a command on this host, as root, below the root it has."""
        return ["nsenter", "-t", str(self.pid), "-m", "-u", "-n", "-p", "-i", "-r", "--", *command]

    def run(self, *command, data=b"", seconds=60):
        return subprocess.run(self.command(*command), input=data, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=seconds)

    def lives(self):
        return self.process.poll() is None

    def _buried(self):
        """All processes of the host that have lost their parents are ours to bury; its first one ends last."""
        for pid in server.descendants(os.getpid()):
            try:
                if server.parent_of(pid) == os.getpid() and len(server.Process(pid).status["NSpid"].split()) > 1:
                    os.waitpid(pid, os.WNOHANG)
            except (OSError, ChildProcessError):
                pass                                    # gone meanwhile
        return not os.path.exists(f"/proc/{self.pid}")

    def fail(self):
        """The power is off."""
        if self.lives():
            self.process.kill()
            self.process.wait()
            until(self._buried, f"the processes of host {self.name} to end", 20)
        subprocess.run(["ip", "link", "delete", f"to-{self.name}"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=20)


def ways():
    """The ways to share that a test is tried in."""
    return (("same", "same"), ("fuse", "fuse"), ("network", "network"))


def shared_directory(bed, way):
    """The directory that a way shares; skips where it cannot be had here."""
    if way == "same":
        return Path("/nonexistent")
    if way in ("fuse", "cached"):
        if not shutil.which("bindfs"):
            raise Skip("bindfs is not installed")
        if not os.access("/dev/fuse", os.R_OK | os.W_OK):
            raise Skip("no /dev/fuse")
        base = bed.dir / "shared"
    else:
        if not SHARED:
            raise Skip("no network file system here: SHARED= names a directory on one")
        base = Path(SHARED) / f"restante-test.{os.getpid()}"
    for name, like in ("mail", "/var/mail"), ("state", "/var/lib/restante"):
        (base / name).mkdir(parents=True, exist_ok=True)
        shutil.copystat(like, base / name)
        os.chown(base / name, os.stat(like).st_uid, os.stat(like).st_gid)
        (base / name).chmod(os.stat(like).st_mode & 0o7777)
    return base


class Site:
    """Hosts that share their mail. bed: a test's bed with root and network."""

    def __init__(self, bed, way, options=(), names=("one", "two")):
        for program in "ip", "nsenter", "systemd-socket-activate":
            if not shutil.which(program):
                raise Skip(f"{program} is not installed")
        self.bed, self.way = bed, way
        self.base = shared_directory(bed, way)
        self.mail = bed.spool if way == "same" else self.base / "mail"
        self.state = bed.state if way == "same" else self.base / "state"
        self.hosts = []
        bed._closers.append(self.close)
        for name in names:
            self.hosts.append(Host(bed, name, way, self.base, [bed.program("pop3d"), *options]))

    def mailbox(self, user="alice"):
        return self.mail / user

    def put(self, data, user="alice"):
        path = self.mailbox(user)
        path.write_bytes(data)
        path.chmod(0o660)
        self.bed.give(path, user)
        return path

    def close(self):
        """Returns what was wrong about the end, or ""."""
        trouble = ""
        for host in self.hosts:
            try:
                host.fail()
            except Failure as failure:
                trouble = str(failure)
        if self.way == "network":
            shutil.rmtree(self.base, ignore_errors=True)
        return trouble
