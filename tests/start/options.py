"""Options, configuration, and what is said when they are wrong."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from lib import mbox
from lib.suite import check, each, equal, needs, until
from lib.testbed import USERS

USAGE, CONFIGURATION = 64, 78
ALICE = USERS["alice"][0]
CLIENT_LINE = {"pop3d": b"-ERR [SYS/PERM] server misconfigured\r\n", "pop2d": b"- server misconfigured\r\n"}


def run(bed, *options, program="pop3d"):
    """Runs it without a client; returns (status, output, error output)."""
    more = {"user": bed.owner, "group": bed.owner, "extra_groups": []} if bed.owner not in (None, os.geteuid()) else {}
    done = subprocess.run([bed.program(program), *options], stdin=subprocess.DEVNULL, capture_output=True, timeout=20, cwd="/", **more)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def check_misconfigured(bed, options, status, says, program="pop3d"):
    """Exit status, one line on stderr that says what to do, one line for the client, and no login."""
    session = bed.start(program, *options, bare=True)
    equal(session.stream.take_all(), CLIENT_LINE[program], "what the client got")
    equal(session.wait(), status, "exit status")
    lines = session.log_path.read_text().splitlines()
    equal(len(lines), 1, f"lines on stderr, {lines}")
    check(lines[0].startswith(program) and re.search(says, lines[0]), f"{lines[0]!r} does not say {says!r}")


@each(("pop3d", "pop3d"), ("pop2d", "pop2d"))
def test_unknown_option(bed, program):
    check_misconfigured(bed, [*bed.options(), "--no-such-option"], USAGE, "--no-such-option.*--help", program)


@each(("letter", ["-Z"], "Z"), ("argument", ["110"], "110"), ("value_missing", ["--timeout"], "--timeout"),
      ("value_too_many", ["--read-only=yes"], "read-only"),
      ("auth", ["--auth=kerberos"], "pam, file"), ("maildrop", ["--maildrop=/var/mail"], "template"),
      ("maildrop_directive", ["--maildrop=mbox:/var/mail/%q"], "template"), ("maildrop_relative", ["--maildrop=mbox:mail/%u"], "template"),
      ("unknown_format", ["--maildrop=maildirs:%h/Maildir"], "template"),
      ("timeout", ["--timeout=ten"], "seconds"), ("timeout_negative", ["--timeout=-1"], "seconds"),
      ("timeout_huge", ["--timeout=99999999999999999999"], "seconds"),
      ("login_timeout", ["--login-timeout="], "seconds"),
      ("plaintext", ["--plaintext=sometimes"], "networks"), ("plaintext_network", ["--plaintext=192.0.2.0/33"], "networks"),
      ("plaintext_octet", ["--plaintext=192.0.2.256"], "networks"), ("plaintext_empty", ["--plaintext="], "networks"),
      ("log", ["--log=file"], "syslog"), ("state", ["--state=relative"], "absolute"), ("secrets", ["--secrets=relative"], "absolute"),
      ("pam_service", ["--pam-service=../../tmp/evil"], "pam-service"),
      ("cert", ["--cert=relative"], "absolute"), ("key", ["--key="], "absolute"), ("tls_min", ["--tls-min=1.4"], "1.0, 1.1, 1.2 or 1.3"),
      ("tls", ["--tls=yes"], "tls"))
def test_wrong_value(bed, options, says):
    check_misconfigured(bed, [*bed.options(), *options], USAGE, says)


@each(("x-uidl", "maildir", "x-uidl", "Maildir"), ("courier", "mbox", "courier", "mbox"))
def test_uidls_that_no_message_can_have(bed, format, style, says):
    """Else it would be seen when all clients have downloaded everything again. With auto it depends on the user."""
    options = lambda word: [*bed.options(), f"--maildrop={word}:/var/mail/%u", f"--uidl={style}"]
    check_misconfigured(bed, options(format), CONFIGURATION, f"--uidl: .*{says}")
    equal(run(bed, *options(format), "--check")[0], CONFIGURATION, "exit status of --check")
    for word in {"auto", "mbox", "maildir"} - {format}:
        equal(run(bed, *options(word), "--help")[0], 0, f"exit status over {word}")
        check("uidl" not in run(bed, *options(word), "--check")[2], f"--check over {word} complains of the style")


def test_file_login_without_a_file(bed):
    check_misconfigured(bed, ["--auth=file"], CONFIGURATION, "--secrets")


@each(("group_readable", 0o640), ("readable_by_all", 0o604), ("writable_by_all", 0o602))
def test_secret_file_that_others_may_read(bed, mode):
    secrets = bed.private_file("open-secrets", "alice\talicepw\n", mode)
    check_misconfigured(bed, ["--auth=file", f"--secrets={secrets}"], CONFIGURATION, f"{secrets}.*chmod 600")


@each(("missing", lambda path: path.unlink()), ("directory", lambda path: (path.unlink(), path.mkdir())),
      ("fifo", lambda path: (path.unlink(), os.mkfifo(path, 0o600))))
def test_secret_file_that_is_none(bed, spoil):
    secrets = bed.private_file("more-secrets", "alice\talicepw\n")
    spoil(secrets)
    check_misconfigured(bed, ["--auth=file", f"--secrets={secrets}"], CONFIGURATION, str(secrets))


@needs("root")
@each(("as_root", lambda bed: bed), ("as_a_user", lambda bed: bed.unprivileged()))
def test_secret_file_of_somebody_else(bed, choose):
    bed = choose(bed)
    secrets = bed.private_file("more-secrets", "alice\talicepw\n")
    os.chown(secrets, 4002, 4002)
    check_misconfigured(bed, ["--auth=file", f"--secrets={secrets}"], CONFIGURATION, str(secrets))


@needs("root")
def test_room_user_missing(bed):
    passwd = Path("/etc/passwd").read_text()
    Path("/etc/passwd").write_text("".join(line for line in passwd.splitlines(True) if not line.startswith("_restante:")))
    try:
        check_misconfigured(bed, [], CONFIGURATION, "_restante")
    finally:
        Path("/etc/passwd").write_text(passwd)


# The configuration file.

def test_configuration_file(bed):
    """Comments, blank lines, runs of spaces; the command line wins."""
    bed.put(mbox.mailbox(1))
    config = bed.private_file("conf", "# a comment\n\nread-only\nplaintext \t never\n\n  timeout 5\n", 0o644)
    pop = bed.pop3(f"--config={config}", "--plaintext=always")
    pop.expect("DELE 1", "-ERR [SYS/PERM] maildrop is read-only")
    pop.quit()
    pop.session.finish()
    pop = bed.pop3(f"--config={config}", login=None)
    pop.expect("USER alice", "-ERR clear-text logins are not allowed on this connection")
    pop.session.close()


@needs("root")
def test_default_configuration_file(bed):
    bed.put(mbox.mailbox(1))
    Path("/etc/restante.conf").write_text("read-only\n")
    pop = bed.pop3()
    pop.expect("DELE 1", "-ERR [SYS/PERM] maildrop is read-only")
    pop.quit()


@each(("unknown", "no-such-option 1\n", "line 1.*no-such-option"), ("value", "# x\ntimeout ten\n", "line 2.*timeout"),
      ("value_missing", "timeout\n", "line 1.*timeout"), ("value_too_many", "read-only yes\n", "line 1.*read-only"),
      ("command_line_only", "check\n", "line 1.*check"), ("nul", "read-only\n\0\n", "conf"))
def test_wrong_configuration(bed, text, says):
    config = bed.private_file("conf", text, 0o644)
    check_misconfigured(bed, [*bed.options(), f"--config={config}"], CONFIGURATION, f"{config}.*{says}" if says != "conf" else says)


@each(("group", 0o664), ("all", 0o646))
def test_configuration_that_others_may_write(bed, mode):
    config = bed.private_file("conf", "read-only\n", mode)
    check_misconfigured(bed, [*bed.options(), f"--config={config}"], CONFIGURATION, str(config))


def test_configuration_missing(bed):
    check_misconfigured(bed, [*bed.options(), f"--config={bed.dir}/none"], CONFIGURATION, "none")


@needs("root")
def test_configuration_of_somebody_else(bed):
    config = bed.private_file("conf", "read-only\n", 0o644)
    os.chown(config, 4002, 4002)
    check_misconfigured(bed, [f"--config={config}"], CONFIGURATION, str(config))


@needs("root", "sandbox")       # a sanitizer refuses for itself
@each(("user", 0o4755), ("group", 0o2755))
def test_set_user_id(bed, mode):
    """Lent rights would be everybody's: --config would print any file's first line."""
    program = Path("/home/pop3d")              # each worker has its own
    shutil.copy(bed.program("pop3d"), program)
    bed.closing(program.unlink)
    program.chmod(mode)
    secret = bed.private_file("secret", "the first line\n")
    done = subprocess.run([program, f"--config={secret}", "--check"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=20, cwd="/", user=ALICE, group=ALICE, extra_groups=[], check=False)
    equal(done.returncode, CONFIGURATION, "exit status")
    check("must not be set-user-ID" in done.stderr, done.stderr)
    check("first line" not in done.stderr + done.stdout, done.stderr)


# What goes where.

def test_client_never_sees_what_is_for_the_administrator(bed):
    """Under inetd descriptor 2 is the client."""
    session = bed.start("pop3d", "--no-such-option", bare=True, stderr="client")
    equal(session.stream.take_all(), CLIENT_LINE["pop3d"], "what the client got")
    equal(session.wait(), USAGE, "exit status")


def test_log_on_stderr_is_not_sent_to_the_client(bed):
    session = bed.start("pop3d", stderr="client")
    session.stream.send(b"QUIT\r\n")
    check(re.fullmatch(rb"\+OK POP3 \S+ ready\r\n\+OK bye\r\n", session.stream.take_all()), "the log was sent to the client")
    session.wait()


@needs("root")
@each(("pop3d", "pop3d", "PASS"), ("pop2d", "pop2d", "HELO"))
def test_syslog(bed, program, method):
    """Facility mail, the daemon's own ident, the same lines; nothing on stderr."""
    lines = bed.syslog()
    pop = getattr(bed, program[:-1])(log="syslog")
    pop.quit()
    pop.session.finish()
    equal(pop.session.log(), [], "lines on stderr")
    pid = pop.session.pid
    until(lambda: any(f"{program}[{pid}]: session end: " in line for line in lines), "the last line in the log")
    login = [line for line in lines if f'{program}[{pid}]: login: peer=local method={method} user="alice"' in line]
    equal(len(login), 1, f"login lines in {lines}")
    end = [line for line in lines if f"{program}[{pid}]: session end: " in line]
    equal(len(end), 1, f"session ends in {lines}")
    for line in login + end:
        equal(int(line[1:line.index(">")]) >> 3, 2, f"facility of {line!r}")
        equal(int(line[1:line.index(">")]) & 7, 6, f"priority of {line!r}")


