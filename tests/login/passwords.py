"""Who is let in, and what a refusal looks like and takes."""

import time
from pathlib import Path

from lib import mbox, testbed
from lib.suite import check, each, equal, needs

REFUSED = "-ERR [AUTH] authentication failed"


def try_login(bed, user, password, *options, **more):
    """Returns (reply to PASS, seconds it took, client)."""
    pop = bed.pop3(*options, login=None, **more)
    pop.expect(f"USER {user}", "+OK send PASS")
    begin = time.monotonic()
    reply = pop.ask(f"PASS {password}")
    return reply, time.monotonic() - begin, pop


def check_refused(bed, user, password, *options, logged=None):
    """The same words, no sooner than 2 s, not much later, and the connection stays."""
    reply, took, pop = try_login(bed, user, password, *options)
    equal(reply, REFUSED, "reply")
    check(1.95 <= took < 4, f"it took {took:.2f} s instead of 2")
    pop.expect("QUIT", "+OK bye")
    pop.session.finish()
    check(f'login failed: peer=local method=PASS attempt=1 reason=refused user="{logged or user}"' in pop.session.log(),
          f"log: {pop.session.log()}")


@needs("root")
@each(*((user, user) for user in ("alice", "bob", "erin", "grace")))
def test_pam_right_password(bed, user):
    bed.put(mbox.mailbox(2), user)
    pop = bed.pop3(login=user)
    equal(pop.stat()[0], 2, "messages")
    pop.quit()
    pop.session.finish()
    equal(pop.session.log()[0], f'login: peer=local method=PASS user="{user}"', "log")


@needs("root")
@each(("wrong", "alice", "wrong"), ("empty", "alice", ""), ("longer", "alice", "alicepwx"), ("shorter", "alice", "alicep"),
      ("other_users", "alice", "bobpw"), ("unknown_user", "nobody-of-that-name", "x"), ("locked", "carol", "carolpw"),
      ("expired", "dave", "davepw"), ("root", "root", testbed.ROOT_PASSWORD), ("system_user", "_restante", "x"))
def test_pam_refusal(bed, user, password):
    check_refused(bed, user, password)


@needs("root")
def test_pam_refusal_by_pop2(bed):
    pop = bed.pop2(login=None)
    begin = time.monotonic()
    pop.expect(f"HELO root {testbed.ROOT_PASSWORD}", "- authentication failed")
    check(1.95 <= time.monotonic() - begin < 4, "not after 2 s")
    pop.stream.expect_end()
    pop.session.finish()


@needs("root")
def test_delay_of_pam_is_not_added(bed):
    """A module that waits by itself, as pam_unix does by default: its time is part of the 2 s, or longer, not more."""
    Path("/etc/pam.d/pop3-slow").write_text("auth required pam_unix.so\naccount required pam_unix.so\n")
    reply, took, pop = try_login(bed, "alice", "wrong", "--pam-service=pop3-slow")
    equal(reply, REFUSED, "reply")
    check(1.95 <= took < 4, f"it took {took:.2f} s")
    pop.session.close()


@needs("root")
@each(("unavailable", "auth required pam_debug.so auth=authinfo_unavail"), ("module_missing", "auth required pam_no_such_module.so"),
      ("service_error", "auth required pam_debug.so auth=service_err"), ("abort", "auth required pam_debug.so auth=abort"))
def test_trouble_of_pam_is_not_the_users_fault(bed, line):
    Path("/etc/pam.d/pop3-broken").write_text(f"{line}\naccount required pam_unix.so\n")
    reply, _, pop = try_login(bed, "alice", "alicepw", "--pam-service=pop3-broken")
    equal(reply, "-ERR [SYS/TEMP] authentication is not available, try again later", "reply")
    pop.session.close()
    check('login failed: peer=local method=PASS attempt=1 reason=unavailable user="alice"' in pop.session.log(), f"{pop.session.log()}")


@needs("root")
def test_account_phase_is_asked(bed):
    """A right password of an account that may not log in."""
    Path("/etc/pam.d/pop3-closed").write_text("auth required pam_unix.so nodelay\naccount required pam_deny.so\n")
    check_refused(bed, "alice", "alicepw", "--pam-service=pop3-closed")


@needs("root")
def test_password_change_due_is_no_login(bed):
    Path("/etc/pam.d/pop3-renew").write_text("auth required pam_unix.so nodelay\naccount required pam_debug.so acct=new_authtok_reqd\n")
    check_refused(bed, "alice", "alicepw", "--pam-service=pop3-renew")


