"""Other people's clients, through STLS and on a port of TLS, checking the certificate against a throw-away authority."""

import os
import poplib
import re
import shutil
import subprocess
import time

from clients import programs
from lib import mbox, tls
from lib.client import Stream
from lib.suite import Skip, check, each, equal, needs

MAIL = mbox.mailbox(3, 4000)
MESSAGES = mbox.parse(MAIL)
WAYS = (("stls", "stls"), ("first", "first"))
EVERY_WAY = [(f"{how}/{starter}", how, starter) for _, how in WAYS for starter in ("inetd", "listen-fds", "unprivileged")]


class Service(programs.Service):
    """A server with a certificate for localhost: with STLS, or with TLS first."""

    def __init__(self, bed, how, starter="inetd", *options):
        if starter == "unprivileged":
            bed = bed.unprivileged()
        elif reason := bed.place.missing("root"):
            raise Skip(reason)
        super().__init__(bed, starter, "pop3d", *tls.options(bed), *(["--tls"] if how == "first" else []), *options)
        self.how, self.root = how, str(bed.place.authority().root)

    def logged_in_by_tls(self, count=1):
        """So many sessions have ended well, all of them with TLS."""
        self.ended(count)
        logins = [line for line in self.log() if line.startswith("login: ")]
        equal(len(logins), count, f"logins in {self.log()}")
        for line in logins:
            check(re.search(r" tls=TLSv1\.[23] cipher=\S+ method=", line), line)


def texts(data):
    return [message.wire().replace(b"\r\n", b"\n") for message in mbox.parse(data)]


# curl

def curl(bed, service, path, *options, status=0, trust=True):
    scheme = "pop3s" if service.how == "first" else "pop3"
    return programs.run(bed, "curl", "-sS", "--max-time", "40", "-u", "alice:alicepw", *(["--cacert", service.root] if trust else []),
                        *(["--ssl-reqd"] if service.how == "stls" else []), f"{scheme}://localhost:{service.port}/{path}", *options,
                        status=status)


@needs("curl", "openssl")
@each(*EVERY_WAY)
def test_curl(bed, how, starter):
    service = Service(bed, how, starter)
    path = service.bed.put(MAIL)
    for number, message in enumerate(MESSAGES, 1):
        equal(curl(bed, service, number), message.wire(), f"message {number}")
    curl(bed, service, "", "--head", "-X", "DELE 2")
    equal(path.read_bytes(), MESSAGES[0].raw + MESSAGES[2].raw, "the mailbox")
    service.logged_in_by_tls(4)


@needs("curl", "openssl")
@each(*WAYS)
def test_curl_without_the_authority(bed, how):
    """A client that does not know our authority goes, and the log says why."""
    PEER_FAILED_VERIFICATION = 60
    service = Service(bed, how)
    service.bed.put(MAIL)
    curl(bed, service, 1, status=PEER_FAILED_VERIFICATION, trust=False)
    programs.until(lambda: [line for line in service.log() if line.startswith("closed before login: ")], "the end")
    check('tls failed: peer=127.0.0.1 reason=alert text="tlsv1 alert unknown ca"' in service.log(), service.log())


@needs("curl", "openssl")
def test_curl_that_insists(bed):
    """--ssl-reqd and a server that has no certificate."""
    USE_SSL_FAILED = 64
    service = programs.Service(bed, "unprivileged")
    service.bed.put(MAIL)
    programs.curl(bed, service, 1, "--ssl-reqd", status=USE_SSL_FAILED)


# fetchmail

def fetchmail(bed, service, store, *options, status=programs.FETCHED, trust=True):
    """sslproto auto without ssl means STLS and nothing less."""
    config = bed.dir / "fetchmailrc"
    words = ["poll", "localhost", "protocol", "pop3", "service", str(service.port), "auth", "password", "user", "alice", "password",
             "alicepw", "no", "rewrite", *(["ssl"] if service.how == "first" else []), "sslproto", "'auto'", "sslcertck",
             *(["sslcertfile", service.root] if trust else []), *options, "mda", f"'{store.command}'"]
    config.write_text("set no bouncemail\n" + " ".join(words) + "\n")
    config.chmod(0o600)
    programs.run(bed, "fetchmail", "-f", config, "--pidfile", bed.dir / "fetchmail.pid", "--nodetach", "--nosyslog", "--invisible",
                 status=status, FETCHMAILHOME=str(bed.dir))


@needs("fetchmail", "openssl")
@each(*EVERY_WAY)
def test_fetchmail(bed, how, starter):
    service, store = Service(bed, how, starter), programs.Store(bed)
    path = service.bed.put(MAIL)
    fetchmail(bed, service, store, "keep")
    equal(store.messages(), texts(MAIL), "messages")
    equal(path.read_bytes(), MAIL, "the mailbox of which all is kept")
    fetchmail(bed, service, store, "fetchall")
    equal(store.messages(), texts(MAIL) * 2, "messages of both runs")
    equal(path.read_bytes(), b"", "the mailbox afterwards")
    service.logged_in_by_tls(2)


