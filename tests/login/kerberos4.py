"""AUTH KERBEROS_V4 through the real server: forged tickets, real key files. Every single edge of the decision: kerberos4_decisions.py."""

import base64
import os
import re
import socket
import subprocess
import time
from pathlib import Path

from lib import mbox, refusals
from lib.client import Pop3
from lib.inside import refused
from lib.judge import KEY, key_file
from lib.kerberos4 import Forge, begin, challenge_of, keytab, log_in, pcbc_encrypt, send_request, srvtab
from lib.refusals import REFUSED
from lib.server import descendants
from lib.suite import check, each, equal, limit, needs, until
from lib.testbed import PUBLIC_ADDRESS

CANCELLED = "-ERR authentication cancelled"
UNAVAILABLE = "-ERR [SYS/TEMP] authentication is not available, try again later"
OTHER = bytes.fromhex("0123456789abcdef")
RECORD = ("pop", "localhost", "TEST.EXAMPLE", 3, KEY)


def key(bed, octets=None, **more):
    """A key file that the server of this bed may read."""
    path = key_file(bed, octets, **more)
    if not bed.privileged:
        bed.give(path)
    return path


def pop3(bed, *options, path=None, **more):
    return bed.pop3(f"--kerberos4={path or key(bed)}", *options, login=None, **more)


def end(pop):
    pop.quit()
    pop.session.finish()
    return pop.session.log()


# Logins.

@needs("root")
@each(("keytab", keytab(RECORD), {}, {}), ("srvtab", srvtab(RECORD), {}, {}), ("md5_keytab_by_tcp", keytab(RECORD, enctype=3), {}, {"how": "tcp"}),
      ("little_client", None, {"little": True}, {}), ("little_kdc", None, {"ticket_little": True}, {}),
      ("full_host_name", keytab(("pop", "mail.example.org", "TEST.EXAMPLE", 3, KEY)), {"host": "mail"}, {}), ("by_pipe", None, {}, {"how": "pipe"}))
def test_login(bed, octets, fields, connection):
    data = mbox.mailbox(3)
    bed.put(data)
    pop = pop3(bed, path=key(bed, octets), **connection)
    line = log_in(pop, Forge(**fields))
    equal(line, f"+OK maildrop has 3 messages ({sum(message.size for message in mbox.parse(data))} octets)", "last line")
    equal(pop.stat()[0], 3, "messages")
    log = end(pop)
    peer = "127.0.0.1" if "how" in connection and connection["how"] == "tcp" else "local"
    equal(log[0], f'login: peer={peer} method=KERBEROS_V4 user="alice"', "log")


def test_login_as_an_ordinary_user(bed):
    """The key is his, the names are anybody's."""
    bed = bed.unprivileged()
    bed.put(mbox.mailbox(2), "some.body")
    pop = pop3(bed)
    check(log_in(pop, Forge(user="some.body")).startswith("+OK maildrop has 2 "), "refused")
    end(pop)


@needs("root")
def test_listed_only_when_its_key_is_there(bed):
    pop = pop3(bed)
    check("KERBEROS_V4" in pop.lines("AUTH"), "not in AUTH")
    check(any(line.startswith("SASL ") and "KERBEROS_V4" in line.split() for line in pop.lines("CAPA")), "not in CAPA")
    end(pop)
    pop = bed.pop3(login=None)
    check("KERBEROS_V4" not in pop.lines("AUTH") and not any("KERBEROS_V4" in line for line in pop.lines("CAPA")), "listed without")
    pop.expect("AUTH KERBEROS_V4", "-ERR unknown authentication mechanism")
    end(pop)


def test_without_leave_for_passwords(bed):
    """No password crosses the network, so --plaintext does not matter."""
    bed = bed.unprivileged()
    bed.put(mbox.mailbox(1))
    pop = pop3(bed, "--plaintext=never")
    mechanisms = pop.lines("AUTH")
    check("KERBEROS_V4" in mechanisms and not {"PLAIN", "LOGIN"} & set(mechanisms), f"mechanisms {mechanisms}")
    check(log_in(pop, Forge()).startswith("+OK"), "refused")
    end(pop)


