"""How TLS begins: STLS, and from the first octet; what is forgotten then, and what changes."""

import ssl

from lib import client, mbox, testbed, tls
from lib.suite import check, each, equal, needs

WAYS = (("stls", "stls"), ("first", "first"))
AS = (("as_the_suite", lambda bed: bed), ("as_a_user", lambda bed: bed.unprivileged()))
KINDS = ("socketpair", "tcp", "listen-fds")
MAIL = mbox.mailbox(3, 300_000)


@needs("openssl")
@each(*((f"{how}/{kind}/{name}", how, kind, choose) for _, how in WAYS for kind in KINDS for name, choose in AS))
def test_session(bed, how, kind, choose):
    """Every octet, an update, and a login line that tells of TLS."""
    bed = choose(bed)
    path = bed.put(MAIL)
    messages = mbox.parse(MAIL)
    pop = bed.pop3(tls=how, how=kind)
    equal(pop.stat(), (3, mbox.octets(messages)), "STAT")
    for number, message in enumerate(messages, 1):
        equal(pop.retr(number), message.wire(), f"message {number}")
    pop.ok("DELE 2")
    equal(pop.quit(), "bye", "reply")
    check(pop.stream.properly, "the end without close_notify")
    pop.session.finish()
    equal(path.read_bytes(), messages[0].raw + messages[2].raw, "mailbox")
    peer = "local" if kind == "socketpair" else "127.0.0.1"
    equal(pop.session.log()[0], f'login: peer={peer} tls=TLSv1.3 cipher=TLS_AES_256_GCM_SHA384 method=PASS user="alice"', "log")




@needs("openssl")
@each(*WAYS)
def test_over_pipes(bed, how):
    """A client that is two pipes, as behind a program that listens."""
    path = bed.put(MAIL)
    pop = bed.pop3(tls=how, how="pipe")
    for number, message in enumerate(mbox.parse(MAIL), 1):
        equal(pop.retr(number), message.wire(), f"message {number}")
    pop.ok("DELE 1")
    pop.quit()
    pop.session.finish()
    equal(path.read_bytes(), b"".join(message.raw for message in mbox.parse(MAIL)[1:]), "mailbox")


# STLS.

@needs("network", "openssl")
def test_what_changes(bed):
    """A client from a network: no password before, and no STLS after."""
    bed.put(mbox.mailbox(1))
    pop = bed.pop3(*tls.options(bed), login=None, how="tcp", address=testbed.PUBLIC_ADDRESS)
    before = pop.lines("CAPA")
    check("STLS" in before and "USER" not in before, f"CAPA: {before}")
    pop.expect("USER alice", "-ERR clear-text logins are not allowed on this connection, send STLS first")
    pop.expect("PASS alicepw", "-ERR clear-text logins are not allowed on this connection, send STLS first")
    pop.stls(bed)
    inside = pop.lines("CAPA")
    check("STLS" not in inside and "USER" in inside, f"CAPA: {inside}")
    pop.expect("STLS", "-ERR TLS is active already")
    pop.login("alice", "alicepw")
    check("STLS" not in pop.lines("CAPA"), "STLS after the login")
    pop.expect("STLS", "-ERR command not allowed in this state")
    pop.quit()
    pop.session.finish()


@needs("openssl")
def test_login_without_it(bed):
    """Where a password may be sent in clear, STLS is offered and not needed; it is over with the login."""
    bed.put(mbox.mailbox(1))
    pop = bed.pop3(*tls.options(bed), login=None)
    check({"STLS", "USER"} <= set(pop.lines("CAPA")), "CAPA")
    pop.login("alice", "alicepw")
    check("STLS" not in pop.lines("CAPA"), "STLS after the login")
    pop.expect("STLS", "-ERR command not allowed in this state")
    check(pop.session.rooms().tls is None, "a tls room for a plain connection")
    pop.quit()
    pop.session.finish()


def test_without_a_certificate(bed):
    pop = bed.pop3(login=None)
    check("STLS" not in pop.lines("CAPA"), "STLS is offered")
    pop.expect("STLS", "-ERR [SYS/PERM] TLS is not available")
    pop.expect("STLS now", "-ERR wrong number of arguments")
    pop.login("alice", "alicepw")
    pop.quit()
    pop.session.finish()


