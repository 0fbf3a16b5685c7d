"""Mail readers at work between our sessions change headers, flags and names of files, and no unique id."""

from pathlib import Path

from clients import readers
from lib import maildir, mbox
from lib.suite import Skip, check, each, equal, limit, needs

MAIL = mbox.mailbox(4, 200)


def uidls(bed, *options):
    pop = bed.pop3(*options)
    found = pop.uidls()
    pop.quit()
    pop.session.finish()
    return found


@limit(120)
@each(*readers.READERS)
@needs("root")
def test_mbox(bed, reader, needed):
    """Also when it has removed one and the index of before is of no use any more."""
    if reason := bed.place.missing(needed):
        raise Skip(reason)
    bed.put(MAIL)
    before = uidls(bed)
    other = reader(bed)
    other.mark(2)
    equal(uidls(bed), before, "UIDLs after a mark")
    other.remove(3)
    equal(uidls(bed), before[:2] + before[3:], "UIDLs after a removal")
    equal(len(other.read()), 3, "messages the reader sees")


class DovecotOnMaildir(readers.Dovecot):
    path = Path("/home/alice/Maildir")

    def __init__(self, bed):
        super().__init__(bed)
        config = self.person.directory / "dovecot.conf"
        text = config.read_text()
        config.write_text(text.replace("mail_location", "#mail_location", 1) + f"mail_location = maildir:{self.path}\n")


class MuttOnMaildir(readers.Mutt):
    path = Path("/home/alice/Maildir")

    def _push(self, keys):
        config = self.person.file("muttrc", f"set folder={self.person.directory} quit=yes delete=yes header_cache='' mbox_type=mbox\n"
                                            "unset confirmcreate confirmappend move mark_old\n")
        self.person.at_terminal("mutt", "-n", "-F", config, "-f", str(self.path), "-e", f"push '{keys}'")


@limit(120)
@needs("root", "unshare", "mutt")
@each(("dovecot", DovecotOnMaildir), ("mutt", MuttOnMaildir))
def test_maildir(bed, reader):
    """It marks one, removes one; we remove one; each sees what the other left."""
    path, options = reader.path, ["--maildrop=maildir:%h/Maildir"]
    maildir.make(path, MAIL, lambda made: bed.give(made, "alice"))
    before = uidls(bed, *options)
    other = reader(bed)
    other.mark(2)
    equal(uidls(bed, *options), before, "UIDLs after a mark")
    other.remove(3)
    equal(uidls(bed, *options), before[:2] + before[3:], "UIDLs after a removal")
    pop = bed.pop3(*options)
    pop.ok("DELE 1")
    pop.quit()
    pop.session.finish()
    messages = mbox.parse(MAIL)
    texts = other.read()
    equal(len(texts), 2, "messages the reader sees")
    for text, message in zip(texts, (messages[1], messages[3])):
        check(message.content.split(b"\n\n")[1][:30] in text, "another message")