@needs("root")
def test_services_by_option(bed):
    """fetchmail asks for imap; what is not named does not count."""
    path = key(bed, keytab(("imap", "localhost", "TEST.EXAMPLE", 3, KEY), ("pop", "localhost", "TEST.EXAMPLE", 3, OTHER)))
    bed.put(mbox.mailbox(1))
    for options, forge, good in (((), Forge(key=OTHER), True), ((), Forge(service="imap"), False), (("--kerberos4-service=imap",), Forge(service="imap"), True),
                                 (("--kerberos4-service=imap",), Forge(key=OTHER), False),
                                 (("--kerberos4-service=pop", "--kerberos4-service=imap"), Forge(service="imap"), True),
                                 (("--kerberos4-service=pop", "--kerberos4-service=imap"), Forge(key=OTHER), True)):
        pop = pop3(bed, *options, path=path)
        challenge = challenge_of(pop)
        line = send_request(pop, forge.request(challenge))
        equal(line[:2], "+ " if good else "-E", f"{options} {forge.service}")
        pop.stream.close()
        pop.session.wait()


@needs("root")
def test_in_the_configuration_file(bed):
    bed.put(mbox.mailbox(1))
    config = bed.private_file("config", f"kerberos4 {key(bed, srvtab(('imap',) + RECORD[1:]))}\nkerberos4-service imap\n", mode=0o644)
    pop = bed.pop3(f"--config={config}", login=None)
    check(log_in(pop, Forge(service="imap")).startswith("+OK"), "refused")
    end(pop)
    session = bed.start("pop2d", f"--config={config}")      # which passes over what is not its own
    check(session.stream.take_line().startswith(b"+ POP2"), "pop2d")


@each(("service_with_a_dot", "--kerberos4-service=pop.host"), ("service_empty", "--kerberos4-service="), ("service_long", "--kerberos4-service=" + "s" * 40),
      ("relative_path", "--kerberos4=key"))
def test_option_that_cannot_be(bed, option):
    bed = bed.unprivileged()
    session = bed.start("pop3d", option)
    equal(session.wait(), 64, "exit status")


def test_not_for_pop2(bed):
    bed = bed.unprivileged()
    session = bed.start("pop2d", f"--kerberos4={key(bed)}")
    equal(session.wait(), 64, "exit status")


@needs("root")
def test_name_of_a_domain_comes_off(bed):
    bed.put(mbox.mailbox(1))
    pop = pop3(bed, "--domain=example.org")
    check(log_in(pop, Forge(), user="alice@example.org").startswith("+OK"), "refused")
    end(pop)


@needs("root")
def test_no_user_is_the_tickets(bed):
    bed.put(mbox.mailbox(1))
    pop = pop3(bed)
    check(log_in(pop, Forge(), user="").startswith("+OK maildrop has 1 "), "refused")
    end(pop)


# The address is no reason.

@needs("root")
@each(("other", (192, 0, 2, 77), 'warning: peer=127.0.0.1 user="alice" the ticket was issued to address 192.0.2.77'), ("same", (127, 0, 0, 1), None),
      ("none", (0, 0, 0, 0), None))
def test_address_of_the_ticket(bed, address, warning):
    bed.put(mbox.mailbox(1))
    pop = pop3(bed, how="tcp")
    check(log_in(pop, Forge(address=bytes(address))).startswith("+OK"), "refused")
    log = end(pop)
    equal([line for line in log if line.startswith("warning")], [warning] if warning else [], "log")


@needs("root", "network")
@each(("the_clients", (198, 51, 100, 7), False), ("the_proxys", (192, 0, 2, 1), True))
def test_address_behind_a_proxy(bed, address, differs):
    """It is compared with what the proxy told."""
    bed.put(mbox.mailbox(1))
    session = bed.start("pop3d", f"--kerberos4={key(bed)}", f"--proxy={PUBLIC_ADDRESS}", how="tcp", address=PUBLIC_ADDRESS)
    session.stream.send(b"PROXY TCP4 198.51.100.7 192.0.2.1 40000 110\r\n")
    pop = Pop3(session.stream)
    check(log_in(pop, Forge(address=bytes(address))).startswith("+OK"), "refused")
    pop.quit()
    session.finish()
    warnings = [line for line in session.log() if line.startswith("warning")]
    expected = f'warning: peer=198.51.100.7 via={PUBLIC_ADDRESS} user="alice" the ticket was issued to address 192.0.2.1'
    equal(warnings, [expected] if differs else [], "log")


