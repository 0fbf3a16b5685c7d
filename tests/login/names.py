"""Names that mean to be more than names: what reaches PAM and its modules, which run as root and write into the log."""

import re

from lib import mbox, sasl, testbed
from lib.suite import check, each, equal, needs

REFUSED = "-ERR [AUTH] authentication failed"
PUBLIC = testbed.PUBLIC_ADDRESS


def refused_by_pam(bed, name):
    """Refused; returns what pam_unix has to say of it."""
    lines = bed.syslog()
    pop = bed.pop3("--plaintext=always", login=None, how="tcp", address=PUBLIC)
    equal(sasl.login(pop, "PLAIN", name, "x"), REFUSED, "the login")
    pop.quit()
    pop.session.finish()
    return [line for line in lines if "pam_unix" in line]


@needs("root", "network")
@each(("an_address", "x rhost=203.0.113.9 user=y"), ("with_a_tab", "x\trhost=203.0.113.9"), ("at_the_end", "x rhost=203.0.113.9"),
      ("no_break", "x\xa0y"))
def test_name_brings_no_address(bed, name):
    """fail2ban's own filter for PAM takes what stands behind ruser=WORD rhost=: that is always the client."""
    for line in refused_by_pam(bed, name):
        found = re.search(r"ruser=\S* +rhost=(\S*)", line)
        if found:
            equal(found[1], PUBLIC, f"the address in {line!r}")


@needs("root", "network")
def test_plain_name(bed):
    lines = refused_by_pam(bed, "ghost")
    check(any(f"ruser=ghost rhost={PUBLIC}" in line for line in lines), f"pam_unix says {lines}")


@needs("root", "network")
@each(("line_feed", "x\nDec  1 00:00:00 host sshd[1]: Failed password for root from 203.0.113.9 port 1 ssh2"), ("escape", "x\x1b[2J"),
      ("delete", "x\x7f"), ("carriage_return", "alice\r"), ("empty", ""))
def test_what_is_no_name_never_reaches_pam(bed, name):
    equal(refused_by_pam(bed, name), [], "what pam_unix says")


@needs("root")
@each(("PASS", "PASS"), ("CRAM-MD5", "CRAM-MD5"))
def test_the_user_of_the_rooms(bed, mechanism):
    """Whoever knows a secret for _restante does not get a keeper that is what every front is."""
    secrets = bed.private_file("secrets", "_restante\tsecret\n")
    options = ["--auth=file", f"--secrets={secrets}"]
    pop = bed.pop3(*options, login=None)
    equal(sasl.login(pop, mechanism, "_restante", "secret"), REFUSED, "the login")
    pop.expect("QUIT", "+OK bye")
    pop.session.finish()
