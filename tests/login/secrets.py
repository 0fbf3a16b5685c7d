"""APOP, CRAM-MD5 and SCRAM: the secret file, beside PAM and alone, and clients that lie."""

import concurrent.futures
import os
import re
import subprocess
import time
from pathlib import Path

from lib import mbox, refusals, sasl, server, testbed, tls
from lib.inside import refused
from lib.refusals import REFUSED
from lib.suite import check, each, equal, limit, needs, until

DIGESTS = ("APOP", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256")
EVERY = ("PASS", "PLAIN", "LOGIN", *DIGESTS)
ACCEPTED = re.compile(r"\+OK maildrop has \d+ messages \(\d+ octets\)")


def file_of(bed, text=None):
    return f"--secrets={bed.private_file('secrets', text or 'alice	alicepw' + chr(10) + 'bob	bobs own' + chr(10))}"


def log_in(bed, mechanism, user, secret, *options):
    """Must succeed."""
    pop = bed.pop3(*options, login=None)
    reply = sasl.login(pop, mechanism, user, secret)
    check(ACCEPTED.fullmatch(reply), f"{mechanism}: {reply!r}")
    pop.quit()
    pop.session.finish()
    equal(pop.session.log()[0], f'login: peer=local method={mechanism} user="{user}"', "log")


def refuse(bed, mechanism, user, secret, *options, logged=None):
    pop = bed.pop3(*options, login=None)
    begin = time.monotonic()
    equal(sasl.login(pop, mechanism, user, secret), REFUSED, mechanism)
    check(1.95 <= time.monotonic() - begin < 5, "a refusal takes two seconds")
    pop.expect("QUIT", "+OK bye")
    pop.session.finish()
    wanted = f'login failed: peer=local method={mechanism} attempt=1 reason=refused user="{logged or user}"'
    check(wanted in pop.session.log(), f"log: {pop.session.log()}")


def refuse_quietly(bed, mechanism, user, secret, *options):
    """Without a look at the log, which sessions that start together may share."""
    pop = bed.pop3(*options, login=None)
    equal(sasl.login(pop, mechanism, user, secret), REFUSED, f"{user} by {mechanism}")
    pop.stream.close()


@needs("root")
@each(*((mechanism, mechanism) for mechanism in DIGESTS))
def test_beside_pam(bed, mechanism):
    """The user's secret is one thing, his password another; his account is PAM's to open."""
    bed.put(mbox.mailbox(2), "bob")
    log_in(bed, mechanism, "bob", "bobs own", file_of(bed))
    refuse(bed, mechanism, "bob", "bobpw", file_of(bed))


@needs("root")
@each(*((mechanism, mechanism) for mechanism in DIGESTS))
def test_account_phase(bed, mechanism):
    """The right secret of an account that has expired, of root, and of nobody on this system."""
    secrets = file_of(bed, "dave\tsecret\nroot\tsecret\nghost\tsecret\n")
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        for one in [pool.submit(refuse_quietly, bed, mechanism, user, "secret", secrets) for user in ("dave", "root", "ghost")]:
            one.result()


@needs("root")
@each(*((mechanism, mechanism) for mechanism in ("SCRAM-SHA-1", "SCRAM-SHA-256")))
def test_server_proves_nothing_to_whom_it_refuses(bed, mechanism):
    """Else an expired account, or root's, would tell that the secret was right."""
    option = file_of(bed, "dave\tsecret\nroot\tsecret\nghost\tsecret\n")
    pop = bed.pop3(option, login=None)
    for user in "dave", "root", "ghost":
        talk, scram = sasl.Sasl(pop), sasl.Scram(user, "secret", mechanism)
        equal(talk.say(scram.final(talk.begin(mechanism, scram.first()))), REFUSED, user)
    pop.stream.expect_end()


@each(*((mechanism, mechanism) for mechanism in EVERY))
def test_by_hand(bed, mechanism):
    """An ordinary user's server."""
    bed = bed.unprivileged()
    bed.put(mbox.mailbox(1))
    log_in(bed, mechanism, "alice", "alicepw")


@needs("root")
@each(*((f"{mechanism}/{kind}", mechanism, kind) for mechanism in EVERY for kind in ("dynamic", "static")))
def test_alone(bed, mechanism, kind):
    """For the users of the system, and PAM, which would let nobody in, is not asked."""
    bed = bed.static() if kind == "static" else bed
    bed.pam_service("auth required pam_deny.so\naccount required pam_deny.so\n")
    bed.put(mbox.mailbox(1), "bob")
    options = ["--auth=file", file_of(bed, "bob\tbobs own\nroot\troots own\nnobody-here\this own\n")]
    log_in(bed, mechanism, "bob", "bobs own", *options)
    for user, secret in ("bob", "bobpw"), ("root", "roots own"), ("nobody-here", "his own"):
        if mechanism == "PASS":
            refuse(bed, mechanism, user, secret, *options)


@each(*((mechanism, mechanism) for mechanism in EVERY))
def test_salted(bed, mechanism):
    """A salted line serves its own mechanism, and whoever sends the password; not what needs a password in the file."""
    bed = bed.unprivileged()
    bed.put(mbox.mailbox(1))
    options = ["--auth=file", file_of(bed, sasl.salted_line("alice", "pencil", iterations=5000))]
    serves = ("SCRAM-SHA-256", "PASS", "PLAIN", "LOGIN")
    (log_in if mechanism in serves else refuse)(bed, mechanism, "alice", "pencil", *options)
    if mechanism in serves:
        refuse(bed, mechanism, "alice", "pencils", *options)


@each(*((mechanism, mechanism) for mechanism in DIGESTS))
def test_line_that_cannot_serve(bed, mechanism):
    """The client hears what every wrong one hears; the log tells the administrator."""
    bed = bed.unprivileged()
    text = "alice\t{SCRAM-SHA-256}4096,no base64\nalice\t{SCRAM-SHA-1}4096,no base64\n"
    pop = bed.pop3("--auth=file", file_of(bed, text), login=None)
    equal(sasl.login(pop, mechanism, "alice", "alicepw"), REFUSED, "reply")
    why = "the salted secret of this user is malformed" if mechanism.startswith("SCRAM") else "the secret of this user is none for this mechanism"
    check(f'warning: peer=local user="alice" {why}' in pop.session.log(), f"log: {pop.session.log()}")


def test_salted_for_both(bed):
    bed = bed.unprivileged()
    bed.put(mbox.mailbox(1))
    lines = "".join(sasl.salted_line("alice", "pencil", mechanism) for mechanism in ("SCRAM-SHA-1", "SCRAM-SHA-256"))
    for mechanism in "SCRAM-SHA-1", "SCRAM-SHA-256":
        log_in(bed, mechanism, "alice", "pencil", "--auth=file", file_of(bed, lines))


def manual():
    return (Path(__file__).resolve().parents[2] / "pop3d/pop3d.8").read_text()


def test_documented_one_liner(bed):
    """The command that the man page shows makes a line that works."""
    text = manual()
    command = re.search(r"^python3 -c '(?:.*\n)*?.*' alice$", text, re.M)[0].replace("\\e", "\\").replace("\\&", "")
    done = subprocess.run(["sh", "-c", command], input=b"open sesame\n", capture_output=True, timeout=20, check=True)
    bed = bed.unprivileged()
    bed.put(mbox.mailbox(1))
    log_in(bed, "SCRAM-SHA-256", "alice", "open sesame", "--auth=file", file_of(bed, done.stdout.decode()))


def test_greetings_differ(bed):
    """A timestamp is never seen twice, and holds nothing of the process or the machine's secrets."""
    bed = bed.unprivileged()
    stamps = set()
    for _ in range(12):
        pop = bed.pop3(login=None)
        match = re.fullmatch(r"<([0-9a-f]{32})\.\d+@[\w.-]+>", pop.stamp)
        check(match, pop.stamp)
        stamps.add(match[1])
        pop.expect("QUIT", "+OK bye")
    equal(len(stamps), 12, "different timestamps")


def test_challenges_differ(bed):
    """Neither CRAM-MD5's, nor SCRAM's, nor any of them the greeting's."""
    pop = bed.unprivileged().pop3(login=None)
    seen = {pop.stamp.encode()}
    for _ in range(3):
        challenge = sasl.Sasl(pop).begin("CRAM-MD5")
        check(re.fullmatch(rb"<[0-9a-f]{32}\.\d+@[\w.-]+>", challenge), challenge)
        seen.add(challenge)
        pop.expect("*", "-ERR authentication cancelled")
        seen.add(sasl.Sasl(pop).begin("SCRAM-SHA-1", sasl.Scram("alice", "").first()))
        pop.expect("*", "-ERR authentication cancelled")
    equal(len(seen), 7, "different challenges")


def test_replay(bed):
    """What was right on one connection is wrong on the next."""
    bed = bed.unprivileged()
    bed.put(mbox.mailbox(1))
    first, second = bed.pop3(login=None), bed.pop3(login=None)
    digest = sasl.apop(first.stamp, "alicepw")
    answer = sasl.cram(sasl.Sasl(first).begin("CRAM-MD5"), "alice", "alicepw")
    check(ACCEPTED.fullmatch(first.ask(sasl.b64(answer))), "the first time")
    equal(second.ask(f"APOP alice {digest}"), REFUSED, "APOP")
    other = sasl.Sasl(second)
    other.begin("CRAM-MD5")
    equal(other.say(answer), REFUSED, "CRAM-MD5")


@each(("scram_sha_1", "SCRAM-SHA-1"), ("scram_sha_256", "SCRAM-SHA-256"))
def test_false_salts(bed, mechanism):
    """Nobody's salt looks like somebody's and stays the same, also when users are added and changed."""
    bed = bed.unprivileged()

    def second(user, text):
        pop = bed.pop3("--auth=file", file_of(bed, text), login=None)
        reply = sasl.Sasl(pop).begin(mechanism, sasl.Scram(user, "x", mechanism).first()).decode()
        pop.expect("*", "-ERR authentication cancelled")
        pop.expect("QUIT", "+OK bye")
        return reply.split(",", 1)[1]
    text = "first\tsecret\nalice\talicepw\n" + sasl.salted_line("bob", "bobpw", mechanism, 6000, b"twelve octet")
    ghost = second("ghost", text)
    check(ghost.endswith(",i=6000") and len(ghost) == len(second("bob", text)), ghost)
    equal(second("ghost", text + "carol\tcarolpw\n"), ghost, "after a user was added")
    check(second("ghosu", text) != ghost, "two users' salts")
    check(second("alice", text) != ghost and len(second("alice", text)) == len(ghost), "a plain line's salt")
    check(second("ghost", text.replace("secret", "secreu")) != ghost, "the salt must depend on what is secret")


@limit(90)
def test_scram_clients_that_lie(bed):
    """Everything about the last message but the proof may be wrong, too."""
    bed = bed.unprivileged()
    bed.put(mbox.mailbox(1))

    def attempt(what, final, user="alice", **more):
        pop = bed.pop3(login=None)
        scram, talk = sasl.Scram(user, "alicepw", **more), sasl.Sasl(pop)
        equal(talk.begin("SCRAM-SHA-256"), b"", "an empty challenge")
        second = talk.say(scram.first())
        reply = talk.say(final(scram, second)) if isinstance(second, bytes) else second
        return what, reply
    cases = [
        ("another binding", lambda s, m: s.final(m, binding="y,,")),
        ("a nonce too short", lambda s, m: s.final(m, nonce=s.nonce)),
        ("another nonce", lambda s, m: s.final(m, nonce=s.nonce + "x" * 36)),
        ("no proof", lambda s, m: s.final(m).rsplit(b",p=", 1)[0]),
        ("an empty proof", lambda s, m: s.final(m).rsplit(b",p=", 1)[0] + b",p="),
        ("a proof of zeros", lambda s, m: s.final(m).rsplit(b",p=", 1)[0] + b",p=" + sasl.b64(bytes(32)).encode()),
        ("a proof too long", lambda s, m: s.final(m).rsplit(b",p=", 1)[0] + b",p=" + sasl.b64(bytes(40)).encode()),
        ("garbage", lambda s, m: bytes(range(256))),
        ("nothing", lambda s, m: b"")]
    headers = [("channel binding", {"header": "p=tls-unique,,"}), ("acts as bob", {"header": "n,a=bob,"}),
               ("a long nonce", {"nonce": "x" * 600})]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        tries = [pool.submit(attempt, what, final) for what, final in cases]
        tries += [pool.submit(attempt, what, lambda s, m: s.final(m), **more) for what, more in headers]
        for one in tries:
            what, reply = one.result()
            equal(reply, REFUSED, what)
    pop = bed.pop3(login=None)
    scram, talk = sasl.Scram("alice", "alicepw", header="y,a=alice,"), sasl.Sasl(pop)
    last = talk.say(scram.final(talk.begin("SCRAM-SHA-256", scram.first())))
    equal(last, b"v=" + sasl.b64(scram.signature).encode(), "the server's proof")
    equal(pop.ask("*"), "-ERR authentication cancelled", "the client does not believe it")


def test_initial_response_where_none_may_be(bed):
    pop = bed.unprivileged().pop3(login=None)
    equal(pop.ask("AUTH CRAM-MD5 " + sasl.b64("alice x")), REFUSED, "CRAM-MD5 with an initial response")


@needs("root")
def test_secret_in_clear(bed):
    """Beside PAM a user with a secret is kept from PASS and PLAIN where others could listen, and the digests go on."""
    bed.put(mbox.mailbox(1))
    options = [file_of(bed), "--plaintext=always"]
    for mechanism in "PASS", "PLAIN", "LOGIN":
        pop = bed.pop3(*options, login=None, how="tcp", address=testbed.PUBLIC_ADDRESS)
        equal(sasl.login(pop, mechanism, "alice", "alicepw"), REFUSED, mechanism)
    for mechanism in DIGESTS:
        pop = bed.pop3(*options, login=None, how="tcp", address=testbed.PUBLIC_ADDRESS)
        check(ACCEPTED.fullmatch(sasl.login(pop, mechanism, "alice", "alicepw")), mechanism)
        pop.quit()


@needs("root")
@each(("loose", lambda path: path.chmod(0o644), "chmod 600"), ("somebody_elses", lambda path: os.chown(path, 4001, 4001), "chmod 600"),
      ("missing", os.unlink, "No such file"))
def test_file_that_cannot_be_used(bed, spoil, why):
    """One line says why; the digests are not offered; PAM goes on."""
    path = bed.private_file("secrets", "bob\tsecret\n")
    spoil(path)
    bed.put(mbox.mailbox(1))
    pop = bed.pop3(f"--secrets={path}", login=None)
    equal(pop.stamp, None, "the timestamp")
    equal(pop.lines("AUTH"), ["PLAIN", "LOGIN"], "AUTH")
    check("SASL PLAIN LOGIN" in pop.lines("CAPA"), "CAPA")
    pop.expect("APOP bob c4c9334bac560ecc979e58001b3e22fb", "-ERR unknown command")
    pop.expect("AUTH CRAM-MD5", "-ERR unknown authentication mechanism")
    pop.login("alice", "alicepw")
    pop.quit()
    pop.session.finish()
    warning, *rest = pop.session.log()
    check(re.fullmatch(f"warning: APOP, CRAM-MD5 and SCRAM are not offered: {path}: .*{why}.*", warning), warning)
    equal(len(rest), 2, f"other lines in {rest}")
    session = bed.start("pop3d", "--check", f"--secrets={path}")
    equal(session.wait(), 78, "exit status of --check")


def test_plaintext_never(bed):
    """What sends no password is offered all the same."""
    bed = bed.unprivileged()
    bed.put(mbox.mailbox(1))
    pop = bed.pop3("--plaintext=never", login=None)
    equal(pop.lines("AUTH"), ["CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"], "AUTH")
    check("SASL CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256" in pop.lines("CAPA"), "CAPA")
    check(ACCEPTED.fullmatch(sasl.login(pop, "SCRAM-SHA-256", "alice", "alicepw")), "SCRAM")


@needs("root")
@limit(300)
@each(*((mechanism, mechanism) for mechanism in EVERY))
def test_refusals_take_the_same_time(bed, mechanism):
    """The secret or password of all but the wrong one is right."""
    options = [file_of(bed, "alice\talicepw\ncarol\tcarolpw\ndave\tdavepw\nroot\trootpw\n"), refusals.option_that_locks(bed, "carol")]

    def trying(user, secret):
        def attempt():
            pop = bed.pop3(*options, login=None)
            return refusals.seconds(pop, sasl.login(pop, mechanism, user, secret))
        return attempt
    refusals.compare(mechanism, {"wrong": trying("alice", "wrong"), "unknown": trying("nobody-of-that-name", "x"), "expired": trying("dave", "davepw"),
                                 "root": trying("root", "rootpw"), "locked": trying("carol", "carolpw")})


@needs("root")
@limit(300)
@each(*((mechanism, mechanism) for mechanism in DIGESTS[2:]))
def test_salts_take_the_same_time(bed, mechanism):
    """In a large file, wherever somebody is, and for who is nowhere: the false salt would not help if it came later."""
    many = [f"user{n}\tsecret of user {n}\n" for n in range(250_000 if refusals.FIFTY else 1000)]
    half = len(many) // 2
    option = file_of(bed, "alice\talicepw\n" + sasl.salted_line("erin", "pencil", mechanism) + "".join(many[:half]) +
                     sasl.salted_line("bob", "pencil", mechanism) + "".join(many[half:]) + "grace\tgracepw\n")

    def trying(user):
        def attempt():
            pop = bed.pop3(option, login=None)
            talk = sasl.Sasl(pop)
            talk.begin(mechanism)
            check(isinstance(talk.say(sasl.Scram(user, "x", mechanism).first()), bytes), "no salt")
            took = pop.took
            pop.stream.close()
            return took
        return attempt
    refusals.compare(f"{mechanism}'s salt", {what: trying(user) for what, user in {
        "first": "alice", "salted": "erin", "middle": "bob", "last": "grace", "nobody": "nobody-of-that-name"}.items()}, computed=True)


# The room.

def hearers(session):
    """auth, and the child of it that hears the client."""
    return [server.Process(pid) for pid in sorted(pid for pid in server.descendants(session.pid)
                                                  if os.path.basename(os.readlink(f"/proc/{pid}/exe")).startswith("auth"))]


def with_each_auth(*rows):
    """Beside PAM; and with the static program for the file alone. The test gets the bed's maker and options first."""
    kinds = ("pam", lambda bed: bed, []), ("static", lambda bed: bed.static(), ["--auth=file"])
    return each(*((f"{name}/{kind}", make, options, *arguments) for name, *arguments in rows for kind, make, options in kinds))


@needs("root", "sandbox")
@with_each_auth(*((mechanism, mechanism) for mechanism in ("PLAIN", "LOGIN", *DIGESTS[1:])))
def test_who_hears_the_client(bed, make, options, mechanism):
    """Also where PAM decides in the end: a child that is _restante, in a cage; the parent has no way to the client."""
    bed = make(bed)
    pop = bed.pop3(file_of(bed), *options, login=None)
    check(pop.ask(f"AUTH {mechanism}").startswith("+ "), "no challenge")
    auth, hearer = hearers(pop.session)
    equal(hearer.uids, [testbed.FRONT_UID] * 4, "uid of the child")
    equal(hearer.status["Seccomp"], "2", "its filter")
    equal(hearer.status["CapEff"].strip("0"), "", "its capabilities")
    sockets = lambda process: [name for name in process.descriptors().values() if name.startswith("socket:")]
    until(lambda: len(sockets(auth)) == 2 == len(sockets(hearer)),          # auth goes on beside its child
          lambda: f"two sockets each, to the monitor or front and to each other: {sockets(auth)}, {sockets(hearer)}")
    pop.expect("*", "-ERR authentication cancelled")
    pop.expect("QUIT", "+OK bye")
    pop.session.finish()


@needs("root", "sandbox")
@with_each_auth(("open_the_secrets", lambda path: ("openat", -100, os.fsencode(path), os.O_RDONLY, 0)),
                ("setuid", lambda _: ("setuid", 0)), ("connect_out", lambda _: ("socket", 2, 1, 0)),
                ("start_a_program", lambda _: ("execve", b"/bin/sh", 0, 0)))
def test_hearer_that_is_owned(bed, make, options, call):
    """It dies of it; the login could not be decided, and the next one can."""
    bed = make(bed)
    bed.put(mbox.mailbox(1))
    option = file_of(bed)
    pop = bed.pop3(option, *options, login=None)
    check(pop.ask("AUTH CRAM-MD5").startswith("+ "), "no challenge")
    equal(refused(hearers(pop.session)[1].pid, *call(option.split("=")[1])), "SIGSYS", "refused by")
    equal(pop.ask("*"), "-ERR [SYS/TEMP] authentication is not available, try again later", "the login")
    check(ACCEPTED.fullmatch(sasl.login(pop, "CRAM-MD5", "alice", "alicepw")), "the next login")
    pop.quit()


@needs("root", "network")
def test_inside_tls(bed):
    """What would be in clear is not: the list grows by what sends passwords, and a user with a secret may send his password."""
    bed.put(mbox.mailbox(1))
    pop = bed.pop3(file_of(bed), *tls.options(bed), login=None, how="tcp", address=testbed.PUBLIC_ADDRESS)
    equal(pop.lines("AUTH"), list(DIGESTS[1:]), "AUTH before STLS")
    pop.expect("AUTH PLAIN", "-ERR clear-text logins are not allowed on this connection, send STLS first")
    pop.ok("STLS")
    pop.stream = tls.secure(pop.stream, bed)
    equal(pop.lines("AUTH"), ["PLAIN", "LOGIN", *DIGESTS[1:]], "AUTH inside TLS")
    check(ACCEPTED.fullmatch(sasl.login(pop, "PLAIN", "alice", "alicepw")), "PLAIN")
    pop.quit()
    pop.session.finish()


@needs("root")
def test_response_of_megabytes(bed):
    """Nobody keeps it: neither front, nor who must understand it."""
    bed.put(mbox.mailbox(1))
    pop = bed.pop3(login=None)
    equal(pop.ask("AUTH PLAIN"), "+ ", "an empty challenge")
    resident = lambda: sum(int(process.status["VmRSS"].split()[0]) for process in [*hearers(pop.session), *pop.session.rooms().all[:2]])
    before = resident()
    pop.stream.send(b"QUJD" * (2 << 20))
    check(resident() - before < 1000, f"{before} KiB grew to {resident()}")
    equal(pop.ask(""), REFUSED, "reply")
    check(ACCEPTED.fullmatch(sasl.login(pop, "PLAIN", "alice", "alicepw")), "the next login")
    pop.quit()