# Refusals.

BAD_REQUESTS = (
    ("wrong key", dict(key=OTHER)), ("kvno 0", dict(kvno=0)), ("kvno 4", dict(kvno=4)), ("checksum", dict(checksum=1)), ("foreign realm", dict(user_realm="EVIL.EXAMPLE")),
    ("foreign issuer", dict(request_realm="EVIL.EXAMPLE")), ("other name", dict(auth_user="bob")), ("instance", dict(instance="root")),
    ("service", dict(service="imap")), ("host", dict(host="elsewhere")), ("version", dict(version=5)), ("mutual", dict(kind=8)), ("weak key", dict(session=bytes(8))),
    ("41 octets", dict(user=b"a" * 40 + b"\0")), ("longer host", dict(host=b"localhost" + b"x" * 3)), ("control", dict(user="al\nice")),
)


def forged_now(**shift):
    """Times relative to the second in which the exchange happens."""
    return lambda: Forge(**{field: int(time.time()) + value for field, value in shift.items() if field in ("now", "issued")},
                         **{field: value for field, value in shift.items() if field not in ("now", "issued")})


BAD_TIMES = (("client late", forged_now(now=-330, issued=-1000)), ("client early", forged_now(now=330, issued=-60)), ("expired", forged_now(issued=-1200, life=3, now=0)),
             ("not yet", forged_now(issued=400, now=0)), ("expired long", forged_now(issued=-38401 - 60, life=128, now=0)))
GOOD_TIMES = (("client late", forged_now(now=-270, issued=-1000)), ("client early", forged_now(now=270, issued=-60)), ("long life", forged_now(issued=-38000, life=128, now=0)),
              ("no end", forged_now(issued=-2590000, life=255, now=0)), ("early issue", forged_now(issued=270, now=0)))
REMARKS = {"wrong key": "no key in the key file opens the ticket", "kvno 0": "no key in the key file opens the ticket", "service": "the ticket is for another service or host",
           "host": "the ticket is for another service or host", "foreign realm": "the ticket is of another realm", "client late": "the client's clock differs from ours",
           "client early": "the client's clock differs from ours", "expired": "the ticket is not valid now", "not yet": "the ticket is not valid now"}


def refused_together(bed, attacks, path=None, options=()):
    """Each attack, (what, send(pop)), on a connection of its own, all at the same time: the refusal takes 2 s and says always the same;
    then an honest client logs in there."""
    begun, bad = time.monotonic(), []
    path = path or key(bed)
    clients = [(what, pop3(bed, *options, path=path), send) for what, send in attacks]
    for what, pop, send in clients:
        send(pop)
    for what, pop, _ in clients:
        line = pop.read_line()
        if line != REFUSED:
            bad.append(f"{what}: {line}")
    check(not bad, "\n".join(bad))
    check(time.monotonic() - begun >= 1.95, "too soon")
    for what, pop, _ in clients:
        check(log_in(pop, Forge()).startswith(("+OK maildrop", "-ERR [IN-USE]")), f"{what}: no login after it")
        pop.stream.close()
        equal(pop.session.wait(), 0, f"{what}: exit status")
        pop.session.check_log()
        log = pop.session.log()
        check(re.fullmatch(r'login failed: peer=local method=KERBEROS_V4 attempt=1 reason=refused user=".*"', next(line for line in log if line.startswith("login failed"))), str(log))
        if what in REMARKS:
            check(any(line.startswith("warning: peer=local user=") and line.endswith(REMARKS[what]) for line in log), f"{what}: {log}")
    return clients


def request_of(forge):
    def send(pop):
        challenge = challenge_of(pop)
        made = forge() if callable(forge) else forge
        pop.send(base64.b64encode(made.request(challenge)).decode())
    return send


@needs("root")
def test_bad_requests(bed):
    bed.put(mbox.mailbox(1))
    refused_together(bed, [(what, request_of(Forge(**fields))) for what, fields in BAD_REQUESTS])


@needs("root")
def test_bad_times(bed):
    bed.put(mbox.mailbox(1))
    refused_together(bed, [(what, request_of(forge)) for what, forge in BAD_TIMES])
    for what, forge in GOOD_TIMES:
        pop = pop3(bed)
        check(log_in(pop, forge()).startswith("+OK"), what)
        end(pop)


