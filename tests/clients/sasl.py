"""Other people's clients by every method but Kerberos: what they fetch and delete, and how the log names it."""

import poplib

from clients import programs
from lib import mbox, sasl
from lib.suite import check, each, equal, needs

MAIL = mbox.mailbox(3, 2000)
SALTED = ("SCRAM-SHA-1", "SCRAM-SHA-256")


def texts(data):
    return [message.wire().replace(b"\r\n", b"\n") for message in mbox.parse(data)]


def service_of(bed, how, text=None):
    """Beside PAM own-secret differs from the password, so that nothing works by accident."""
    if how == "unprivileged":
        bed = bed.unprivileged()
    secrets = bed.private_file("client-secrets", text or "alice\town-secret\n")
    return programs.Service(bed, how, "pop3d", f"--secrets={secrets}", *(["--auth=file"] if how == "unprivileged" else []))


def logged(service, method, count=1):
    service.ended(count)
    logins = [line for line in service.log() if line.startswith("login: ")]
    equal(len(logins), count, f"logins in {service.log()}")
    for line in logins:
        check(f" method={method} " in line, line)


@needs("curl")
@each(*((f"{method} {how}", method, how) for method in ("PLAIN", "LOGIN", "CRAM-MD5", "APOP") for how in ("inetd", "unprivileged")))
def test_curl(bed, method, how):
    service = service_of(bed, how)
    path = service.bed.put(MAIL)
    by_pam = method in ("PLAIN", "LOGIN") and how == "inetd"
    ask = lambda path, *options, **more: programs.curl(
        bed, service, path, *options, "--login-options", f"AUTH={'+' if method == 'APOP' else ''}{method}",
        **{"password": "alicepw" if by_pam else "own-secret", **more})
    equal(ask("2"), mbox.parse(MAIL)[1].wire(), "message 2")
    ask("", "--head", "-X", "DELE 1")
    equal(path.read_bytes(), b"".join(message.raw for message in mbox.parse(MAIL)[1:]), "the mailbox")
    logged(service, method, 2)
    ask("", password="wrong", status=67)
    check(any(f" method={method} attempt=1 reason=refused " in line for line in service.log()), f"log: {service.log()}")


@needs("curl")
def test_curl_chooses(bed):
    """Left alone, it takes what it holds for the strongest of SASL's list, and tries nothing else."""
    service = service_of(bed, "inetd")
    service.bed.put(MAIL)
    equal(len(programs.curl(bed, service, "", password="own-secret").splitlines()), 3, "messages")
    logged(service, "CRAM-MD5")


@needs("mpop")
@each(*((f"{method} {how}", method, how) for method in ("PLAIN", "LOGIN", "CRAM-MD5", "APOP", *SALTED)
        for how in ("inetd", "unprivileged")))
def test_mpop(bed, method, how):
    service, store = service_of(bed, how), programs.Store(bed)
    path = service.bed.put(MAIL)
    by_pam = method in ("PLAIN", "LOGIN") and how == "inetd"
    programs.mpop(bed, service, store, f"auth {method.lower()}", "keep off", password="alicepw" if by_pam else "own-secret")
    equal(store.messages(), texts(MAIL), "messages")
    equal(path.read_bytes(), b"", "the mailbox afterwards")
    logged(service, method)
    programs.mpop(bed, service, store, f"auth {method.lower()}", password="wrong", status=77)


@needs("mpop")
@each(*((method, method) for method in SALTED))
def test_mpop_by_salted_line(bed, method):
    """The client checks the server's signature, which here comes from the file and not from the password."""
    service, store = service_of(bed, "unprivileged", sasl.salted_line("alice", "own-secret", method)), programs.Store(bed)
    service.bed.put(MAIL)
    programs.mpop(bed, service, store, f"auth {method.lower()}", "keep off", password="own-secret")
    equal(store.messages(), texts(MAIL), "messages")
    logged(service, method)


@needs("fetchmail")
@each(*((f"{method} {how}", method, how) for method in ("CRAM-MD5", "APOP") for how in ("inetd", "systemd", "unprivileged")))
def test_fetchmail(bed, method, how):
    service, store = service_of(bed, how), programs.Store(bed)
    path = service.bed.put(MAIL)
    by = ["protocol", "apop"] if method == "APOP" else ["auth", "cram-md5"]
    programs.fetchmail(bed, service, store, "fetchall", server_options=by, password="own-secret")
    equal(store.messages(), texts(MAIL), "messages")
    equal(path.read_bytes(), b"", "the mailbox afterwards")
    logged(service, method)
    service.bed.put(MAIL)
    programs.fetchmail(bed, service, store, "fetchall", server_options=by, password="wrong", status=3)


@each(("inetd", "inetd"), ("unprivileged", "unprivileged"))
def test_poplib(bed, how):
    service = service_of(bed, how)
    path = service.bed.put(MAIL)
    pop = poplib.POP3(*service.address, timeout=40)
    check(pop.apop("alice", "own-secret").startswith(b"+OK "), "APOP")
    equal(len(pop.list()[1]), 3, "messages")
    pop.dele(1), pop.dele(2), pop.dele(3)
    pop.quit()
    equal(path.read_bytes(), b"", "the mailbox afterwards")
    logged(service, "APOP")