@needs("openssl")
def test_session_starts_anew(bed):
    """USER is forgotten, and the auth that it had called is gone."""
    bed.put(mbox.mailbox(1))
    pop = bed.pop3(*tls.options(bed), login=None)
    pop.expect("USER bob", "+OK send PASS")
    pop.stls(bed)
    pop.expect("PASS alicepw", "-ERR send USER first")
    pop.login("alice", "alicepw")
    pop.quit()
    pop.session.finish()
    equal(len([line for line in pop.session.log() if line.startswith("login")]), 1, f"logins in {pop.session.log()}")


@needs("openssl")
@each(("login", b"USER bob\r\nPASS bobpw\r\nDELE 1\r\nQUIT\r\n"), ("half_a_line", b"US"), ("half_a_login", b"USER bob\r\n"),
      ("much", b"USER bob\r\n" * 1000))
def test_injected_commands(bed, injected):
    """CVE-2011-0411: what somebody in the middle puts behind STLS is not executed as if it had come through TLS."""
    path, bobs = bed.put(mbox.mailbox(1)), bed.put(mbox.mailbox(2), "bob")
    pop = bed.pop3(*tls.options(bed), login=None)
    pop.stream.send(b"STLS\r\n" + injected)
    equal(pop.read_line(), "+OK begin TLS", "reply")
    check(pop.stream.silent(0.2), "an answer to what was injected")
    pop.stream = pop.session.stream = tls.secure(pop.stream, bed)
    check(pop.stream.silent(0.2), "an answer to what was injected")
    pop.expect("PASS bobpw", "-ERR send USER first")
    pop.login("alice", "alicepw")
    equal(pop.stat()[0], 1, "messages")
    pop.quit()
    pop.session.finish()
    equal((path.read_bytes(), bobs.read_bytes()), (mbox.mailbox(1), mbox.mailbox(2)), "mailboxes")


@needs("openssl")
def test_tries_are_counted_on(bed):
    """STLS gives nobody three more."""
    pop = bed.pop3(*tls.options(bed), login=None)
    for _ in range(2):
        pop.ok("USER alice")
        pop.expect("PASS wrong", "-ERR [AUTH] authentication failed")
    pop.stls(bed)
    pop.ok("USER alice")
    pop.expect("PASS wrong", "-ERR [AUTH] authentication failed")
    pop.stream.expect_end()
    pop.session.finish()
    check("attempt=3" in pop.session.log()[2], pop.session.log())


@needs("network", "openssl")
@each(*WAYS)
def test_password_through_tls_from_a_network(bed, how):
    """Allowed whatever --plaintext says; and a user with a secret is not kept from using it."""
    bed.put(mbox.mailbox(1))
    secrets = bed.private_file("more-secrets", "alice\talicesecret\n")
    pop = bed.pop3("--plaintext=never", "--auth=pam,file", f"--secrets={secrets}", tls=how, login=None, how="tcp",
                   address=testbed.PUBLIC_ADDRESS)
    pop.login("alice", "alicesecret")
    pop.quit()
    pop.session.finish()


# Versions and what else is agreed on.

def old(version):
    """A client that knows one version, and takes everything that it needs."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    return context


VERSIONS = {"1.0": ssl.TLSVersion.TLSv1, "1.1": ssl.TLSVersion.TLSv1_1, "1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
NAMES = {"1.0": "TLSv1", "1.1": "TLSv1.1", "1.2": "TLSv1.2", "1.3": "TLSv1.3"}
AGREED = [(least, version, certificate) for least in (None, *VERSIONS) for version in VERSIONS for certificate in ("rsa", "chain")]


@needs("openssl")
@each(*((f"{least or 'default'}/{version}/{certificate}", least, version, certificate) for least, version, certificate in AGREED))
def test_version(bed, least, version, certificate):
    options = [f"--tls-min={least}"] if least else []
    accepted = float(version) >= float(least or "1.2")
    with_tls = lambda: bed.pop3(*options, tls="first", certificate=certificate, context=old(VERSIONS[version]))
    if accepted:
        pop = with_tls()
        equal(pop.stream.tls.version(), NAMES[version], "version")
        pop.quit()
        pop.session.finish()
        check(f" tls={NAMES[version]} cipher={pop.stream.tls.cipher()[0]} " in pop.session.log()[0], pop.session.log())
        return
    try:
        with_tls()
        check(False, f"{version} was accepted")
    except ssl.SSLError as error:
        check("ALERT_PROTOCOL_VERSION" in str(error), f"{error}")
    session = bed.sessions[-1]
    session.stream.close()
    session.finish()
    equal(session.log()[0], 'tls failed: peer=local reason=protocol text="unsupported protocol"', "log")
    check(session.log()[1].startswith("closed before login: peer=local "), session.log())


@needs("openssl")
def test_old_clients_do_not_weaken_new_ones(bed):
    """With --tls-min=1.0 a client of today is still refused what the level of the system forbids."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("NULL-SHA256:AES128-SHA:@SECLEVEL=0")
    pop = bed.pop3("--tls-min=1.0", tls="first", certificate="rsa", context=context)
    equal(pop.stream.tls.cipher()[0], "AES128-SHA", "cipher")
    pop.quit()