def shaped(change):
    """The honest request, changed."""
    return lambda pop: pop.send(base64.b64encode(change(Forge().request(challenge_of(pop)))).decode())


@needs("root")
def test_requests_of_bad_shape(bed):
    """Cut, longer, junk, no base64 at all, and an initial response, which this mechanism has not."""
    bed.put(mbox.mailbox(1))
    raw = lambda text: lambda pop: (challenge_of(pop), pop.send(text))
    attacks = [(f"cut to {size}", shaped(lambda octets, size=size: octets[:size])) for size in (1, 3, 16, 17, 18, 74, 105)]
    attacks += [(f"{more} more", shaped(lambda octets, more=more: octets + bytes(more))) for more in (1, 8, 4096)]
    attacks += [("lengths 0", shaped(lambda octets: octets[:16] + b"\0\0" + octets[18:])), ("lengths 255", shaped(lambda octets: octets[:16] + b"\xff\xff" + octets[18:])),
                ("10,000 octets", raw(base64.b64encode(os.urandom(10000)).decode())), ("empty", raw("")), ("no base64", raw("!!!!")), ("half", raw("BAYD=")),
                ("space", raw("BAYD VEVT")), ("initial", lambda pop: pop.send("AUTH KERBEROS_V4 BAYDVEVTVC5FWEFNUExF")), ("empty initial", lambda pop: pop.send("AUTH KERBEROS_V4 ="))]
    refused_together(bed, attacks)


@needs("root")
def test_bad_choices(bed):
    bed.put(mbox.mailbox(1))
    bed.put(mbox.mailbox(1), "bob")

    def choice(make):
        def send(pop):
            forge = Forge()
            challenge = begin(pop, forge)
            pop.send(base64.b64encode(make(forge, challenge)).decode())
        return send

    as_user = lambda user: choice(lambda forge, challenge: forge.choice(challenge, user=user))
    attacks = [(f"user {user!r}", as_user(user)) for user in ("root", "bob", "../x", "al\x01ice", "alice@elsewhere.example", "a" * 255)]
    attacks += [(f"layer {layer}", choice(lambda forge, challenge, layer=layer: forge.choice(challenge, layer=layer))) for layer in (0, 2, 3, 4, 255)]
    attacks += [("challenge", choice(lambda forge, challenge: forge.choice(challenge + 1))), ("clear", choice(lambda forge, challenge: forge.choice_clear(challenge))),
                ("session key of another", choice(lambda forge, challenge: pcbc_encrypt(OTHER, forge.choice_clear(challenge)))), ("empty", choice(lambda *_: b"")),
                ("8 octets", choice(lambda forge, challenge: forge.choice(challenge)[:8])), ("15 octets", choice(lambda forge, challenge: forge.choice(challenge)[:15])),
                ("300 octets", choice(lambda *_: os.urandom(300))), ("10,000 octets", choice(lambda *_: os.urandom(10000))),
                ("no NUL", choice(lambda forge, challenge: pcbc_encrypt(forge.session, forge.choice_clear(challenge, user=b"a" * 8))))]
    refused_together(bed, attacks)


@needs("root")
@limit(300)
def test_refusals_take_the_same_time(bed):
    """A ticket that is none, or not valid, or good, and of whom."""
    options = [refusals.option_that_locks(bed, "carol")]
    path = key(bed)

    def trying(made, what=log_in):
        def attempt():
            pop = pop3(bed, *options, path=path)
            return refusals.seconds(pop, what(pop, made()))
        return attempt
    request = lambda pop, forge: send_request(pop, forge.request(challenge_of(pop)))
    users = {"unknown": "nobody-of-that-name", "expired": "dave", "root": "root", "locked": "carol"}
    refusals.compare("KERBEROS_V4", {
        "garbage": trying(lambda: os.urandom(100), lambda pop, octets: (challenge_of(pop), send_request(pop, octets))[1]),
        "key": trying(lambda: Forge(key=OTHER), request), "ended": trying(lambda: Forge(issued=int(time.time()) - 1200, life=3), request),
        "denied": trying(Forge, lambda pop, forge: log_in(pop, forge, user="bob")),
        **{what: trying(lambda user=user: Forge(user=user)) for what, user in users.items()}})


