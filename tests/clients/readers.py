"""Programs that read and change the same mailbox, between our sessions and in the middle of one: Dovecot, mutt, s-nail."""

import itertools
import re

from clients import deliverers, mail, programs
from lib import mbox
from lib.suite import check, each, equal, limit, needs, over_each_format

KEPT_BY_READERS = ("status", "x-status", "x-uid", "x-imapbase", "x-keywords", "content-length", "lines")


class Reader:
    """read(): the messages it sees. mark(n): changes headers of it. remove(n), numbered from 1."""

    def __init__(self, bed):
        self.bed, self.person, self._count = bed, programs.Person(bed), itertools.count()

    def copy(self):
        """The path of a mailbox to copy into."""
        return self.person.path(f"copy{next(self._count)}")


class Dovecot(Reader):
    """fcntl, and the dotlock when it writes, as Debian has it. Keeps flags in header lines, or in names."""
    LOCATIONS = {"mbox": "mbox:{directory}/mail:INBOX=/var/mail/alice", "maildir": "maildir:/var/mail/alice"}

    def __init__(self, bed):
        super().__init__(bed)
        for name in "dovecot", "dovenull":
            deliverers.make_account(name)
        config = self.person.file("dovecot.conf", f"""
base_dir = {self.person.directory}/run
log_path = /dev/stderr
ssl = no
mail_location = {self.LOCATIONS[bed.format].format(directory=self.person.directory)}
mbox_read_locks = fcntl
mbox_write_locks = fcntl dotlock
""")
        self._doveadm = [*deliverers.aside(bed, "dovecot-core"), "setpriv", "--reuid=4001", "--regid=4001", "--groups=mail", "--",
                         "env", f"HOME={self.person.directory}", "USER=alice", "doveadm", "-c", str(config)]

    def _run(self, *command):
        return programs.run(self.bed, *self._doveadm, *command)

    def read(self):
        pieces = self._run("fetch", "text", "mailbox", "INBOX").split(b"text:\n")[1:]
        return [piece.replace(b"\r\n", b"\n").removesuffix(b"\f\n").removesuffix(b"\f") for piece in pieces]

    def mark(self, number):
        self._run("flags", "add", "\\Seen \\Flagged", "mailbox", "INBOX", str(number))

    def remove(self, number):
        self._run("expunge", "mailbox", "INBOX", str(number))


class Mutt(Reader):
    """fcntl, then a dotlock by its setgid helper."""

    def _push(self, keys):
        config = self.person.file("muttrc", f"set folder={self.person.directory} quit=yes delete=yes header_cache='' mbox_type=mbox\nunset confirmcreate confirmappend move mark_old\n")
        self.person.at_terminal("mutt", "-n", "-F", config, "-f", "/var/mail/alice", "-e", f"push '{keys}'")

    def read(self):
        path = self.copy()
        self._push(f"<tag-pattern>~A<enter><tag-prefix><copy-message>{path}<enter><exit>")
        return [message.content for message in mbox.parse(path.read_bytes())]

    def mark(self, number):
        self._push(f"<jump>{number}<enter><set-flag>!<quit>")

    def remove(self, number):
        self._push(f"<jump>{number}<enter><delete-message><quit>")


class SNail(Reader):
    """A dotlock by its setgid helper, and fcntl."""

    def _run(self, *commands):
        options = [word for command in (*commands, "quit") for word in ("-Y", command)]
        self.person.run("s-nail", "-n", "-#", "-Sv15-compat", "-Skeep", "-Shold", *options, "-f", "/var/mail/alice")

    def read(self):
        path = self.copy()
        self._run(f"copy * {path}")
        return [message.content for message in mbox.parse(path.read_bytes())]

    def mark(self, number):
        self._run(f"flag {number}")

    def remove(self, number):
        self._run(f"delete {number}")


READERS = (("dovecot", Dovecot, "unshare"), ("mutt", Mutt, "mutt"), ("s-nail", SNail, "s-nail"))


