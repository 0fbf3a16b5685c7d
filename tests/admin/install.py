"""make install and make uninstall: what they put where, and that one undoes the other."""

import os
import re
import subprocess
from pathlib import Path

from admin.package import Root
from lib import server
from lib.client import Pop3
from lib.suite import check, each, equal, limit, needs
from lib.testbed import PAM_SERVICE

PROJECT = Path(__file__).resolve().parents[2]
PLACES = (("local", "/usr/local", "/usr/local/lib/systemd/system"), ("usr", "/usr", "/lib/systemd/system"),
          ("opt", "/opt/post+1.0", "/etc/systemd/system"))


def make(bed, *arguments, status=0):
    done = subprocess.run(["make", "-C", PROJECT, "-s", "-o", "all", *arguments, f"BUILD={bed.place.build}"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=50)
    text = done.stdout.decode("utf-8", "replace")
    equal(done.returncode, status, f"make {arguments}: {text[-1500:]}")
    return text


def found(root):
    """Every file and empty directory below root, as absolute paths."""
    paths = [path for path in root.rglob("*") if not path.is_dir() or not any(path.iterdir())]
    return sorted("/" + str(path.relative_to(root)) for path in paths)


def settings(root, prefix, units):
    return f"DESTDIR={root}", f"PREFIX={prefix}", f"UNITS={units}"


def test_nothing_forgotten(bed):
    """Every program that was built and every unit is in the table of what is installed."""
    table = (PROJECT / "units/files").read_text()
    sources = set(re.findall(r"(?m)^(?:\d+|text|conf)\t(\S+)", table))
    for source in sources:
        path = Path(source.replace("$BUILD", str(bed.place.build)))
        check((PROJECT / path).is_file(), f"units/files names {source}, which does not exist")
    wanted = {f"$BUILD/{path.relative_to(bed.place.build)}" for folder in ("sbin", "libexec/restante")
              for path in (bed.place.build / folder).iterdir() if path.is_file()}
    wanted |= {str(path.relative_to(PROJECT)) for pattern in ("units/*.socket", "units/*.service", "units/*.slice", "units/pam.d/*", "pop?d/*.8")
               for path in PROJECT.glob(pattern)}
    equal(wanted - sources, set(), "what units/files does not name")


def test_package_knows_what_it_is_built_of(bed):
    listed = re.findall(r"(?m)^(\S+-dev)\b", (PROJECT / ".ci/packages.build").read_text())
    control = (PROJECT / "units/debian/control").read_text()
    equal([name for name in listed if name != "libc6-dev" and f" {name}" not in control], [], "what Build-Depends lacks")


APT_GET = """#!/bin/sh
# Stands in for apt-get: notes whether services may start, and fails if it is told to.
case "$*" in *nothing-such*) ;; *) exit 3 ;; esac
/usr/sbin/policy-rc.d any start >/seen 2>&1; echo "policy $? $DEBIAN_FRONTEND" >>/seen
cat >>/seen
[ ! -e /fail ] || exit 100
"""


@needs("root")
@each(("none", None, 0), ("failing", None, 100), ("own", "exit 104\n", 0))
def test_ci_install_starts_nothing(bed, own, status):
    """While packages are installed nothing may start a service; afterwards the policy is what it was."""
    root = Root(bed)
    policy = root.file("/usr/sbin/policy-rc.d")
    policy.unlink()
    if own:
        policy.write_text("#!/bin/sh\n" + own)
        policy.chmod(0o755)
    (root.path / "apt-get").write_text(APT_GET)
    (root.path / "apt-get").chmod(0o755)
    (root.path / "list").write_text("nothing-such  # a comment\n")
    if status:
        (root.path / "fail").touch()
    (root.path / "install").write_bytes((PROJECT / ".ci/install").read_bytes())
    root.run("sh", "/install", "/list", status=status, env={"PATH": "/:/usr/sbin:/usr/bin:/bin"})
    equal((root.path / "seen").read_text(), f"policy {104 if own else 101} noninteractive\n", "what apt-get saw")
    equal(policy.read_text() if policy.exists() else None, "#!/bin/sh\n" + own if own else None, "the policy afterwards")


@needs("python3")
def test_drawing(bed):
    """The picture of the rooms is made of the text beside it."""
    with open(PROJECT / "units/rooms.txt", "rb") as source:
        drawn = subprocess.run(["python3", PROJECT / "units/draw"], stdin=source, stdout=subprocess.PIPE, timeout=30, check=True)
    equal(drawn.stdout == (PROJECT / "units/rooms.svg").read_bytes(), True, "units/draw <units/rooms.txt makes units/rooms.svg")


@limit(90)
@each(*PLACES)
def test_there_and_back(bed, prefix, units):
    """All text names the prefix it was installed with, a second install changes nothing of the administrator's, and
    uninstall leaves what he changed, and state, and nothing else."""
    root = bed.dir / "root"
    make(bed, "install", *settings(root, prefix, units))
    files = found(root)
    check(f"{prefix}/libexec/restante/empty" in files and f"{units}/pop3@.service" in files, files)
    for path in (root / units.lstrip("/")).iterdir():
        program = re.search(r"(?m)^ExecStart=(\S+)", path.read_text())
        check(not program or os.access(root / program[1].lstrip("/"), os.X_OK), f"{path.name} starts {program}")
    for name in files:
        path = root / name.lstrip("/")
        if path.is_file() and "bin" not in name and "libexec" not in name:
            equal(path.stat().st_mode & 0o777, 0o644, f"mode of {name}")
            check(prefix == "/usr/local" or b"/usr/local" not in path.read_bytes(), f"{name} speaks of /usr/local")
    pam = root / "etc/pam.d/pop3d"
    pam.write_text(PAM_SERVICE)
    make(bed, "install", *settings(root, prefix, units))
    equal((found(root), pam.read_text()), (files, PAM_SERVICE), "after a second install")
    record = root / "var/lib/restante/alice/0.record"
    record.parent.mkdir(parents=True)
    record.touch()
    text = make(bed, "uninstall", *settings(root, prefix, units))
    equal([name for name in found(root) if (root / name.lstrip("/")).is_file()],
          ["/etc/pam.d/pop3d", "/var/lib/restante/alice/0.record"], "what uninstall leaves")
    for said in "/etc/pam.d/pop3d", "/var/lib/restante", "--recover":
        check(said in text, f"uninstall does not speak of {said}: {text}")


def test_bad_prefix(bed):
    for prefix in "usr", "/a b", "/a,b", "/a&b":
        subprocess.run(["sh", PROJECT / "units/install"], env={**server.CLEAN_ENVIRONMENT, "DESTDIR": str(bed.dir / "root"),
                       "PREFIX": prefix, "BUILD": str(bed.place.build)}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, timeout=30)
        check(not (bed.dir / "root").exists(), f"something was installed with PREFIX={prefix}")


@needs("root")
@limit(60)
def test_installed_program_serves(bed):
    """What was installed finds its rooms, by PAM."""
    root = bed.dir / "root"
    make(bed, "install", *settings(root, "/usr/local", "/usr/local/lib/systemd/system"))
    bed.put(b"")
    session = server.Session([str(root / "usr/local/sbin/pop3d"), "--log=stderr"], "socketpair", bed.dir / "log.installed")
    bed.sessions.append(session)
    pop = Pop3(session.stream)
    pop.login("alice", "alicepw")
    pop.quit()