@needs("root")
def test_replay(bed):
    """What a listener recorded of a login that succeeded."""
    bed.put(mbox.mailbox(1))
    pop, forge = pop3(bed), Forge()
    challenge = challenge_of(pop)
    request, choice = forge.request(challenge), forge.choice(challenge)
    equal(send_request(pop, request), "+ " + base64.b64encode(forge.answer(challenge)).decode(), "answer")
    check(send_request(pop, choice).startswith("+OK"), "refused")
    end(pop)
    again = lambda pop: (challenge_of(pop), pop.send(base64.b64encode(request).decode()))
    old_choice = lambda pop: (begin(pop, forge), pop.send(base64.b64encode(choice).decode()))
    refused_together(bed, [("all of it", again), ("the end", old_choice)])


@needs("root")
def test_challenges_do_not_repeat(bed):
    """In one connection and in many."""
    seen = []
    path = key(bed)
    for _ in range(4):
        pop = pop3(bed, path=path)
        for _ in range(8):
            seen.append(challenge_of(pop))
            pop.expect("*", CANCELLED)
        end(pop)
    equal(len(set(seen)), len(seen), "different challenges")
    for octet in range(4):
        check(len({challenge >> 8 * octet & 0xff for challenge in seen}) > 8, f"octet {octet} hardly changes: {seen}")


# Accounts.

@needs("root")
def test_account_decides_too(bed):
    """A perfect ticket of somebody who may not log in: root, users of nobody, locked and expired accounts, names that are paths."""
    bed.put(mbox.mailbox(1))
    users = ("root", "nobody-of-that-name", "dave", "../mail/alice", ".alice", "_restante" * 4)

    def send_as(user):
        def send(pop):
            forge = Forge(user=user)
            pop.send(base64.b64encode(forge.choice(begin(pop, forge))).decode())
        return send
    refused_together(bed, [(f"ticket of {user}", send_as(user)) for user in users])


@needs("root")
def test_pam_account_is_asked(bed):
    Path("/etc/pam.d/closed").write_text("auth required pam_permit.so\naccount required pam_deny.so\n")
    pop = pop3(bed, "--pam-service=closed")
    equal(log_in(pop, Forge()), REFUSED, "reply")
    end(pop)


@needs("root")
def test_pam_password_phase_is_not_asked(bed):
    bed.put(mbox.mailbox(1))
    Path("/etc/pam.d/no-passwords").write_text("auth required pam_deny.so\naccount required pam_permit.so\n")
    pop = pop3(bed, "--pam-service=no-passwords")
    check(log_in(pop, Forge()).startswith("+OK"), "refused")
    end(pop)


# Strikes and second thoughts.

@needs("root")
def test_three_strikes(bed):
    """At whatever step, together with passwords."""
    pop = pop3(bed)
    challenge_of(pop)
    equal(send_request(pop, b"junk"), REFUSED, "first")
    equal(log_in(pop, Forge(), user="bob"), REFUSED, "second")
    pop.ok("USER alice")
    equal(pop.ask("PASS wrong"), REFUSED, "third")
    pop.stream.expect_end()
    pop.session.finish()
    log = pop.session.log()
    equal([line for line in log if line.startswith("login failed")],
          ['login failed: peer=local method=KERBEROS_V4 attempt=1 reason=refused user=""', 'login failed: peer=local method=KERBEROS_V4 attempt=2 reason=refused user="alice"',
           'login failed: peer=local method=PASS attempt=3 reason=refused user="alice"'], "log")


@needs("root")
def test_cancelled_at_each_step(bed):
    bed.put(mbox.mailbox(2))
    pop = pop3(bed)
    challenge_of(pop)
    pop.expect("*", CANCELLED)
    begin(pop, Forge())
    pop.expect("*", CANCELLED)
    check(log_in(pop, Forge()).startswith("+OK maildrop has 2 "), "refused")
    log = end(pop)
    check(not any(line.startswith("login failed") for line in log), str(log))


@needs("root")
def test_cancelled_then_password(bed):
    bed.put(mbox.mailbox(2))
    pop = pop3(bed)
    begin(pop, Forge())
    pop.expect("*", CANCELLED)
    pop.login("alice", "alicepw")
    end(pop)


