"""Certificates and keys that cannot be used, or should be mended: who is told what."""

import os
import re
import shutil
import ssl
import subprocess

from lib import tls
from lib.suite import check, each, equal, needs

CONFIGURATION = 78


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


class Files:
    """A certificate and its key, to be spoilt."""

    def __init__(self, bed):
        self.bed, self.authority = bed, bed.place.authority()
        self.options = tls.options(bed)
        self.cert, self.key = (option.partition("=")[2] for option in self.options)

    def take(self, name, key=None):
        """Other contents: the certificate of that name, and its key or that of key."""
        write(self.cert, self.authority.certificate(name)[0].read_text())
        write(self.key, self.authority.certificate(key or name)[1].read_text())

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=30)

    def lock(self):
        self.openssl("ec", "-in", str(self.authority.certificate("chain")[1]), "-aes256", "-passout", "pass:x", "-out", self.key)

    def weaken(self):
        self.openssl("req", "-x509", "-newkey", "rsa:1024", "-nodes", "-keyout", self.key, "-out", self.cert, "-subj", "/CN=localhost")

    def replace(self, path, make):
        os.unlink(path)
        make(path)

    def cut_chain(self):
        text = self.authority.certificate("chain")[0].read_text()
        write(self.cert, text[:len(text) * 3 // 4])


# name: (what is done to the files, whose name is told, what is said of it)
AT_ONCE = {     # seen without a TLS library: STLS is not even offered
    "cert_missing": (lambda f: os.unlink(f.cert), "cert", "No such file"),
    "key_missing": (lambda f: os.unlink(f.key), "key", "No such file"),
    "key_readable_by_all": (lambda f: os.chmod(f.key, 0o644), "key", "chmod 640"),
    "key_writable_by_group": (lambda f: os.chmod(f.key, 0o660), "key", "chmod 640"),
    "cert_writable_by_all": (lambda f: os.chmod(f.cert, 0o646), "cert", "chmod go-w"),
    "key_is_a_directory": (lambda f: f.replace(f.key, os.mkdir), "key", "must be a file"),
    "key_is_a_fifo": (lambda f: f.replace(f.key, lambda path: os.mkfifo(path, 0o600)), "key", "must be a file"),
}
LATER = {
    "cert_empty": (lambda f: write(f.cert, ""), "cert", "no certificate in PEM form"),
    "cert_of_noise": (lambda f: write(f.cert, "x" * 4000 + "\n"), "cert", "no certificate in PEM form"),
    "key_as_cert": (lambda f: write(f.cert, open(f.key).read()), "cert", "no certificate in PEM form"),
    "chain_damaged": (lambda f: f.cut_chain(), "cert", "chain is damaged"),
    "key_empty": (lambda f: write(f.key, ""), "key", "no private key in PEM form"),
    "cert_as_key": (lambda f: write(f.key, open(f.cert).read()), "key", "no private key in PEM form"),
    "key_of_another": (lambda f: f.take("chain", "rsa"), "key", "not that of the certificate in .*chain.crt"),
    "key_locked": (lambda f: f.lock(), "key", "locked with a passphrase"),
    "key_too_weak": (lambda f: f.weaken(), "cert", "cannot be used .*too small"),
}
DATED = {
    "expired": (lambda f: f.take("expired"), "cert", "expired on 2020-02-01: renew it"),
    "future": (lambda f: f.take("future"), "cert", "not valid before 2070-01-01: is the clock right"),
}
UNUSABLE = {**AT_ONCE, **LATER}


def spoil(bed, case):
    """Returns (options, pattern of what must be said)."""
    spoiler, which, says = {**UNUSABLE, **DATED}[case]
    files = Files(bed)
    spoiler(files)
    if bed.owner is not None and os.geteuid() == 0:
        for path in files.cert, files.key:
            if os.path.exists(path):
                os.chown(path, bed.owner, bed.owner)
    return files.options, f"{re.escape(getattr(files, which))}: .*{says}"


def run_check(bed, *options):
    more = {"user": bed.owner, "group": bed.owner, "extra_groups": []} if bed.owner not in (None, os.geteuid()) else {}
    done = subprocess.run([bed.program("pop3d"), "--check", *bed.options(), *options], stdin=subprocess.DEVNULL, cwd="/",
                          capture_output=True, timeout=20, **more)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


@needs("openssl")
@each(*((f"{case}/{name}", case, choose) for case in {**UNUSABLE, **DATED}
        for name, choose in (("as_the_suite", lambda bed: bed), ("as_a_user", lambda bed: bed.unprivileged()))
        if name == "as_the_suite" or case in ("key_missing", "key_of_another", "expired")))
def test_check(bed, case, choose):
    """One line that names the file and says what to do; with --tls and without."""
    bed = choose(bed)
    options, says = spoil(bed, case)
    for first in ([], ["--tls"]):
        status, output, error = run_check(bed, *options, *first)
        equal((status, output), (CONFIGURATION, ""), "exit status and output")
        check(re.fullmatch(f"pop3d: {says}.*\n", error), f"{error!r} does not say {says!r}")


@needs("openssl")
@each(("good", lambda f: None), ("key_readable_by_group", lambda f: os.chmod(f.key, 0o640)), ("rsa", lambda f: f.take("rsa")))
def test_check_of_good_ones(bed, change):
    files = Files(bed)
    change(files)
    for first, how in ([], "by STLS"), (["--tls"], "from the first octet"):
        status, output, error = run_check(bed, *files.options, *first)
        equal((status, error), (0, ""), "exit status and error output")
        check(f"TLS {how}\n" in output, f"{output!r}")
    equal(run_check(bed)[0], 0, "exit status without TLS")


@needs("openssl")
def test_options_that_do_not_fit(bed):
    files = Files(bed)
    for options, says in (["--tls"], "--cert"), ([f"--key={files.key}"], "--cert"):
        status, _, error = run_check(bed, *options)
        equal(status, CONFIGURATION, "exit status")
        check(says in error, f"{error!r}")


@needs("openssl")
@each(*((case, case) for case in UNUSABLE))
def test_first(bed, case):
    """--tls: a wrong configuration, and nothing for the client, who could not read it."""
    options, says = spoil(bed, case)
    session = bed.start("pop3d", "--tls", *options, bare=True)
    equal(session.stream.take_all(), b"", "what the client got")
    equal(session.wait(), CONFIGURATION, "exit status")
    lines = session.log_path.read_text().splitlines()
    equal(len(lines), 1, f"lines on stderr, {lines}")
    check(re.fullmatch(f"pop3d: {says}.*", lines[0]), f"{lines[0]!r} does not say {says!r}")


@needs("openssl")
@each(*((case, case) for case in UNUSABLE))
def test_stls(bed, case):
    """Others go on: STLS is not offered or refused, the log says why in one line, and a login is possible."""
    options, says = spoil(bed, case)
    pop = bed.pop3(*options, login=None)
    equal("STLS" in pop.lines("CAPA"), case in LATER, "STLS in CAPA")
    pop.expect("STLS", "-ERR [SYS/PERM] TLS is not available")
    check("STLS" not in pop.lines("CAPA"), "STLS in CAPA afterwards")
    pop.expect("STLS", "-ERR [SYS/PERM] TLS is not available")
    pop.login("alice", "alicepw")
    pop.quit()
    pop.session.finish()
    warnings = [line for line in pop.session.log() if line.startswith("warning:")]
    equal(len(warnings), 1, f"warnings in {pop.session.log()}")
    check(re.fullmatch(f"warning: TLS is not offered: {says}.*", warnings[0]), f"{warnings[0]!r} does not say {says!r}")


@needs("openssl")
@each(*((f"{case}/{how}", case, how) for case in DATED for how in ("stls", "first")))
def test_out_of_date(bed, case, how):
    """Used all the same, with a warning: the clients decide."""
    pop = bed.pop3(tls=how, certificate=case, context=careless())
    pop.quit()
    pop.session.finish()
    warnings = [line for line in pop.session.log() if line.startswith("warning:")]
    equal(len(warnings), 1, f"warnings in {pop.session.log()}")
    check(re.fullmatch(f"warning: TLS: .*{DATED[case][2]}.*", warnings[0]), warnings[0])


def careless():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@needs("root", "openssl")
def test_key_of_somebody_else(bed):
    files = Files(bed)
    os.chown(files.key, 4002, 4002)
    status, _, error = run_check(bed, *files.options)
    equal(status, CONFIGURATION, "exit status")
    check("a file of root's" in error, f"{error!r}")


@needs("openssl")
def test_pop2d_reads_the_same_file(bed):
    """What is for the other daemon is passed over in the configuration file, and unknown on the command line."""
    files = Files(bed)
    config = bed.private_file("conf", f"tls\ncert {files.cert}\nkey {files.cert}\ntls-min 1.0\n", 0o644)
    pop = bed.pop2(f"--config={config}")
    pop.quit()
    pop.session.finish()
    session = bed.start("pop2d", *files.options, bare=True)
    check(session.stream.take_all().startswith(b"- server misconfigured"), "what the client got")
    equal(session.wait(), 64, "exit status")


def copy_of_the_build(bed):
    copy = bed.dir / "build"
    copy.mkdir()
    for name in "sbin", "libexec":
        shutil.copytree(bed.place.build / name, copy / name)
    return copy


def check_copy(bed, copy):
    done = subprocess.run([copy / "sbin/pop3d", "--check", *bed.options(), *Files(bed).options], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=20, cwd="/")
    equal(done.returncode, CONFIGURATION, "exit status")
    return done.stderr.decode()


@needs("openssl")
def test_program_missing(bed):
    """Without the helper there is no TLS, and the log says what is missing."""
    copy = copy_of_the_build(bed)
    (copy / "libexec/restante/tls").unlink()
    says = check_copy(bed, copy)
    check("libexec/restante/tls" in says, says)


@needs("openssl", "sandbox")
def test_library_missing(bed):
    """The helper is there and cannot be loaded: --check says so; a session goes on without it."""
    copy = copy_of_the_build(bed)
    program = copy / "libexec/restante/tls"
    program.write_bytes(program.read_bytes().replace(b"libssl.so.3\0", b"libssl.so.9\0"))
    says = check_copy(bed, copy)
    check("install OpenSSL's library libssl" in says, says)
    bed.program = lambda name: str(copy / "sbin" / name)
    pop = bed.pop3(*tls.options(bed), login=None)
    pop.expect("STLS", "-ERR [SYS/PERM] TLS is not available")
    pop.login("alice", "alicepw")
    pop.quit()
    equal(pop.session.wait(), 0, "exit status")
    check("error: tls could not be loaded: a library is missing" in pop.session.log(), pop.session.log())