@needs("fetchmail", "openssl")
@each(*WAYS)
def test_fetchmail_without_the_authority(bed, how):
    SOCKET_ERROR = 2
    service, store = Service(bed, how), programs.Store(bed)
    path = service.bed.put(MAIL)
    fetchmail(bed, service, store, "fetchall", status=SOCKET_ERROR, trust=False)
    equal((store.messages(), path.read_bytes()), ([], MAIL), "messages and mailbox")
    check(not any(line.startswith("login: ") for line in service.log()), service.log())


# mpop (GnuTLS)

@needs("mpop", "openssl")
@each(*(case for case in EVERY_WAY if case[2] != "listen-fds"))
def test_mpop(bed, how, starter):
    service, store = Service(bed, how, starter), programs.Store(bed)
    path = service.bed.put(MAIL)
    config = bed.dir / "mpoprc"
    settings = ["account default", "host localhost", f"port {service.port}", "user alice", "password alicepw", "tls on",
                f"tls_starttls {'on' if how == 'stls' else 'off'}", f"tls_trust_file {service.root}", "received_header off",
                f"uidls_file {bed.dir}/mpop-uidls", f"delivery mda {store.command}", "keep off"]
    config.write_text("\n".join(settings) + "\n")
    config.chmod(0o600)
    programs.run(bed, "mpop", "-C", config, "-q")
    equal(store.messages(), texts(MAIL), "messages")
    equal(path.read_bytes(), b"", "the mailbox afterwards")
    service.logged_in_by_tls()


# mutt (GnuTLS): a person's program, so it has a terminal

@needs("mutt", "script", "openssl")
@each(*WAYS)
def test_mutt(bed, how):
    """G fetches all mail and deletes it on the server."""
    service = Service(bed, how)
    path = service.bed.put(MAIL)
    config, box = bed.dir / "muttrc", bed.dir / "box"
    box.write_bytes(b"")
    settings = [f"spoolfile={box}", f"folder={bed.dir}", "mbox_type=mbox", f"pop_host={'pops' if how == 'first' else 'pop'}://alice@localhost:"
                f"{service.port}", "pop_pass=alicepw", "pop_delete=yes", "pop_last=no", "pop_authenticators=user", "ssl_starttls=yes",
                "ssl_force_tls=yes", f"ssl_ca_certificates_file={service.root}", "ssl_usesystemcerts=no", "quit=yes",
                "move=no", "confirmappend=no", "wait_key=no", "pop_reconnect=no", "timeout=5"]
    config.write_text("".join(f"set {setting}\n" for setting in settings) + 'push "G<exit>"\n')
    programs.run(bed, "script", "-qec", f"mutt -n -F {config}", "/dev/null", TERM="xterm")
    service.logged_in_by_tls()
    equal(path.read_bytes(), b"", "the mailbox afterwards")
    bodies = [message.content.split(b"\n\n", 1)[1].rstrip(b"\n") for message in mbox.parse(box.read_bytes())]
    equal(bodies, [message.content.split(b"\n\n", 1)[1].rstrip(b"\n") for message in MESSAGES], "bodies that mutt has stored")


# getmail6 knows no STLS

PATIENCE = "8"          # seconds; getmail pauses for its own child's end, and for ever when that comes first
LATE = 124              # what timeout says then


@needs("getmail", "openssl")
def test_getmail(bed):
    service = Service(bed, "first")
    home = bed.dir / "getmail"
    home.mkdir(mode=0o700)
    shutil.copy(service.root, home / "root.crt")
    (home / "rc").write_text(
        f"[retriever]\ntype = SimplePOP3SSLRetriever\nserver = localhost\nport = {service.port}\nusername = alice\npassword = alicepw\n"
        f"ca_certs = {home}/root.crt\n[destination]\ntype = Mboxrd\npath = {home}/box\nuser = nobody\n"
        "[options]\ndelete = true\ndelivered_to = false\nreceived = false\n")
    (home / "rc").chmod(0o600)
    for _ in range(4):
        path = service.bed.put(MAIL)
        (home / "box").write_bytes(b"")
        for entry in home, *home.iterdir():
            shutil.chown(entry, "nobody", "nogroup")
        programs.run(bed, *programs.NOBODY, "timeout", PATIENCE, "getmail", "--getmaildir", home, "--rcfile", home / "rc",
                     HOME=str(home), status=(0, LATE))
        if not path.read_bytes():
            break
    equal(path.read_bytes(), b"", "the mailbox afterwards")
    bodies = [message.content.split(b"\n\n", 1)[1].rstrip(b"\n") for message in mbox.parse((home / "box").read_bytes())]
    equal(bodies, [message.content.split(b"\n\n", 1)[1].rstrip(b"\n") for message in MESSAGES], "bodies that getmail has stored")
    check(" tls=TLSv1.3 " in service.log()[-2], service.log())


# Python's poplib

