"""Moving in: a client keeps its mail at the old server, the server is changed, and the same client downloads nothing again.

The old servers are Debian's, unpacked aside (see `unpack`) and started for one connection each.
"""

import shlex
from pathlib import Path

from clients import deliverers, popa3d, programs
from lib import maildir, mbox
from lib.suite import check, each, equal, limit, needs

MAIL = mbox.mailbox(5, 300)
MORE = mbox.message(9, b"Came after the move.\n")

# A server that has no login of its own, or whose login wants a whole mail system: whatever is said, the user is alice.
PREAUTH = r"""
printf '+OK old server ready\r\n'
while read -r line; do
    case "$line" in
    USER*) printf '+OK\r\n' ;;
    PASS*) printf '%s' "$greeting"; break ;;
    QUIT*) printf '+OK\r\n'; exit ;;
    *) printf -- '-ERR\r\n' ;;
    esac
done
"""
AS_ALICE = ["setpriv", "--reuid=4001", "--regid=4001", "--groups=mail", "--"]


class Old:
    """The command that serves one connection; where the mailbox is; the options of pop3d that take over."""
    options, maildrop = (), "mbox:/var/mail/%u"

    def __init__(self, bed):
        self.bed, self.person = bed, programs.Person(bed)

    def script(self, *command, before=""):
        """inetd takes few words, and none with spaces."""
        path = self.bed.dir / "old"
        path.write_text(f"#!/bin/sh\n{before}\nexec {shlex.join(command)} 2>/dev/null\n")
        path.chmod(0o755)
        return [str(path)]

    def preauth(self, *command, greeting=""):
        """greeting: what the server does not say itself when somebody has logged in."""
        return self.script(*command, before=f"greeting='{greeting}'{PREAUTH}")

    def put(self, data):
        self.bed.put(data)

    def append(self, data):
        self.bed.append(data)


class OfMaildir(Old):
    maildrop = "maildir:%h/Maildir"
    path = Path("/home/alice/Maildir")

    def put(self, data):
        maildir.make(self.path, data, lambda made: self.bed.give(made, "alice"))

    def append(self, data):
        maildir.deliver(self.path, data, lambda made: self.bed.give(made, "alice"))


class Popa3d(Old):
    def command(self):
        self.popa3d = popa3d.Popa3d(self.bed)
        self.popa3d.__enter__()
        self.bed.closing(lambda: self.popa3d.__exit__())
        return [str(self.popa3d.program)]


class Mailutils(Old):
    options = "--uidl=x-uidl",

    def command(self):
        Path("/etc/pam.d/gnu-mailutils-pop3d").write_text("auth required pam_unix.so\naccount required pam_unix.so\n")
        return self.script(*deliverers.aside(self.bed, "mailutils-pop3d", "libmu-dbm9", "libkyotocabinet16v5"),
                           "/usr/sbin/pop3d", "--inetd")


class Dovecot(Old):
    location, style = "mbox:{home}/mail:INBOX=/var/mail/alice", None

    def command(self):
        for name in "dovecot", "dovenull":
            deliverers.make_account(name)
        home = self.person.directory
        config = self.person.file("dovecot.conf", f"""
base_dir = {home}/run
log_path = /dev/stderr
ssl = no
protocols = pop3
mail_location = {self.location.format(home=home)}
{f"pop3_uidl_format = {self.style}" if self.style else ""}
""")
        return self.preauth(*deliverers.aside(self.bed, "dovecot-core", "dovecot-pop3d"), *AS_ALICE,
                            "env", f"HOME={home}", "USER=alice", "/usr/lib/dovecot/pop3", "-c", str(config), greeting="+OK Logged in.\r\n")


class DovecotMbox(Dovecot):
    options = "--uidl=dovecot",


class DovecotMboxPattern(Dovecot):
    options, style = ("--uidl=%v.%u",), "%v.%u"


class DovecotMboxUw(Dovecot):
    options, style = ("--uidl=uw",), "%08Xv%08Xu"


class DovecotMaildir(OfMaildir, Dovecot):
    options, location = ("--uidl=dovecot",), "maildir:/home/alice/Maildir"


class DovecotMaildirNames(OfMaildir, Dovecot):
    """Its pattern for who has come from courier or qmail: the names of the files."""
    location, style = "maildir:/home/alice/Maildir", "%f"


class Courier(OfMaildir):
    options = "--uidl=courier",

    def command(self):
        return self.preauth(*deliverers.aside(self.bed, "courier-pop", "courier-authlib"), *AS_ALICE,
                            "env", "AUTHUSER=alice", "AUTHADDR=alice", "HOME=/home/alice",
                            "/usr/lib/courier/courier/courierpop3d", str(self.path))


SERVERS = (("popa3d", Popa3d), ("mailutils", Mailutils), ("dovecot_mbox", DovecotMbox), ("dovecot_mbox_pattern", DovecotMboxPattern),
           ("dovecot_mbox_uw", DovecotMboxUw), ("dovecot_maildir", DovecotMaildir), ("dovecot_maildir_names", DovecotMaildirNames),
           ("courier", Courier))


class Listening:
    """What programs.fetchmail wants to know of a server."""

    def __init__(self, bed, command):
        self.listener = bed.listen("inetd", command)
        self.address = self.listener.address
        self.port = self.address[1]


def texts(data):
    return [message.wire().replace(b"\r\n", b"\n") for message in mbox.parse(data)]


@needs("root", "fetchmail", "inetd")
@limit(120)
@each(*SERVERS)
def test_moving(bed, server):
    old, store = server(bed), programs.Store(bed)
    old.put(MAIL)
    fetch = lambda service, status: programs.fetchmail(bed, service, store, "keep", server_options=["uidl"], status=status)
    before = Listening(bed, old.command())
    fetch(before, programs.FETCHED)
    equal(len(store.messages()), 5, "messages of the old server")
    fetch(before, programs.NO_MAIL)
    after = Listening(bed, [bed.program("pop3d"), f"--maildrop={old.maildrop}", *old.options])
    fetch(after, programs.NO_MAIL)
    old.append(MORE)
    fetch(after, programs.FETCHED)
    equal(store.messages()[5:], texts(MORE), "messages after the move")
    fetch(after, programs.NO_MAIL)
    fetch(before, (programs.FETCHED, programs.NO_MAIL))     # and back: what came meanwhile may be new once more
    again = store.messages()[6:]
    check(len(again) <= 1 and all(b"Came after the move." in text for text in again), f"{len(again)} messages after moving back")


@needs("root", "fetchmail", "inetd")
@limit(120)
@each(("dovecot", DovecotMbox), ("courier", Courier), ("mailutils", Mailutils))
def test_moving_without_the_style(bed, server):
    """The tests above can fail: without --uidl everything comes again."""
    old, store = server(bed), programs.Store(bed)
    old.put(MAIL)
    for command in old.command(), [bed.program("pop3d"), f"--maildrop={old.maildrop}"]:
        programs.fetchmail(bed, Listening(bed, command), store, "keep", server_options=["uidl"])
    equal(len(store.messages()), 10, "messages")
