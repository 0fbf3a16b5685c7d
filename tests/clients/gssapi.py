"""Other people's clients by Kerberos 5, with tickets of a real KDC: fetching and deleting."""

from clients import programs
from lib import kdc, mbox
from lib.suite import check, each, equal, limit, needs

MAIL = programs.MAIL
HOWS = [(how, how) for how in ("inetd", "systemd", "listen-fds")]


def texts(data):
    return [message.wire().replace(b"\r\n", b"\n") for message in mbox.parse(data)]


def begin(bed, how):
    """(service, the mailbox, the environment of somebody with a ticket)"""
    realm = kdc.Kdc(bed)
    service = programs.Service(bed, how, "pop3d", f"--keytab={realm.keytab}", "--plaintext=never")
    return service, service.bed.put(MAIL), realm.ticket("alice")


def end(service, count=1):
    service.ended(count)
    logins = [line for line in service.log() if line.startswith("login: ")]
    equal([line.split(" method=")[1] for line in logins], count * ['GSSAPI user="alice"'], "logins")


@needs("root", "kinit", "curl")
@each(*HOWS)
def test_curl(bed, how):
    service, path, ticket = begin(bed, how)
    ask = lambda path, *options: programs.run(bed, "curl", "-sS", "--max-time", "40", "--login-options", "AUTH=GSSAPI", "-u", "alice@TEST.EXAMPLE:",
                                              f"pop3://localhost:{service.port}/{path}", *options, **ticket)
    messages = mbox.parse(MAIL)
    equal(ask("2"), messages[1].wire(), "message 2")
    ask("", "--head", "-X", "DELE 1")
    equal(path.read_bytes(), b"".join(message.raw for message in messages[1:]), "the mailbox")
    end(service, 2)


@needs("root", "kinit", "fetchmail")
@each(*HOWS)
def test_fetchmail(bed, how):
    service, path, ticket = begin(bed, how)
    store, config = programs.Store(bed), bed.dir / "fetchmailrc"
    config.write_text(f"set no bouncemail\npoll localhost protocol pop3 service {service.port} auth gssapi user alice sslproto ''"
                      f" no rewrite fetchall mda '{store.command}'\n")
    config.chmod(0o600)
    programs.run(bed, "fetchmail", "-f", config, "--pidfile", bed.dir / "pid", "--nodetach", "--nosyslog", "--invisible",
                 **{**ticket, "FETCHMAILHOME": str(bed.dir)})
    equal(store.messages(), texts(MAIL), "messages")
    equal(path.read_bytes(), b"", "the mailbox afterwards")
    end(service)


@needs("root", "kinit", "mpop")
@each(*HOWS)
def test_mpop(bed, how):
    service, path, ticket = begin(bed, how)
    store, config = programs.Store(bed), bed.dir / "mpoprc"
    config.write_text(f"account default\nhost localhost\nport {service.port}\nuser alice\npassword none\nauth gssapi\ntls off\nkeep off\n"
                      f"received_header off\nuidls_file {bed.dir}/uidls\ndelivery mda {store.command}\n")
    config.chmod(0o600)
    programs.run(bed, "mpop", "-C", config, "-q", **ticket)
    equal(store.messages(), texts(MAIL), "messages")
    equal(path.read_bytes(), b"", "the mailbox afterwards")
    end(service)


@needs("root", "kinit", "mutt")
@limit(90)
def test_mutt(bed):
    service, path, ticket = begin(bed, "inetd")
    person = programs.Person(bed)
    person.environment["KRB5CCNAME"] = f"FILE:{person.file('ticket')}"
    person.path("ticket").write_bytes(open(ticket["KRB5CCNAME"].removeprefix("FILE:"), "rb").read())
    person.file("stored")
    config = person.file("muttrc", "\n".join([
        f"set pop_host=pop://alice@localhost:{service.port} pop_authenticators=gssapi spoolfile={person.path('stored')} folder={person.directory} mbox_type=mbox",
        "set ssl_starttls=no ssl_force_tls=no quit=yes delete=yes wait_key=no pop_delete=yes",
        "unset confirmcreate confirmappend move mark_old"]) + "\n")
    person.at_terminal("mutt", "-n", "-F", config, "-f", person.path("stored"), "-e", "push '<fetch-mail><exit>'")
    equal(programs.stored(person.path("stored"), "status", "content-length", "lines"), programs.contents(), "messages")
    equal(path.read_bytes(), b"", "the mailbox afterwards")
    end(service)


@needs("root", "kinit", "curl")
def test_without_a_ticket(bed):
    """A client that has none gives the exchange up, and may log in otherwise."""
    realm = kdc.Kdc(bed)
    service = programs.Service(bed, "inetd", "pop3d", f"--keytab={realm.keytab}")
    service.bed.put(MAIL)
    programs.run(bed, "curl", "-sS", "--max-time", "40", "--login-options", "AUTH=GSSAPI", "-u", "alice@TEST.EXAMPLE:",
                 f"pop3://localhost:{service.port}/", status=(67, 94))
    check(len(programs.curl(bed, service, "").splitlines()) == len(mbox.parse(MAIL)), "by password")
