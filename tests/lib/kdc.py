"""A throw-away Kerberos 5 realm in the bed: a KDC on loopback, a keytab for pop/localhost, principals for the users."""

import os
import socket
import subprocess
import time
from pathlib import Path

from .server import CLEAN_ENVIRONMENT
from .suite import Skip, check

REALM = "TEST.EXAMPLE"
CONFIG = """[libdefaults]
 default_realm = {realm}
 dns_lookup_kdc = false
 dns_lookup_realm = false
 dns_canonicalize_hostname = false
 rdns = false
 qualify_shortname = ""
 udp_preference_limit = 1
 clockskew = {skew}
{more}
[realms]
 {realm} = {{
  kdc = 127.0.0.1:{port}
{rules}
 }}
[domain_realm]
 localhost = {realm}
 other.example = {realm}
"""
KDC_CONFIG = """[kdcdefaults]
 kdc_listen = 127.0.0.1:{port}
 kdc_tcp_listen = 127.0.0.1:{port}
[realms]
 {realm} = {{
  database_name = {dir}/principal
  key_stash_file = {dir}/stash
  acl_file = {dir}/kadm5.acl
  max_life = 1h
  supported_enctypes = aes256-cts:normal aes128-cts:normal
 }}
[dbdefaults]
[dbmodules]
 db_module_dir = {modules}
[logging]
 kdc = FILE:{dir}/kdc.log
"""


class Kdc:
    def __init__(self, bed, skew=300, rules="", more=""):
        if reason := bed.place.missing("root"):
            raise Skip(reason)                          # the library reads /etc/krb5.conf, which is ours to write in a namespace
        self.bed, self.dir = bed, bed.dir / "kdc"
        self.dir.mkdir(mode=0o700)
        self._find_programs(bed)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self._conf = Path("/etc/krb5.conf")
        self._conf.write_text(CONFIG.format(realm=REALM, skew=skew, port=port, rules=rules, more=more))
        (self.dir / "kdc.conf").write_text(KDC_CONFIG.format(realm=REALM, port=port, dir=self.dir, modules=self._modules))
        (self.dir / "kadm5.acl").write_text("")
        self.environment = {**CLEAN_ENVIRONMENT, "KRB5_KDC_PROFILE": str(self.dir / "kdc.conf")}
        self._run(self._util, "create", "-s", "-P", "master", "-r", REALM)
        self.admin(*(f"addprinc -pw {user}pw {user}" for user in ("alice", "bob", "dave", "root", "stranger")),
                   *(f"addprinc -randkey {service}" for service in ("pop/localhost", "imap/localhost", "pop/other.example")))
        self.keytab = self.write_keytab("keytab", "pop/localhost", "imap/localhost")
        self._start()
        bed._closers.append(self.close)

    def _find_programs(self, bed):
        packages = bed.place.build / "tests"
        kdc, admin = packages / "krb5-kdc", packages / "krb5-admin-server/usr/sbin/kadmin.local"
        self._kdc, self._util, self._admin = kdc / "usr/sbin/krb5kdc", kdc / "usr/sbin/kdb5_util", admin
        for program in self._kdc, self._util, self._admin:
            if not program.exists():
                raise Skip(f"{program.name} is not unpacked: make test-deps")
        self._modules = next(kdc.glob("usr/lib/*/krb5/plugins/kdb"))

    def _run(self, *command, text=""):
        done = subprocess.run(command, input=text.encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env=self.environment, cwd=self.dir, timeout=30)
        check(done.returncode == 0, f"{command}: {done.stdout.decode('latin-1')}")
        return done.stdout.decode("latin-1")

    def admin(self, *commands):
        self._run(self._admin, "-r", REALM, text="\n".join(commands) + "\n")

    def write_keytab(self, name, *principals):
        path = self.dir.parent / name
        self.admin(*(f"ktadd -norandkey -k {path} {principal}" for principal in principals))
        check(path.exists(), f"no {path}")
        path.chmod(0o600)
        return path

    def _start(self):
        with open(self.dir / "out", "wb") as out:
            self._process = subprocess.Popen([self._kdc, "-n", "-P", self.dir / "pid"], stdin=subprocess.DEVNULL, stdout=out,
                                             stderr=out, env=self.environment, cwd=self.dir)
        log, deadline = self.dir / "kdc.log", time.monotonic() + 20
        while not (log.exists() and "commencing operation" in log.read_text()):
            check(self._process.poll() is None and time.monotonic() < deadline,
                  f"the KDC does not start: {(self.dir / 'out').read_text()} {log.read_text() if log.exists() else ''}")
            time.sleep(0.02)

    def ticket(self, user, *options, name="ccache"):
        """The environment of somebody who has just said kinit."""
        environment = {**CLEAN_ENVIRONMENT, "KRB5CCNAME": f"FILE:{self.bed.dir}/{name}.{user}"}
        done = subprocess.run(["kinit", *options, user], input=f"{user}pw\n".encode(), env=environment, timeout=30,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        check(done.returncode == 0, f"kinit {user}: {done.stdout.decode('latin-1')}")
        return environment

    def close(self):
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._conf.unlink(missing_ok=True)


class Initiator:
    """The compiled client (tests/tools/initiator.c), which does one step at a time."""

    def __init__(self, bed, environment, target="pop@localhost", mutual=True):
        self._process = subprocess.Popen([bed.place.build / "tests/tools/initiator"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=subprocess.DEVNULL, env=environment, text=True)
        bed._closers.append(self.close)
        self._ask(f"target {target}{' mutual' if mutual else ''}")

    def _ask(self, line):
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().split()
        check(answer and answer[0] != "failed", f"{line[:60]}: {' '.join(answer)}")
        return answer[0], b"" if answer[-1] in ("-", "ok") else bytes.fromhex(answer[-1])

    def fatten(self, count, service="pop/localhost"):
        """The ticket will carry so many octets more. Once for each ticket()."""
        self._ask(f"fatten {service} {count}")

    def token(self, octets=b""):
        """(whether it is complete, what to send)"""
        word, answer = self._ask(f"token {octets.hex() or '-'}")
        return word == "done", answer

    def unwrap(self, octets):
        return self._ask(f"unwrap {octets.hex() or '-'}")[1]

    def wrap(self, octets):
        return self._ask(f"wrap {octets.hex() or '-'}")[1]

    def close(self):
        if self._process.poll() is None:
            self._process.stdin.close()
            self._process.wait(10)
        self._process.stdout.close()


def log_in(sasl, client, acts_as="", layer=b"\1\0\0\0", first=None):
    """RFC 4752 with an Initiator, whose first token may have been made before; returns the last line of the server."""
    complete, token = first or client.token()
    reply = sasl.begin("GSSAPI")
    check(reply == b"", f"an empty challenge first: {reply!r}")
    reply = sasl.say(token)
    while not complete:
        if isinstance(reply, str):
            return reply
        complete, token = client.token(reply)
        if not complete or token:
            reply = sasl.say(token)
        else:
            reply = sasl.say(b"")
    if isinstance(reply, str):
        return reply
    offer = client.unwrap(reply)
    check(offer == b"\1\0\0\0", f"the server offers {offer!r}")
    return sasl.say(client.wrap(layer + acts_as.encode()))
