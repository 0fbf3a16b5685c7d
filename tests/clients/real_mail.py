"""Every octet of real and of awkward mail arrives, through every client, from a mailbox that a delivery agent wrote."""

import poplib
import socket

from clients import mail, programs
from lib import mbox
from lib.suite import check, each, equal, limit, needs

WAYS = [("plain", mail.plainly), ("procmail", mail.by_procmail), ("maildir", mail.in_a_maildir)]
needs_procmail = needs("root", "procmail")


def crlf(stored):
    return {name: mail.wire(text) for name, text in stored.items()}


@needs("curl")
@needs_procmail
@limit(90)
@each(*WAYS)
def test_curl(bed, deliver):
    """curl stores what comes, CRLF included."""
    expected = crlf(deliver(bed, mail.everything()))
    service = programs.Service(bed, "inetd")
    programs.curl(bed, service, f"[1-{len(expected)}]", "-o", "got.#1")
    mail.same([(bed.dir / f"got.{number}").read_bytes() for number in range(1, len(expected) + 1)], expected)
    service.ended()


@needs_procmail
@limit(90)
@each(*WAYS)
def test_poplib(bed, deliver):
    """poplib gives lines without their ends. Its longest line is a setting of the module."""
    expected = crlf(deliver(bed, mail.everything()))
    service = programs.Service(bed, "listen-fds")
    poplib._MAXLINE = 1 << 24
    pop = poplib.POP3(*service.address, timeout=40)
    pop.user("alice")
    pop.pass_("alicepw")
    sizes = [int(line.split()[1]) for line in pop.list()[1]]
    equal(sizes, [len(text) for text in expected.values()], "LIST")
    mail.same([b"".join(line + b"\r\n" for line in pop.retr(number)[1]) for number in range(1, len(sizes) + 1)], expected)
    mail.same([b"".join(line + b"\r\n" for line in pop.top(number, 99999999)[1]) for number in range(1, len(sizes) + 1)], expected)
    pop.quit()
    service.ended()


@needs("mpop")
@needs_procmail
@limit(90)
@each(("plain pipelined", mail.plainly, "on"), ("plain", mail.plainly, "off"),
      ("procmail pipelined", mail.by_procmail, "on"), ("procmail", mail.by_procmail, "off"), ("maildir pipelined", mail.in_a_maildir, "on"))
def test_mpop(bed, deliver, pipelining):
    """mpop turns CRLF into LF."""
    stored = deliver(bed, mail.everything())
    service, store = programs.Service(bed, "systemd"), programs.Store(bed)
    programs.mpop(bed, service, store, "keep on", f"pipelining {pipelining}")
    mail.same(store.messages(), {name: mail.lines(text) for name, text in stored.items()})
    service.ended()


def for_fetchmail(text):
    """What fetchmail makes of a text for its delivery agent: it takes out every CR (stripcr), and when no empty line
    ends the header, adds one."""
    text = mail.ended(text.replace(b"\r", b""))
    return text if b"\n\n" in text else text + b"\n"


@needs("fetchmail")
@needs_procmail
@limit(90)
@each(*WAYS)
def test_fetchmail(bed, deliver):
    """fetchmail cuts lines after 8192 octets, and writes a header of its own where there is none: these are left out."""
    texts = mail.strangers() | mail.pictures() | mail.awkward() | mail.poor_headers() | mail.nul()
    del texts["empty header"]
    stored = deliver(bed, texts)
    service, store = programs.Service(bed, "inetd"), programs.Store(bed)
    programs.fetchmail(bed, service, store, "keep", "fetchall", server_options=["bad-header", "accept"])
    mail.same(store.messages(), {name: for_fetchmail(text) for name, text in stored.items()})
    service.ended()


@needs_procmail
@limit(90)
@each(*WAYS)
def test_pop2(bed, deliver):
    """Octets are counted, nothing is stuffed, nothing ends them."""
    expected = crlf(deliver(bed, mail.everything()))
    bed_pop = bed.pop2(how="tcp")
    got, length = [], bed_pop.read()
    while length:
        got.append(bed_pop.retr(length))
        length = bed_pop.acks()
    mail.same(got, expected)
    bed_pop.quit()
    bed_pop.session.finish()


@each(("pop3", "pop3"), ("pop2", "pop2"))
def test_unprivileged(bed, protocol):
    """The same through a server of an ordinary user, with clients that count every octet."""
    bed = bed.unprivileged()
    expected = crlf(mail.plainly(bed, mail.everything()))
    talk = getattr(bed, protocol)(how="tcp")
    if protocol == "pop3":
        got = [talk.retr(number) for number in range(1, talk.stat()[0] + 1)]
    else:
        got, length = [], talk.read()
        while length:
            got.append(talk.retr(length))
            length = talk.acks()
    mail.same(got, expected)
    talk.quit()
    talk.session.finish()


@needs_procmail
def test_the_whole_of_it_deleted(bed):
    """All mail is fetched and deleted by one client, as most do; nothing remains, and the mailbox is the same file."""
    stored = mail.by_procmail(bed, mail.strangers())
    inode = bed.mailbox().stat().st_ino
    service, store = programs.Service(bed, "listen-fds"), programs.Store(bed)
    programs.mpop(bed, service, store, "keep off", "pipelining on")
    mail.same(store.messages(), {name: mail.lines(text) for name, text in stored.items()})
    equal(bed.mailbox().read_bytes(), b"", "the mailbox afterwards")
    equal(bed.mailbox().stat().st_ino, inode, "its inode")
    service.ended()


@needs_procmail
def test_every_second_deleted(bed):
    """What stays is what was, octet for octet."""
    mail.by_procmail(bed, mail.strangers() | mail.awkward())
    messages = mbox.parse(bed.mailbox().read_bytes())
    service = programs.Service(bed, "inetd")
    pop = poplib.POP3(*service.address, timeout=40)
    pop.user("alice")
    pop.pass_("alicepw")
    for number in range(1, len(messages) + 1, 2):
        pop.dele(number)
    pop.quit()
    check(bed.mailbox().read_bytes() == b"".join(message.raw for message in messages[1::2]), "the mailbox is not the other half")
    service.ended()
