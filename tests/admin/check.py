"""--check: every misconfiguration that can be thought of is told, with what to do, and a good one is called good."""

import os
import shutil
import subprocess
from pathlib import Path

from lib import server
from lib.suite import check, each, equal, needs
from lib.testbed import FRONT_UID, PAM_SERVICE, mount

CONFIGURATION = 78
MS_RDONLY = 1


def run(bed, *options, program="pop3d", build=None, **more):
    """Returns (exit status, standard output, error output)."""
    path = Path(build or bed.place.build) / "sbin" / program
    done = subprocess.run([path, "--check", *options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          cwd="/", env=server.CLEAN_ENVIRONMENT, timeout=20, **more)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def refused(bed, *says, options=(), **more):
    """It exits 78, and one line names the program, the thing, and what to do."""
    status, output, error = run(bed, *options, **more)
    equal(status, CONFIGURATION, f"exit status; {output} {error}")
    check("good" not in output, output)
    line, = error.splitlines()
    check(line.startswith("pop3d: ") or line.startswith("pop2d: "), line)
    for words in says:
        check(words in line, f"{line!r} does not say {words!r}")


def warned(bed, *says, options=(), **more):
    status, output, error = run(bed, *options, **more)
    equal((status, error), (0, ""), f"exit status and errors; {output}")
    lines = [line for line in output.splitlines() if line.startswith("warning: ") and all(words in line for words in says)]
    equal(len(lines), 1, f"warnings that say {says}; {output}")


def directory(bed, name, mode, uid=0, gid=0):
    path = bed.dir / name
    path.mkdir()
    os.chown(path, uid, gid)
    path.chmod(mode)
    return path


@needs("root")
@each(("pop3d", "pop3d"), ("pop2d", "pop2d"))
def test_good(bed, program):
    """The test bed itself, on a disk, has nothing that would be worth a word."""
    status, output, error = run(bed, program=program)
    equal((status, error), (0, ""), "exit status and errors")
    warnings = [line for line in output.splitlines() if line.startswith("warning: ")]
    equal([line for line in warnings if "is in memory" not in line], [], "warnings")     # the bed's state is a tmpfs
    check(f"{program}: the configuration is good" in output, output)


@needs("root")
@each(("missing", None, 0, 0, "No such file", "make the directory"), ("a_file", "file", 0, 0, "must be a directory", "--maildrop"))
def test_spool_refused(bed, kind, uid, gid, *says):
    if kind == "file":
        (bed.dir / "spool").touch()
    refused(bed, str(bed.dir / "spool"), *says, options=[f"--maildrop=mbox:{bed.dir}/spool/%u"])


@needs("root")
@each(("no_dotlocks", 0o755, "dotlock", "chmod 2775"), ("world_writable", 0o777, "every user", "chmod 2775"))
def test_spool_warned(bed, mode, *says):
    spool = directory(bed, "spool", mode)
    warned(bed, str(spool), *says, options=[f"--maildrop=mbox:{spool}/%u"])


@needs("root")
@each(("group_writable", 0o2775), ("sticky", 0o1777 & ~0o002))
def test_spool_good(bed, mode):
    spool = directory(bed, "spool", mode)
    status, output, _ = run(bed, f"--maildrop=mbox:{spool}/%u")
    check(status == 0 and f"warning: {spool}" not in output, output)


@needs("root")
@each(("spool", "--maildrop=mbox:{}/%u", "no message can be deleted"), ("state", "--state={}", "most deletions will be refused"))
def test_read_only_disk(bed, option, says):
    place = bed.dir / "disk"
    place.mkdir()
    mount("disk", place, "tmpfs", flags=MS_RDONLY, data=f"mode=771,uid=0,gid={FRONT_UID}")
    try:
        warned(bed, str(place), "read-only", says, options=[option.format(place)])
    finally:
        subprocess.run(["umount", place], check=True, timeout=20)


@needs("root")
@each(("owner", 0o771, 4001, FRONT_UID, "chown root:_restante"), ("group", 0o771, 0, 0, "chgrp _restante"),
      ("closed", 0o700, 0, FRONT_UID, "chmod 0771"), ("open_to_all", 0o777, 0, FRONT_UID, "chmod 0771"))
def test_state_refused(bed, mode, uid, gid, says):
    state = directory(bed, "state", mode, uid, gid)
    refused(bed, str(state), says, options=[f"--state={state}"])


@needs("root")
def test_state_a_file(bed):
    (bed.dir / "state").touch()
    refused(bed, f"{bed.dir}/state", "must be a directory", "--state", options=[f"--state={bed.dir}/state"])


@needs("root")
def test_state_missing(bed):
    warned(bed, f"{bed.dir}/state", "install -d -m 0771 -o root -g _restante", options=[f"--state={bed.dir}/state"])


@needs("root")
def test_state_in_memory(bed):
    warned(bed, "is in memory", "--state")


def test_state_nowhere(bed):
    """An ordinary user without HOME has no state directory."""
    other = bed.unprivileged()
    options = [option for option in other.options() if not option.startswith("--state")]
    more = {"user": other.owner, "group": other.owner, "extra_groups": []} if other.owner != os.geteuid() else {}
    warned(other, "HOME", "--state", options=options, **more)


@needs("root")
@each(("missing", None, "no such service"), ("included_file_missing", "@include common-nothing\n", "/etc/pam.d/common-nothing"),
      ("writable", PAM_SERVICE, "chmod 644"))
def test_pam_refused(bed, text, says):
    path = Path("/etc/pam.d/restante-check")
    try:
        if text:
            path.write_text(text)
            path.chmod(0o666 if says == "chmod 644" else 0o644)
        refused(bed, str(path), says, options=["--pam-service=restante-check"])
    finally:
        path.unlink(missing_ok=True)


@needs("root")
def test_pam_file_that_ships(bed):
    """With what Debian's common-auth is."""
    path = Path("/etc/pam.d/restante-check")
    try:
        shutil.copy(Path(__file__).resolve().parents[2] / "units/pam.d/pop3d", path)
        equal(run(bed, "--pam-service=restante-check")[0], 0, "exit status")
    finally:
        path.unlink()


@needs("root")
@each(("auth_missing", lambda place: (place / "auth").unlink(), "auth", "No such file"),
      ("auth_not_executable", lambda place: (place / "auth").chmod(0o644), "auth", "install again"),
      ("auth_writable", lambda place: (place / "auth").chmod(0o777), "auth", "chmod 755"),
      ("empty_missing", lambda place: (place / "empty").rmdir(), "empty", "No such file"),
      ("empty_not_empty", lambda place: (place / "empty/x").touch(), "empty", "must be empty"))
def test_programs_refused(bed, spoil, *says):
    copy = bed.dir / "copy"
    for name in "sbin", "libexec":
        shutil.copytree(bed.place.build / name, copy / name)
    spoil(copy / "libexec/restante")
    refused(bed, *says, build=copy)


@needs("root")
def test_program_for_the_file_alone(bed):
    """Where PAM decides it is not needed."""
    copy = bed.dir / "copy"
    for name in "sbin", "libexec":
        shutil.copytree(bed.place.build / name, copy / name)
    (copy / "libexec/restante/auth-file").unlink()
    equal(run(bed, build=copy)[0], 0, "exit status with PAM")
    secrets = bed.private_file("secrets", "alice\talicepw\n")
    refused(bed, "auth-file", "No such file", options=["--auth=file", f"--secrets={secrets}"], build=copy)


@needs("root")
def test_program_of_another(bed):
    copy = bed.dir / "copy"
    for name in "sbin", "libexec":
        shutil.copytree(bed.place.build / name, copy / name)
    os.chown(copy / "libexec/restante/auth", 4001, 4001)
    warned(bed, "auth", "another user than root", build=copy)


@needs("root")
def test_several_at_once(bed):
    """All of them are told, not the first alone."""
    status, _, error = run(bed, f"--maildrop=mbox:{bed.dir}/none/%u", "--pam-service=none", "--plaintext=never")
    equal((status, len(error.splitlines())), (CONFIGURATION, 3), error)


@needs("root")
@each(("pop3d", "pop3d"), ("pop2d", "pop2d"))
def test_nobody_can_log_in(bed, program):
    refused(bed, "nobody can log in", "--plaintext=never", options=["--plaintext=never"], program=program)


@needs("root")
@each(("plaintext", "--plaintext=always", "clear text"), ("login_timeout", "--login-timeout=0", "never sent away"))
def test_careless(bed, option, says):
    warned(bed, option, says, options=[option])


@needs("root")
def test_user_missing(bed):
    """Without _restante nobody is served; the line says how to make it."""
    path = Path("/etc/passwd")
    text = path.read_text()
    try:
        path.write_text("".join(line for line in text.splitlines(True) if not line.startswith("_restante:")))
        refused(bed, "_restante", "sysusers.d")
    finally:
        path.write_text(text)
