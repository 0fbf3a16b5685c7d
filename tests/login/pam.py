"""PAM for real: modules that behave badly, accounts that are shut, and Kerberos behind pam_krb5."""

import os
import signal
import time
from pathlib import Path

from lib import client, kdc, mbox, server
from lib.suite import Skip, check, each, equal, limit, needs, until

MAIL = mbox.mailbox(2)
REFUSED, UNAVAILABLE = "-ERR [AUTH] authentication failed", "-ERR [SYS/TEMP] authentication is not available, try again later"
ACCEPTED = "+OK maildrop has 2 messages (352 octets)"


def odd(bed, *how):
    module = bed.place.build / "tests/pam/pam_odd.so"
    if not module.exists():
        raise Skip("no pam_odd.so: make unit")
    bed.put(MAIL)
    for service in "pop3d", "pop2d":
        bed.pam_service("".join(f"{phase} required {module} {' '.join(how)}\n" for phase in ("auth", "account")), service)


def login(bed, password="odd", *options):
    """Returns (reply to PASS, seconds it took, client)."""
    pop = bed.pop3(*options, login=None)
    pop.expect("USER alice", "+OK send PASS")
    begin = time.monotonic()
    return pop.ask(f"PASS {password}"), time.monotonic() - begin, pop


@needs("root")
@each(("plain", "plain"), ("asked_twice", "two"), ("told_something", "talk"), ("prints", "print"), ("leaks_descriptors", "leak"))
def test_odd_but_right(bed, how):
    """Whatever the module does beside deciding, nothing of it reaches the client or a later room."""
    odd(bed, how)
    reply, _, pop = login(bed)
    equal(reply, ACCEPTED, "reply")
    for room in pop.session.rooms().all:
        check("/etc/passwd" not in room.descriptors().values(), f"{room.room} has what the module left open")
    pop.quit()
    pop.session.finish()


@needs("root")
@each(("plain", "plain"), ("asked_twice", "two"), ("prints", "print"), ("leaks_descriptors", "leak"))
def test_odd_and_wrong(bed, how):
    odd(bed, how)
    reply, took, pop = login(bed, "even")
    equal(reply, REFUSED, "reply")
    check(took > 1.9, f"it took {took:.1f} s")
    pop.quit()
    pop.session.finish()


@needs("root")
@each(("a_code_that_nobody_has", REFUSED, "once"), ("expired_password", REFUSED, "expire"),
      ("exit", UNAVAILABLE, "exit"), ("crash", UNAVAILABLE, "crash"), ("renamed_to_root", REFUSED, "rename", "root"),
      ("renamed_to_nobody_known", REFUSED, "rename", "no-such-user"), ("renamed_to_a_path", REFUSED, "rename", "../alice"))
def test_not_let_in(bed, expected, *how):
    """A module that ends the program, even with success, has let nobody in; the session goes on."""
    odd(bed, *how)
    reply, _, pop = login(bed)
    equal(reply, expected, "reply")
    equal([room.room for room in pop.session.rooms().all], ["monitor", "front"], "rooms afterwards")
    pop.quit()
    pop.session.wait()
    check(not any(line.startswith("login: ") for line in pop.session.log()), pop.session.log())
    told = "error: auth was killed by signal 11" in pop.session.log()
    equal(told, how == ("crash",) and not bed.place.sanitized(), f"the death is told: {pop.session.log()}")


@needs("root")
def test_renamed(bed):
    """The mail is that of the name PAM gives back."""
    odd(bed, "rename", "bob")
    bed.put(mbox.mailbox(5), "bob")
    reply, _, pop = login(bed)
    check(reply.startswith("+OK maildrop has 5 messages"), reply)
    pop.quit()
    pop.session.finish()
    equal(pop.session.log()[0], 'login: peer=local method=PASS user="bob"', "log")


@needs("root")
def test_descriptors_held_by_somebody_else(bed):
    """A process that the module left behind has a copy of every descriptor of auth: nobody waits for it."""
    odd(bed, "hold")
    reply, took, pop = login(bed)
    equal(reply, ACCEPTED, "reply")
    check(took < 30, f"it took {took:.1f} s")
    pop.quit()
    pop.session.finish()
    held = [pid for pid in server.descendants(os.getpid()) if server.describe(pid).endswith("(restante-auth)")]
    equal(len(held), 1, "processes that the module left")
    os.kill(held[0], signal.SIGKILL)


@needs("root")
@each(("right", "odd", ACCEPTED), ("wrong", "even", REFUSED))
def test_slow(bed, password, expected):
    """The two seconds of a refusal and the module's own time are not added up."""
    odd(bed, "sleep", "3")
    reply, took, pop = login(bed, password)
    equal(reply, expected, "reply")
    check(2.9 < took < 4.8, f"it took {took:.1f} s instead of 3")
    pop.quit()
    pop.session.finish()


@needs("root")
@each(("waiting", False), ("gone", True))
def test_slower_than_the_login_may_take(bed, gone):
    """The deadline of the login ends the module, too, and the session of a client that has left meanwhile."""
    odd(bed, "sleep", "40")
    pop = bed.pop3("--login-timeout=2", login=None)
    pop.expect("USER alice", "+OK send PASS")
    begin = time.monotonic()
    pop.send("PASS odd")
    until(lambda: pop.session.rooms().auth, "auth to be born")
    pop.stream.close() if gone else pop.stream.expect_end()
    pop.session.finish()
    check(time.monotonic() - begin < 30, "the deadline of the login did not hold")