@needs("openssl")
@each(*EVERY_WAY)
def test_poplib(bed, how, starter):
    service = Service(bed, how, starter)
    path = service.bed.put(MAIL)
    context = bed.place.authority().context()
    if how == "first":
        pop = poplib.POP3_SSL("localhost", service.port, timeout=20, context=context)
    else:
        pop = poplib.POP3("localhost", service.port, timeout=20)
        check("STLS" in pop.capa(), "no STLS")
        pop.stls(context)
    check("STLS" not in pop.capa(), "STLS inside TLS")
    pop.user("alice")
    pop.pass_("alicepw")
    for number, message in enumerate(MESSAGES, 1):
        equal(b"".join(line + b"\r\n" for line in pop.retr(number)[1]), message.wire(), f"message {number}")
    pop.dele(1)
    pop.quit()
    equal(path.read_bytes(), MESSAGES[1].raw + MESSAGES[2].raw, "the mailbox")
    service.logged_in_by_tls()


# openssl s_client

LOGIN = b"USER alice\r\nPASS alicepw\r\n"


def s_client(bed, service, *options, text=LOGIN + b"STAT\r\nQUIT\r\n", status=0):
    return programs.run(bed, "openssl", "s_client", "-connect", f"127.0.0.1:{service.port}", "-CAfile", service.root,
                        "-verify_return_error", *(["-starttls", "pop3"] if service.how == "stls" else []), "-quiet", *options, text=text, status=status)


@needs("openssl")
@each(*EVERY_WAY)
def test_s_client(bed, how, starter):
    service = Service(bed, how, starter)
    service.bed.put(MAIL)
    said = s_client(bed, service, "-ign_eof")
    check(b"+OK 3 %d\r\n+OK bye\r\n" % mbox.octets(MESSAGES) in said, f"{said!r}")
    service.logged_in_by_tls()


@needs("openssl")
@each(*((f"{option}/{how}", option, how) for option in ("-tls1", "-tls1_1") for _, how in WAYS))
def test_old_versions(bed, option, how):
    """Refused by default, spoken when the administrator says so."""
    weak = (option, "-cipher", "DEFAULT@SECLEVEL=0", "-ign_eof")
    service = Service(bed, how)
    service.bed.put(MAIL)
    s_client(bed, service, *weak, status=1)
    programs.until(lambda: 'tls failed: peer=127.0.0.1 reason=protocol text="unsupported protocol"' in service.log(), "the log")
    lenient = Service(bed, how, "inetd", "--tls-min=1.0")
    said = s_client(bed, lenient, *weak)
    check(b"+OK bye\r\n" in said, f"{said!r}")


def by_hand(bed, service, options, script):
    """s_client with its one-letter commands: (what to type, what must be seen then). Returns its exit status and all it said."""
    client = subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{service.port}", "-CAfile", service.root, "-crlf", *options],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=bed.dir)
    stream = Stream(client.stdout.fileno(), client.stdin.fileno())
    said = b""
    try:
        for text, answer in ((None, b"+OK POP3"), *script):
            if text:
                os.write(stream.writer, text)
            said += hear(stream, answer)
        return client.wait(10), said
    finally:
        client.kill()
        client.wait()
        client.stdin.close()
        client.stdout.close()


def hear(stream, answer):
    """Everything until that was said, or (None) until the end."""
    deadline = time.monotonic() + 20
    while not stream.ended and (answer is None or answer not in stream.buffer):
        stream._wait(deadline, repr(answer))
    return stream._cut(len(stream.buffer))


@needs("openssl")
def test_renegotiation(bed):
    """Asked for by the client of TLS 1.2 (R), refused; the session goes on or ends, and nothing is removed."""
    service = Service(bed, "first")
    path = service.bed.put(MAIL)
    script = (b"USER alice\n", b"+OK send PASS"), (b"PASS alicepw\n", b"+OK maildrop"), (b"DELE 1\n", b"+OK message 1"), (b"R\n", None)
    status, said = by_hand(bed, service, ["-tls1_2"], script)
    check(status == 1 and b"RENEGOTIATING" in said and b"no renegotiation" in said, f"{said!r}")
    programs.until(lambda: [line for line in service.log() if line.startswith("session end: ")], "the end", 20)
    equal(path.read_bytes(), MAIL, "the mailbox")


@needs("openssl")
def test_new_keys(bed):
    """TLS 1.3: the client changes its keys (k), and asks us to change ours (K), in mid-session."""
    service = Service(bed, "first")
    service.bed.put(MAIL)
    stat = b"+OK 3 %d" % mbox.octets(MESSAGES)
    script = ((b"USER alice\n", b"+OK send PASS"), (b"PASS alicepw\n", b"+OK maildrop"), (b"K\n", b"KEYUPDATE"), (b"STAT\n", stat),
              (b"k\n", b"KEYUPDATE"), (b"STAT\n", stat), (b"K\n", b"KEYUPDATE"), (b"STAT\n", stat), (b"quit\n", None))
    said = by_hand(bed, service, ["-tls1_3"], script)[1]
    check(b"+OK bye" in said and b"unknown command" not in said, f"{said!r}")
    service.logged_in_by_tls()