def text(number):
    return mail.made(f"letter {number}", b"Letter %d.\n" % number + b"0123456789 abcdefghijklmnopqrstuvwxyz\n" * 40)


def number_of(content):
    return int(re.search(rb"(?m)^Subject: letter (\d+)", content)[1])


def check_letters(contents, expected, what):
    """These letters, each as it was sent, whatever a reader notes in its header."""
    equal([number_of(content) for content in contents], expected, what)
    for content in contents:
        equal(programs.without(KEPT_BY_READERS, content).rstrip(b"\n"), text(number_of(content)).rstrip(b"\n"),
              f"{what}: letter {number_of(content)}")


def in_mailbox(bed):
    return [content for content in bed.kept() if b"FOLDER INTERNAL DATA" not in content]


def arrive(bed, number):
    """By procmail; in a Maildir under names that keep the order."""
    if bed.format == "mbox":
        mail.procmail(text(number))
    else:
        bed.append(b"From zoe@example.org %s\n" % mbox.DATE.encode() + text(number) + b"\n")


def ready(bed, reader, program, letters):
    if reason := bed.place.missing(program):
        raise programs.Skip(reason)
    if bed.format == "maildir":
        bed.put(b"")
    for number in range(1, letters + 1):
        arrive(bed, number)
    return reader(bed)


def fetched(pop):
    return [pop.retr(number).replace(b"\r\n", b"\n") for number in range(1, pop.stat()[0] + 1)]


@over_each_format
@needs("root", "procmail")
@limit(90)
@each(*READERS)
def test_between_sessions(bed, reader, program):
    """Each sees what the other left, and UIDLs survive what the reader notes in headers."""
    reader = ready(bed, reader, program, 6)
    pop = bed.pop3()
    before = pop.uidls()
    pop.ok("DELE 2")
    pop.quit()
    check_letters(reader.read(), [1, 3, 4, 5, 6], "what the reader sees")
    reader.mark(3)
    reader.remove(2)
    arrive(bed, 7)
    pop = bed.pop3()
    check_letters(fetched(pop), [1, 4, 5, 6, 7], "what a session sees then")
    equal(pop.uidls()[:4], [before[number - 1] for number in (1, 4, 5, 6)], "UIDLs")
    pop.ok("DELE 1")
    pop.ok("DELE 4")
    pop.quit()
    check_letters(reader.read(), [4, 5, 7], "what the reader sees then")
    check_letters(in_mailbox(bed), [4, 5, 7], "the mailbox")


@over_each_format
@needs("root", "procmail")
@limit(90)
@each(*[(f"{name} {what}", reader, program, what) for name, reader, program in READERS for what in ("mark", "remove before", "remove same", "remove behind")])
def test_in_the_middle_of_a_session(bed, reader, program, what):
    """The reader rewrites the mailbox while a session has marked a message: QUIT removes that message or none, and no other."""
    reader = ready(bed, reader, program, 5)
    reader.read()
    pop = bed.pop3()
    seen = pop.uidls()
    equal(len(seen), 5, "messages")
    pop.ok("DELE 3")
    gone = {"mark": None, "remove before": 1, "remove same": 3, "remove behind": 5}[what]
    if gone is None:
        reader.mark(2)
    else:
        reader.remove(gone)
    arrive(bed, 6)
    reply = pop.ask("QUIT")
    pop.stream.expect_end()
    left = [number for number in range(1, 7) if number != gone]
    if reply.startswith("+OK"):
        left = [number for number in left if number != 3]
    else:
        check(reply.startswith("-ERR [SYS/TEMP]"), reply)
    check_letters(in_mailbox(bed), left, "the mailbox")
    pop.session.wait()
    equal(sorted(entry.name for entry in bed.spool.iterdir()), ["alice"], "files in the spool")
    after = bed.pop3()
    check_letters(fetched(after), left, "the next session")