@needs("root")
@each(("a_missing_module", "auth required pam_no_such_module.so\naccount required pam_permit.so\n", UNAVAILABLE),
      ("a_module_that_is_none", "auth required /etc/passwd\naccount required pam_permit.so\n", UNAVAILABLE),
      ("nothing_for_accounts", "auth required pam_permit.so\n", REFUSED),
      ("everybody_denied", "auth required pam_deny.so\naccount required pam_deny.so\n", REFUSED),
      ("account_denied", "auth required pam_permit.so\naccount required pam_deny.so\n", REFUSED))
def test_services(bed, lines, expected):
    bed.put(MAIL)
    bed.pam_service("auth required pam_deny.so\naccount required pam_deny.so\n", "other") if os.path.exists("/etc/pam.d/other") else None
    bed.pam_service(lines)
    reply, _, pop = login(bed, "whatever")
    equal(reply, expected, "reply")
    pop.quit()
    pop.session.wait()


# Kerberos 5: the password goes to a KDC.

PASSWORDS = {"alice": "kerberos of alice", "bob": "kerberosofbob"}


def realm(bed):
    """A KDC whose users have other passwords than the shadow file; the module; and a service that uses it."""
    krb5 = kdc.Kdc(bed)
    krb5.admin(*(f'cpw -pw "{password}" {name}' for name, password in PASSWORDS.items()))
    module = next(bed.unpacked("libpam-krb5").glob("**/pam_krb5.so"), None)
    if module is None:
        raise Skip("libpam-krb5 is not unpacked: make test-deps")
    options = f"no_ccache minimum_uid=1000 keytab=FILE:{krb5.keytab}"
    return krb5, module, f"auth required {module} {options}\naccount required {module} minimum_uid=1000\n"


@needs("root", "network", "kinit")
@each(("pop3", "pop3d"), ("pop2", "pop2d"))
def test_kerberos(bed, program):
    """PASS and HELO with pam_krb5: the right password, a wrong one, that of the shadow file, and a KDC that is gone."""
    krb5, _, service = realm(bed)
    bed.put(MAIL)
    bed.put(MAIL, "bob")
    bed.pam_service(service, program)
    environment = {"KRB5_CONFIG": "/nonexistent"}           # nobody listens to the starter's environment

    def try_password(user, password):
        session = bed.start(program, how="tcp", environment=environment)
        if program == "pop3d":
            pop = client.Pop3(session.stream)
            pop.expect(f"USER {user}", "+OK send PASS")
            return pop.ask(f"PASS {password}")
        return client.Pop2(session.stream).ask(f"HELO {user} {client.quote(password)}")
    accepted, refused = ("+OK", REFUSED) if program == "pop3d" else ("#2", "- authentication failed")
    for user, password in PASSWORDS.items():
        check(try_password(user, password).startswith(accepted), f"{user} with the right password")
    equal(try_password("bob", PASSWORDS["bob"] + "x"), refused, "bob with a wrong password")
    equal(try_password("alice", "alicepw"), refused, "alice with the password of the shadow file")
    krb5.close()
    reply = try_password("alice", PASSWORDS["alice"])
    check(reply.startswith("-"), f"without a KDC: {reply}")
    check("not available" in reply, f"without a KDC: {reply}")


@needs("root", "network", "sandbox", "nspawn", "kinit")
@limit(90)
@each(("pop3", "pop3d"), ("pop2", "pop2d"))
def test_kerberos_in_the_unit(bed, program):
    """The shipped unit lets a module reach its KDC. With strict.conf it cannot, which is no reason to hang."""
    machine, (krb5, module, _) = bed.machine(), realm(bed)
    bed.put(MAIL)
    security = machine.root / "usr/lib/x86_64-linux-gnu/security"
    for path, octets in ((security / "pam_krb5.so", module.read_bytes()), (machine.root / "etc/krb5.conf", Path("/etc/krb5.conf").read_bytes()),
                         (machine.root / "etc/krb5.keytab", krb5.keytab.read_bytes()),
                         (machine.root / "etc/pam.d" / program, b"auth required pam_krb5.so no_ccache\naccount required pam_krb5.so\n")):
        _replace(bed, path, octets)

    def try_password(password):
        stream = machine.connect(program)
        if program == "pop3d":
            pop = client.Pop3(stream)
            pop.expect("USER alice", "+OK send PASS")
            return pop.ask(f"PASS {password}")
        return client.Pop2(stream).ask(f"HELO alice {client.quote(password)}")
    check(try_password(PASSWORDS["alice"]).startswith(("+OK", "#2")), "alice with the right password")
    check("authentication failed" in try_password("alicepw"), "alice with the password of the shadow file")
    strict = machine.root / f"etc/systemd/system/{program[:4]}@.service.d/strict.conf"
    strict.parent.mkdir()
    strict.write_bytes((Path(__file__).parents[2] / "units/strict.conf").read_bytes())
    machine.run("systemctl", "daemon-reload")
    try:
        begin = time.monotonic()
        reply = try_password(PASSWORDS["alice"])
        check("not available" in reply, reply)
        check(time.monotonic() - begin < 20, "a module without network made the login hang")
    finally:
        strict.unlink()
        strict.parent.rmdir()
        machine.run("systemctl", "daemon-reload")


def _replace(bed, path, octets):
    """Until the end of the test."""
    before = path.read_bytes() if path.exists() else None
    path.write_bytes(octets)
    bed.closing(lambda: path.unlink() if before is None else path.write_bytes(before) and None)
