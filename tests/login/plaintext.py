"""From where a password may be sent in clear."""

import socket

from lib import mbox, sasl, testbed
from lib.suite import Skip, check, each, equal, needs

PUBLIC, PUBLIC_6 = testbed.PUBLIC_ADDRESS, testbed.PUBLIC_ADDRESS_6
REFUSED = "-ERR clear-text logins are not allowed on this connection"
ALLOWED, FORBIDDEN = True, False


def address_or_skip(address):
    try:
        with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
            probe.bind((address, 0))
    except OSError as error:
        raise Skip(f"no address {address}: {error}") from None
    return address


CASES = (
    ("default_loopback", None, "127.0.0.1", ALLOWED),
    ("default_other_loopback", None, "127.1.2.3", ALLOWED),
    ("default_loopback_6", None, "::1", ALLOWED),
    ("default_public", None, PUBLIC, FORBIDDEN),
    ("default_public_6", None, PUBLIC_6, FORBIDDEN),
    ("local_loopback", "local", "127.0.0.1", ALLOWED),
    ("local_public", "local", PUBLIC, FORBIDDEN),
    ("always_public", "always", PUBLIC, ALLOWED),
    ("always_public_6", "always", PUBLIC_6, ALLOWED),
    ("never_loopback", "never", "127.0.0.1", FORBIDDEN),
    ("never_public", "never", PUBLIC, FORBIDDEN),
    ("network", "192.0.2.0/24", PUBLIC, ALLOWED),
    ("one_address", "192.0.2.1/32", PUBLIC, ALLOWED),
    ("address_without_length", "192.0.2.1", PUBLIC, ALLOWED),
    ("everything", "0.0.0.0/0", PUBLIC, ALLOWED),
    ("other_network", "198.51.100.0/24", PUBLIC, FORBIDDEN),
    ("next_address", "192.0.2.2/31", PUBLIC, FORBIDDEN),
    ("second_of_two", "198.51.100.0/24,192.0.2.0/28", PUBLIC, ALLOWED),
    ("network_6", "2001:db8::/32", PUBLIC_6, ALLOWED),
    ("other_network_6", "2001:db9::/32", PUBLIC_6, FORBIDDEN),
    ("four_is_not_six", "0.0.0.0/0", PUBLIC_6, FORBIDDEN),
    ("local_and_network", "local,192.0.2.0/24", "127.0.0.1", ALLOWED),
)


@needs("network")
@each(*CASES)
def test_pop3(bed, policy, address, allowed):
    bed.put(mbox.mailbox(2))
    pop = bed.pop3(*([f"--plaintext={policy}"] if policy else []), login=None, how="tcp", address=address_or_skip(address))
    equal("USER" in pop.lines("CAPA"), allowed, "USER in CAPA")
    if allowed:
        pop.login("alice", "alicepw")
        equal("USER" in pop.lines("CAPA"), True, "USER in CAPA after the login")
        equal(pop.session.log()[0], f'login: peer={address} method=PASS user="alice"', "log")
        pop.quit()
    else:
        pop.expect("USER alice", REFUSED)
        pop.expect("PASS alicepw", REFUSED)
        pop.expect("STAT", "-ERR command not allowed in this state")
        pop.expect("QUIT", "+OK bye")
        check(not any(line.startswith("login:") for line in pop.session.log()), f"log: {pop.session.log()}")
    pop.session.finish()


@needs("network")
@each(("loopback", "127.0.0.1", ALLOWED), ("public", PUBLIC, FORBIDDEN))
def test_pop2(bed, address, allowed):
    bed.put(mbox.mailbox(2))
    pop = bed.pop2(login=None, how="tcp", address=address)
    if allowed:
        equal(pop.login("alice", "alicepw"), 2, "messages")
        pop.quit()
    else:
        pop.expect("HELO alice alicepw", "- clear-text logins are not allowed from here (see --plaintext)")
        pop.stream.expect_end()
    pop.session.finish()
    if not allowed:
        check(f'login failed: peer={address} method=HELO attempt=1 reason=plaintext user="alice"' in pop.session.log(),
              f"log: {pop.session.log()}")


@needs("network")
@each(("public", PUBLIC, FORBIDDEN), ("loopback", "127.0.0.1", ALLOWED))
def test_mapped_address(bed, address, allowed):
    """A dual-stack listener shows an IPv4 peer as ::ffff:a.b.c.d: it is the IPv4 peer, in the policy and in the log."""
    bed.put(mbox.mailbox(1))
    with socket.socket(socket.AF_INET6) as listener:
        try:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            listener.bind(("::", 0))
        except OSError as error:
            raise Skip(f"no dual-stack socket: {error}") from None
        listener.listen(1)
        client = socket.create_connection((address, listener.getsockname()[1]), source_address=(address, 0))
        accepted, _ = listener.accept()
    pop = bed.pop3(login=None, how=(client, accepted))
    equal("USER" in pop.lines("CAPA"), allowed, "USER in CAPA")
    pop.expect("QUIT", "+OK bye")
    pop.session.finish()
    check(pop.session.log()[-1].startswith(f"closed before login: peer={address} "), pop.session.log()[-1])


@each(("socketpair", "socketpair"), ("pipe", "pipe"), ("pty", "pty"))
def test_no_network_is_local(bed, how):
    pop = bed.pop3(login=None, how=how)
    check("USER" in pop.lines("CAPA"), "clear text is refused")
    pop.login("alice", "alicepw")
    equal(pop.session.log()[0], 'login: peer=local method=PASS user="alice"', "log")
    pop.quit()
    pop.session.finish()


@needs("network")
def test_refused_unheard_is_no_strike(bed):
    """Who was told often enough that clear text is not taken may still log in otherwise, and nobody is said to be owned."""
    address_or_skip(PUBLIC)
    bed.put(mbox.mailbox(2))
    secrets = bed.private_file("secrets", "alice\talicepw\n")
    pop = bed.pop3("--plaintext=never", f"--secrets={secrets}", login=None, how="tcp", address=PUBLIC)
    for _ in range(5):
        pop.expect("USER alice", REFUSED)
    equal(sasl.login(pop, "APOP", "alice", "wrong"), "-ERR [AUTH] authentication failed", "a strike")
    equal(sasl.login(pop, "APOP", "alice", "alicepw"), "+OK maildrop has 2 messages (352 octets)", "login")
    pop.quit()
    pop.session.finish()
    line = f'login failed: peer={PUBLIC} method=%s attempt=%d reason=%s user="alice"'
    equal(pop.session.log()[:4], [line % ("PASS", n, "plaintext") for n in (1, 2, 3)] + [line % ("APOP", 4, "refused")], "log")