@needs("openssl")
@each(("ours", ["pop3"], "pop3"), ("among_others", ["imap", "pop3"], "pop3"), ("none", [], None), ("others", ["http/1.1"], None))
def test_application_protocol(bed, offered, chosen):
    """RFC 7301; whoever does not know of ours is served all the same."""
    context = bed.place.authority().context()
    if offered:
        context.set_alpn_protocols(offered)
    pop = bed.pop3(tls="first", context=context)
    equal(pop.stream.tls.selected_alpn_protocol(), chosen, "protocol")
    pop.quit()


@needs("openssl")
def test_no_tickets_and_no_early_data(bed):
    pop = bed.pop3(tls="first")
    pop.expect("NOOP", "+OK")
    check(not pop.stream.tls.session.has_ticket, "a session ticket")
    pop.quit()


@needs("openssl")
@each(*WAYS)
def test_renewed_certificate(bed, how):
    """The next connection uses it."""
    cert, key = (option.partition("=")[2] for option in tls.options(bed))
    seen = set()
    for name in "chain", "rsa":
        for path, source in zip((cert, key), bed.place.authority().certificate(name)):
            with open(path, "w") as file:
                file.write(source.read_text())
        session = bed.start("pop3d", f"--cert={cert}", f"--key={key}", *(["--tls"] if how == "first" else []))
        if how == "stls":
            session.stream.take_line()
            session.stream.send(b"STLS\r\n")
            session.stream.take_line()
        session.stream = tls.secure(session.stream, bed)
        seen.add(session.stream.tls.getpeercert(binary_form=True))
        session.stream.send(b"QUIT\r\n")
        session.stream.take_all()
        session.finish()
    equal(len(seen), 2, "certificates")


@needs("openssl")
def test_chain_and_key_in_one_file(bed):
    cert, key = bed.place.authority().certificate("chain")
    both = bed.private_file("both.pem", key.read_text() + cert.read_text())
    pop = bed.pop3(f"--cert={both}", login=None)
    pop.stls(bed)
    pop.login("alice", "alicepw")
    pop.quit()
    pop.session.finish()


@needs("openssl")
def test_credentials_of_the_service_manager(bed):
    """restante.crt and restante.key in CREDENTIALS_DIRECTORY, where no option names them."""
    cert, key = bed.place.authority().certificate("chain")
    directory = bed.dir / "credentials"
    directory.mkdir()
    for name, source in ("restante.crt", cert), ("restante.key", key):
        path = directory / name
        path.write_text(source.read_text())
        path.chmod(0o400)
        if bed.owner is not None:
            bed.give(path)
    session = bed.start("pop3d", "--tls", environment={"CREDENTIALS_DIRECTORY": str(directory)})
    session.stream = tls.secure(session.stream, bed)
    pop = client.Pop3(session.stream)
    pop.login("alice", "alicepw")
    pop.quit()
    session.finish()


@needs("root", "network", "openssl")
def test_behind_a_proxy(bed):
    """The header comes first, in clear, and not an octet of the handshake is taken for it."""
    bed.put(mbox.mailbox(1))
    session = bed.start("pop3d", "--proxy=192.0.2.1", *tls.options(bed), "--tls", how="tcp", address=testbed.PUBLIC_ADDRESS)
    session.stream.send(b"PROXY TCP4 198.51.100.7 192.0.2.1 4711 995\r\n")
    session.stream = tls.secure(session.stream, bed)
    pop = client.Pop3(session.stream)
    pop.login("alice", "alicepw")
    pop.quit()
    session.finish()
    check(session.log()[0].startswith("login: peer=198.51.100.7 via=192.0.2.1 tls=TLSv1.3 cipher="), session.log())