@needs("root")
@each(("at_the_challenge", 1), ("at_the_answer", 2))
def test_client_that_goes_away(bed, step):
    pop = pop3(bed)
    challenge_of(pop) if step == 1 else begin(pop, Forge())
    pop.stream.close()
    pop.session.finish()


# The key file.

@needs("root")
@each(("loose", lambda bed: key(bed, mode=0o644), "it must be a file of root's or yours that nobody else can read: chmod 600"),
      ("missing", lambda bed: bed.dir / "missing", "No such file or directory"), ("directory", lambda bed: bed.dir, "it must be a file of root's or yours that nobody else can read: chmod 600"))
def test_key_file_that_cannot_be_used(bed, make, why):
    """KERBEROS_V4 is not offered, one line says why, everything else goes on."""
    bed.put(mbox.mailbox(1))
    path = make(bed)
    pop = pop3(bed, path=path)
    check("KERBEROS_V4" not in pop.lines("AUTH"), "offered")
    pop.expect("AUTH KERBEROS_V4", "-ERR unknown authentication mechanism")
    pop.login("alice", "alicepw")
    log = end(pop)
    equal([line for line in log if "KERBEROS_V4" in line], [f"warning: KERBEROS_V4 is not offered: {path}: {why}"], "log")


@needs("root")
@each(("text", b"no key file\n"), ("empty", b""), ("without_des", keytab(RECORD[:4] + (KEY * 4, 18))), ("cut", srvtab(RECORD)[:-1]))
def test_key_file_without_a_key(bed, octets):
    """What opens, but holds no key of ours: that is not the client's fault."""
    bed.put(mbox.mailbox(1))
    pop = pop3(bed, path=key(bed, octets))
    line = pop.ask("AUTH KERBEROS_V4")
    equal(line, UNAVAILABLE, "reply")
    pop.login("alice", "alicepw")
    log = end(pop)
    equal(log[:2], ['warning: peer=local user="" the key file has no key that can be used',
                    'login failed: peer=local method=KERBEROS_V4 attempt=1 reason=unavailable user=""'], "log")


@needs("root")
@each(("good", keytab(RECORD), 0, "the configuration is good"), ("srvtab", srvtab(RECORD), 0, "the configuration is good"),
      ("text", b"no key file\n", 78, "it has no key that can be used"), ("other_service", keytab(("imap",) + RECORD[1:]), 78, "it has no key that can be used"),
      ("loose", None, 78, "chmod 600"))
def test_check_tries_the_key(bed, octets, status, says):
    """--check opens what a login would, with the program that would."""
    path = key(bed, octets, mode=0o600 if octets else 0o644)
    ran = subprocess.run([bed.program("pop3d"), "--check", f"--kerberos4={path}"], capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)
    equal(ran.returncode, status, "exit status")
    check(says in ran.stdout + ran.stderr, f"{ran.stdout}{ran.stderr}")


@needs("root")
def test_key_is_read_anew(bed):
    """A key that was changed counts for the next login."""
    bed.put(mbox.mailbox(1))
    path = key(bed)
    pop = pop3(bed, path=path)
    check(log_in(pop, Forge()).startswith("+OK"), "refused")
    end(pop)
    key(bed, keytab(RECORD, RECORD[:3] + (4, OTHER)))
    for forge in Forge(), Forge(kvno=4, key=OTHER):
        pop = pop3(bed, path=path)
        check(log_in(pop, forge).startswith("+OK"), f"refused kvno {forge.kvno}")
        end(pop)


def one_liners():
    """The commands by which the manual makes key files."""
    source = (Path(__file__).parents[2] / "pop3d/pop3d.8").read_text().replace("\\-", "-").replace("\\(aq", "'").replace("\\e", "\\")
    commands = re.findall(r"^perl -e '.*?' >\S+$", source.replace("\\\n", ""), re.M | re.S)
    check(len(commands) == 2, f"commands in the manual: {commands}")
    return commands