@needs("root")
def test_misconfiguration_in_syslog(bed):
    lines = bed.syslog()
    bed.start("pop3d", "--no-such-option", bare=True).wait()
    until(lambda: any("pop3d[" in line and "--no-such-option" in line for line in lines), "a line in the log")


@each(("version_long", ["--version"], r"restante.*\d"), ("version", ["-V"], r"restante.*\d"),
      ("help_long", ["--help"], "--plaintext"), ("help", ["-h"], "--plaintext"))
def test_information(bed, options, says):
    status, output, error = run(bed, *options)
    equal((status, error), (0, ""), "exit status and stderr")
    check(re.search(says, output), f"{output!r}")


def test_help_names_every_option(bed):
    _, output, _ = run(bed, "--help")
    for option in ("config maildrop auth pam-service secrets plaintext domain read-only state login-timeout timeout log "
                   "tls cert key tls-min check version help").split():
        check(f"--{option}" in output, f"--{option} is missing in --help")


@each(("pop3d", "pop3d"), ("pop2d", "pop2d"))
def test_check_of_a_good_configuration(bed, program):
    status, output, error = run(bed, "--check", *bed.options(), program=program)
    equal((status, error), (0, ""), "exit status and stderr")
    check("mbox:" in output, f"{output!r}")


@each(("secrets", ["--auth=file", "--secrets=/nonexistent"]), ("configuration", ["--config=/nonexistent"]))
def test_check_of_a_bad_configuration(bed, options):
    status, output, error = run(bed, "--check", *options)
    equal(status, CONFIGURATION, "exit status")
    check("/nonexistent" in error and "-ERR" not in output, f"{output!r} {error!r}")


