"""The servers that the bench measures: how each is started, who its users are, and where their mail lies."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import boxes

LOAD = 8                # users more of each server, for the row with as many clients at once


class Server:
    """One program on its port, started by our inetd, with mboxes in /var/mail."""

    ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}

    def __init__(self, bench, name, port, argv, first_uid):
        self.bench, self.name, self.port, self.argv, self.uid = bench, name, port, argv, first_uid
        self.user = f"u-{name}"
        self.process = None
        self.log = None

    def users(self):
        return [self.user, *(f"{self.user}{i}" for i in range(LOAD))]

    def uid_of(self, user):
        return self.uid + self.users().index(user)

    def start(self):
        self.log = self.bench.dir / f"{self.name}.log"
        with open(self.log, "wb") as out:
            self.process = subprocess.Popen([self.bench.tool("inetd"), str(self.port), *self.argv], stdin=subprocess.DEVNULL,
                                            stdout=out, stderr=out, cwd="/", env=self.ENVIRONMENT)

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(10)

    def root(self):
        return self.process.pid

    def spool(self, user=None):
        return Path("/var/mail", user or self.user)

    def forget(self):
        """What makes the next session the first. The progress record stays: it is made once in a user's life."""
        for kind in "index", "sizes":
            for file in Path("/var/lib/restante", self.user).glob(f"*.{kind}"):
                file.unlink()

    def put(self, name, user=None):
        """Gives the user a fresh copy of a box; without a name, nothing."""
        spool = self.spool(user)
        for path in spool, Path(f"{spool}.lock"):
            path.unlink(missing_ok=True)
        if name:
            subprocess.run(["cp", self.bench.box(name), spool], check=True)
            os.chown(spool, self.uid_of(user or self.user), 8)
            os.chmod(spool, 0o660)
            old = time.time() - 100
            os.utime(spool, (old, old))
        self.forget()

    def deliver(self, count, octets):
        with open(self.spool(), "ab") as file:
            for number in range(count):
                file.write(boxes.message(10_000_000 + number, octets))

    def cpu_and_rss(self, before):
        """[(cpu us, rss KiB)] of the sessions that ended behind the mark."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            lines = self.log.read_text().splitlines()[before:]
            if lines:
                return [tuple(map(int, line.split())) for line in lines if len(line.split()) == 2]
            time.sleep(0.002)
        return []

    def mark(self):
        return len(self.log.read_text().splitlines())


class Maildir(Server):
    """The same over Maildirs."""

    def spool(self, user=None):
        return Path("/home", user or self.user, "Maildir")

    def put(self, name, user=None):
        boxes.write_maildir(self.spool(user), name, self.uid_of(user or self.user))
        self.forget()

    def deliver(self, count, octets):
        for number in range(count):
            boxes.deliver(self.spool(), self.uid, time.monotonic_ns(), octets)


DOVECOT = """
protocols = pop3
listen = 127.0.0.1
base_dir = /run/%NAME%
log_path = /run/%NAME%.log
ssl = no
disable_plaintext_auth = no
mail_location = mbox:~/mail:INBOX=/var/mail/%u
mail_privileged_group = mail
mail_access_groups = mail
mbox_write_locks = fcntl
first_valid_uid = 1000
default_internal_user = dovecot
default_login_user = dovenull
mail_max_userip_connections = 1000
passdb {
  driver = pam
  args = dovecot
}
userdb {
  driver = passwd
}
service pop3-login {
  process_limit = 1000
  inet_listener pop3 {
    port = %PORT%
  }
  inet_listener pop3s {
    port = 0
  }
}
service pop3 {
  process_limit = 1000
}
service auth {
  client_limit = 5000
}
service anvil {
  client_limit = 5000
}
"""


class Dovecot(Server):
    """Its own daemon."""

    CHANGES = ()

    def start(self, changes=(), under=()):
        """under: a program that runs it."""
        config = self.bench.dir / f"{self.name}.conf"
        text = DOVECOT.replace("%PORT%", str(self.port)).replace("%NAME%", self.name)
        for before, after in (*self.CHANGES, *changes):
            text = text.replace(before, after)
        config.write_text(text)
        self.log = self.bench.dir / f"{self.name}.log"
        self.log.touch()
        self.process = subprocess.Popen([*under, "/usr/sbin/dovecot", "-F", "-c", str(config)], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def forget(self):
        for user in self.users():
            shutil.rmtree(f"/home/{user}/mail", ignore_errors=True)

    def cpu_and_rss(self, before):
        return []


class DovecotMaildir(Dovecot, Maildir):
    CHANGES = (("mbox:~/mail:INBOX=/var/mail/%u", "maildir:~/Maildir"),)

    def forget(self):
        for file in self.spool().glob("dovecot*"):
            file.unlink()


class Courier(Maildir):
    """Its own authentication daemon. The rest is what couriertcpd tells its programs, who end without it."""

    ENVIRONMENT = {**Server.ENVIRONMENT, "TCPREMOTEIP": "127.0.0.1", "TCPREMOTEPORT": "1024", "TCPLOCALIP": "127.0.0.1",
                   "TCPLOCALPORT": "110", "MAILDIRPATH": "Maildir"}

    def start(self):
        Path("/run/courier/authdaemon").mkdir(parents=True, exist_ok=True)
        Path("/etc/courier/authdaemonrc").write_text(
            'authmodulelist="authpam"\nauthmodulelistorig="authpam"\ndaemons=5\nauthdaemonvar=/run/courier/authdaemon\n'
            'DEBUG_LOGIN=0\nDEFAULTOPTIONS=""\nLOGGEROPTS=""\n')
        self.daemon = subprocess.Popen(["/usr/lib/courier/courier-authlib/authdaemond"], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        super().start()

    def stop(self):
        super().stop()
        self.daemon.terminate()
        self.daemon.wait(10)

    def forget(self):
        for file in self.spool().glob("courier*"):
            file.unlink()


def table(ours, static, skeleton, secrets):
    """(name, port, argv, kind, package) of each; "" is no package, but what was built here."""
    by_file, files = ["--auth=file", f"--secrets={secrets}"], ["--maildrop=maildir:%h/Maildir"]
    return [
        ("restante", 11001, [ours], Server, ""),
        ("file", 11002, [ours, *by_file], Server, ""),
        ("static", 11021, [static], Server, ""),
        ("static-file", 11022, [static, *by_file], Server, ""),
        ("maildir", 11023, [ours, *files], Maildir, ""),
        ("skeleton", 11008, [skeleton], Server, ""),
        ("popa3d", 11003, ["/usr/sbin/popa3d"], Server, "popa3d"),
        ("solid", 11004, ["/usr/sbin/solid-pop3d"], Server, "solid-pop3d"),
        ("mailutils", 11005, ["/usr/sbin/pop3d", "--inetd"], Server, "mailutils-pop3d"),
        ("courier", 11007, ["-/usr/lib/courier/courier/courierpop3login", "/usr/lib/courier/courier/courierpop3d", "Maildir"],
         Courier, "courier-pop"),
        ("dovecot", 11006, [], Dovecot, "dovecot-pop3d"),
        ("dovecot-maildir", 11026, [], DovecotMaildir, "dovecot-pop3d"),
    ]
