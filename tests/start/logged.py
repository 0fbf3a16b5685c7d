"""Names and paths that mean to be more: none makes a line of the log, or a word of one, that is not there."""

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

from lib import mbox, sasl
from lib.suite import check, each, equal, needs
from lib.testbed import USERS, shadow_hash

NAME = 'x" peer=203.0.113.9 user="root\\ \xe9'
QUOTED = 'x\\x22\\x20peer=203.0.113.9\\x20user=\\x22root\\x5c\\x20\\xc3\\xa9'      # by hand, of its octets
UID = 4010
FORGED = 'x\nlogin: peer=203.0.113.9 method=PASS user="root"\x1b[2J\r\x7f'
ONE_LINE = 'x?login: peer=203.0.113.9 method=PASS user="root"?[2J??'


@contextlib.contextmanager
def somebody(home="/nonexistent"):
    """The system has a user of that name; directories with worse names, which are nobody's, lie in the state directory."""
    files = {Path("/etc/passwd"): f"{NAME}:x:{UID}:{UID}::{home}:/bin/sh\n",
             Path("/etc/shadow"): f"{NAME}:{shadow_hash(USERS['alice'][2])}:19000:0:99999:7:::\n"}
    before = {path: path.read_bytes() for path in files}
    for path, line in files.items():
        path.write_bytes(before[path] + line.encode())
    nobodys = [Path("/var/lib/restante") / name for name in (FORGED, "\x1b[2J", "-x\ny")]
    for path in nobodys:
        path.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        for path, octets in before.items():
            path.write_bytes(octets)
        for path in nobodys:
            path.rmdir()
        own = Path("/var/lib/restante") / NAME
        if own.is_dir():
            shutil.rmtree(own)


def log_in(bed, *options):
    """(the connection, the server's last line)"""
    pop = bed.pop3(*options, login=None)
    return pop, sasl.login(pop, "PLAIN", NAME, "alicepw")


def recover(bed):
    """What --recover logs, and its exit status."""
    done = subprocess.run([bed.program("pop3d"), "--log=stderr", "--recover"], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=30, check=False)
    return [line.split("]: ", 1)[1] for line in done.stderr.decode("latin-1").split("\n") if line], done.returncode


@needs("root")
def test_login(bed):
    with somebody():
        pop, reply = log_in(bed)
        check(reply.startswith("+OK maildrop"), reply)
        pop.quit()
        pop.session.finish()
        login, end = pop.session.log()
        equal(login, f'login: peer=local method=PLAIN user="{QUOTED}"', "the login")
        check(end.startswith(f'session end: user="{QUOTED}" peer=local secs='), end)


@needs("root")
def test_recovery_of_a_record_that_cannot_be_read(bed):
    with somebody():
        path = bed.spool / NAME
        path.write_bytes(mbox.mailbox(2))
        os.chown(path, UID, 8)
        pop, reply = log_in(bed)
        check(reply.startswith("+OK maildrop has 2"), reply)
        pop.ok("DELE 1")
        pop.quit()
        record, = (Path("/var/lib/restante") / NAME).glob("*.record")
        record.unlink()
        os.mkfifo(record, 0o600)
        os.chown(record, UID, UID)
        lines, status = recover(bed)
        equal((len(lines), status), (1, 75), f"number of lines, exit status: {lines}")
        check(lines[0].startswith(f'error: an update is still pending for user="{QUOTED}": '), lines[0])


@needs("root")
def test_recovery_of_an_account_that_is_too_long(bed):
    state = Path("/var/lib/restante") / NAME
    with somebody(home="/" + "h" * 1100):
        state.mkdir(parents=True, exist_ok=True)
        equal(recover(bed), ([f'error: an update may be pending for user="{QUOTED}": the account cannot be looked up'], 75), "the log")


@needs("root")
@each(("used", (), f'warning: user="{QUOTED}" the state directory cannot be used: Not a directory'),
      ("made", ("--state=/dev/null",), f"warning: state directory /dev/null/{QUOTED} cannot be made: Not a directory"))
def test_state_directory_that_cannot_be(bed, options, warning):
    state = Path("/var/lib/restante") / NAME
    with somebody():
        state.write_bytes(b"")
        try:
            pop, reply = log_in(bed, *options)
            check(reply.startswith("+OK maildrop"), reply)
            pop.quit()
            pop.session.finish()
            equal([line for line in pop.session.log() if not line.startswith(("login: ", "session end: "))], [warning], "what else the log says")
        finally:
            state.unlink()


@needs("root")
@each(("state", "--state={}/none", "warning: state directory {}/none/alice cannot be made: "),
      ("secrets", "--secrets={}/none", "warning: APOP, CRAM-MD5 and SCRAM are not offered: {}/none: "),
      ("keytab", "--keytab={}/none", "warning: GSSAPI is not offered: {}/none: "))
def test_path(bed, option, line):
    """The administrator's own, but it may have come from elsewhere."""
    file = bed.dir / FORGED
    file.write_bytes(b"")
    bed.put(mbox.mailbox(1))
    pop = bed.pop3(option.format(file))
    pop.quit()
    pop.session.finish()
    log = pop.session.log()
    equal(len(log), 3, f"lines in {log}")
    check(any(one.startswith(line.format(f"{bed.dir}/{ONE_LINE}")) for one in log), log)