@needs("root")
def test_check_of_a_missing_pam_service(bed):
    status, _, error = run(bed, "--check", "--pam-service=no-such-service")
    equal(status, CONFIGURATION, "exit status")
    check("no-such-service" in error, f"{error!r}")


def test_abbreviated_letters(bed):
    """Short options, with and without a space, and several values of one."""
    bed.put(mbox.mailbox(1))
    config = bed.private_file("conf", "timeout 600\n", 0o644)
    pop = bed.pop3("-r", "-f", str(config), "-Palways", "-d", "example.org", "-dexample.com")
    pop.expect("DELE 1", "-ERR [SYS/PERM] maildrop is read-only")
    pop.quit()
    pop.session.finish()


# Templates.

@each(("user", "{dir}/box-%u", "box-alice"), ("first_octets", "{dir}/%1/%2/%u", "a/al/alice"), ("percent", "{dir}/100%%/%u", "100%/alice"))
def test_maildrop_template(bed, template, path):
    mailbox = bed.dir / "boxes" / path
    mailbox.parent.mkdir(parents=True)
    mailbox.write_bytes(mbox.mailbox(2))
    for entry in [bed.dir / "boxes", *(bed.dir / "boxes").rglob("*")]:
        bed.give(entry, "alice")
    pop = bed.pop3("--maildrop=mbox:" + template.format(dir=bed.dir / "boxes"))
    equal(pop.stat()[0], 2, "messages")
    pop.ok("DELE 1")
    pop.quit()
    pop.session.finish()
    equal(mailbox.read_bytes(), mbox.parse(mbox.mailbox(2))[1].raw, "mailbox")


@needs("root")
def test_maildrop_in_the_home(bed):
    mailbox = Path("/home/alice/Mailbox")
    mailbox.write_bytes(mbox.mailbox(2))
    mailbox.chmod(0o600)
    os.chown(mailbox, 4001, 4001)
    pop = bed.pop3("--maildrop=mbox:%h/Mailbox")
    equal(pop.stat()[0], 2, "messages")
    pop.ok("DELE 1")
    pop.quit()
    pop.session.finish()
    equal(mailbox.read_bytes(), mbox.parse(mbox.mailbox(2))[1].raw, "mailbox")


@needs("root")
def test_state_directory_is_made(bed):
    """The first session after the installation."""
    bed.put(mbox.mailbox(2))
    state = bed.dir / "new-state"
    pop = bed.pop3(f"--state={state}")
    pop.quit()
    pop.session.finish()
    check((state / "alice").is_dir(), f"no {state}/alice; log: {pop.session.log()}")
    equal(state.stat().st_uid, 0, "owner of the state directory")
    equal(state.stat().st_mode & 0o002, 0, "write permission of others")