@needs("root")
@each(("tcp", {"how": "tcp"}, "127.0.0.1"), ("socketpair", {}, ""))
def test_what_pam_is_told(bed, connection, host):
    """Service, user, and the numeric address, for fail2ban and pam_access."""
    script, seen = bed.dir / "script", bed.dir / "seen"
    script.write_text(f"#!/bin/sh\necho \"$PAM_SERVICE $PAM_USER $PAM_RHOST $PAM_TTY $PAM_TYPE\" >> {seen}\n")
    script.chmod(0o755)
    Path("/etc/pam.d/pop3-told").write_text(f"auth required pam_exec.so quiet {script}\n{testbed.PAM_SERVICE}")
    pop = bed.pop3("--pam-service=pop3-told", **connection)
    pop.quit()
    pop.session.finish()
    service, user, *rest, kind = seen.read_text().split()
    equal((service, user, kind), ("pop3-told", "alice", "auth"), "PAM items")
    if host:
        equal(rest[0], host, "PAM_RHOST")


# --auth=file

@each(("as_the_suite", lambda bed: bed), ("as_a_user", lambda bed: bed.unprivileged()))
def test_file_right_password(bed, choose):
    bed = choose(bed)
    secrets = bed.private_file("more-secrets", "# a comment\n\nbob\t\t  bobs password\nalice alicepw2\n")
    bed.put(mbox.mailbox(2))
    for user, password in ("alice", "alicepw2"), ("bob", "bobs password"):
        reply, _, pop = try_login(bed, user, password, "--auth=file", f"--secrets={secrets}")
        check(reply.startswith("+OK maildrop has "), reply)
        pop.quit()
        pop.session.finish()
    check_refused(bed, "alice", "alicepw", "--auth=file", f"--secrets={secrets}")
    check_refused(bed, "bob", "bobs", "--auth=file", f"--secrets={secrets}")
    check_refused(bed, "#", "a comment", "--auth=file", f"--secrets={secrets}")


@needs("root")
@each(("uid_0", "root"), ("nobody_of_the_system", "ghost"))
def test_file_as_root_knows_only_users_of_the_system(bed, user):
    secrets = bed.private_file("secrets", "root\tsecret\nghost\tsecret\n")
    check_refused(bed, user, "secret", "--auth=file", f"--secrets={secrets}")


@each(("parent", "../mail/bob"), ("slash", "bob/"), ("dot", ".bob"), ("dash", "-bob"), ("dot_dot", ".."))
def test_names_that_are_paths(bed, user):
    """Whatever the secret file says: such a name makes no path of a mailbox."""
    bed = bed.unprivileged()
    bed.put(mbox.mailbox(3), "bob")
    with open(bed.secrets, "a") as secrets:
        secrets.write(f"{user}\tsecret\n")
    reply, _, pop = try_login(bed, user, "secret")
    check(reply.startswith("-ERR"), reply)
    pop.session.close()


def test_user_without_a_password(bed):
    """A name alone in the secret file lets nobody in."""
    bed = bed.unprivileged()
    with open(bed.secrets, "a") as secrets:
        secrets.write("nopass\t\nnothing\n")
    for user in "nopass", "nothing":
        pop = bed.pop3(login=None)
        pop.ok(f"USER {user}")
        check(pop.ask("PASS ").startswith("-ERR"), "let in")
        pop.session.close()


def test_refusal_of_a_file_login_takes_as_long(bed):
    bed = bed.unprivileged()
    check_refused(bed, "alice", "wrong")
    check_refused(bed, "ghost", "wrong")


def test_any_user_of_the_file_as_an_ordinary_user(bed):
    """Not a user of the system: the mailbox belongs to whoever runs the server."""
    bed = bed.unprivileged()
    with open(bed.secrets, "a") as secrets:
        secrets.write("not.of-this+system\tsecret\n")
    bed.put(mbox.mailbox(2), "not.of-this+system")
    reply, _, pop = try_login(bed, "not.of-this+system", "secret")
    check(reply.startswith("+OK maildrop has 2 messages"), reply)
    pop.quit()
    pop.session.finish()


@needs("root")
def test_mailboxes_are_kept_apart(bed):
    bed.put(mbox.mailbox(1), "alice")
    bed.put(mbox.mailbox(3), "bob")
    equal([bed.pop3(login=user).stat()[0] for user in ("alice", "bob")], [1, 3], "messages of alice and bob")