@needs("root", "perl", "klist")
@each(("srvtab", 0), ("keytab", 1))
def test_the_manuals_way_to_a_key_file(bed, which):
    """Run as it stands there, but for the place; Debian's klist reads the keytab."""
    bed.put(mbox.mailbox(1))
    path = bed.dir / "made"
    command = re.sub(r">\S+$", f">{path}", one_liners()[which])
    subprocess.run(["sh", "-c", f"umask 077; {command}"], check=True, timeout=20, stdin=subprocess.DEVNULL)
    if which == 1:
        listed = subprocess.run(["klist", "-ke", f"FILE:{path}"], capture_output=True, text=True, timeout=20, check=True).stdout
        check(re.search(r" 3 pop/mail@EXAMPLE\.ORG \(DEPRECATED:des-cbc-crc\)", listed), listed)
    pop = pop3(bed, path=path)
    check(log_in(pop, Forge(host="mail", realm="EXAMPLE.ORG")).startswith("+OK maildrop has 1 "), "refused")
    end(pop)


# The room.

def helpers(pid):
    return [child for child in descendants(pid) if os.path.basename(os.readlink(f"/proc/{child}/exe")) == "auth-kerberos4"]


@needs("root", "sandbox")
def test_who_hears_the_client(bed):
    """A child that is _restante, in a cage, without the client's descriptor; the parent, which read the key, does not hear him."""
    pop = pop3(bed)
    challenge_of(pop)
    mine = [Path(f"/proc/{pid}") for pid in helpers(pop.session.pid)]
    equal(len(mine), 2, "processes of auth-kerberos4")
    status = [dict(line.split(":\t", 1) for line in (path / "status").read_text().splitlines() if ":\t" in line) for path in mine]
    parent, child = sorted(status, key=lambda one: int(one["Pid"]))
    equal(child["Uid"].split(), ["499"] * 4, "uid of the child")
    equal(child["Seccomp"], "2", "its filter")
    equal(child["CapEff"].strip("0"), "", "its capabilities")
    for path in mine:
        files = [os.readlink(fd) for fd in (path / "fd").iterdir()]
        check(f"socket:[{pop.session.server_inode}]" not in files, f"the client is in {path}: {files}")
        check(not any(file.startswith("/") and file != "/dev/null" for file in files), f"files: {files}")
    pop.expect("*", CANCELLED)
    until(lambda: not helpers(pop.session.pid), "the end of auth-kerberos4")
    end(pop)


@needs("root", "sandbox")
@each(("open_the_key", lambda path: ("openat", -100, os.fsencode(path), os.O_RDONLY, 0)), ("setuid", lambda _: ("setuid", 0)),
      ("connect_out", lambda _: ("socket", socket.AF_INET, socket.SOCK_STREAM, 0)))
def test_child_that_is_owned(bed, call):
    """Whoever breaks the parser finds a cage; the login could not be decided, and the next one can."""
    bed.put(mbox.mailbox(1))
    path = key(bed)
    pop = pop3(bed, path=path)
    challenge_of(pop)
    child = max(helpers(pop.session.pid))
    equal(refused(child, *call(path)), "SIGSYS", "refused by")
    equal(pop.ask("*"), UNAVAILABLE, "the login")
    check(log_in(pop, Forge()).startswith("+OK"), "the next login")
    end(pop)


@needs("readelf")
def test_only_its_own_program_loads_its_libraries(bed):
    for path in (bed.place.build / "libexec/restante").iterdir():
        if path.is_file():
            needed = subprocess.run(["readelf", "-d", path], capture_output=True, text=True, timeout=20, check=True).stdout
            equal("libnettle" in needed, path.name == "auth-kerberos4", f"{path.name} loads nettle")


@needs("root", "network", "sandbox", "nspawn")
@limit(90)
def test_under_systemd(bed):
    """With the units as shipped, on the port that is theirs: their filters leave libkrb5 and the cage what they need."""
    machine = bed.machine()
    bed.put(mbox.mailbox(2))
    files = {"/etc/restante.srvtab": srvtab(RECORD), "/etc/restante.conf": b"kerberos4 /etc/restante.srvtab\n"}
    since = machine.mark()
    try:
        for name, octets in files.items():
            machine.path(name).write_bytes(octets)
            machine.path(name).chmod(0o600)
        pop = Pop3(machine.connect())
        check(log_in(pop, Forge(little=True)).startswith("+OK maildrop has 2 "), "refused")
        pop.quit()
    finally:
        for name in files:
            machine.path(name).unlink(missing_ok=True)
    until(lambda: 'login: peer=127.0.0.1 method=KERBEROS_V4 user="alice"' in machine.log(since, "pop3d"), "the login in the journal")
