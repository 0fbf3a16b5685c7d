"""Mail readers at work between our sessions change headers, flags and names of files, and no unique id."""

from clients import readers
from lib import mbox
from lib.suite import Skip, check, each, equal, limit, needs, over_each_format

MAIL = mbox.mailbox(4, 200)


def uidls(bed, *options):
    pop = bed.pop3(*options)
    found = pop.uidls()
    pop.quit()
    pop.session.finish()
    return found


@over_each_format
@limit(120)
@each(*readers.READERS)
@needs("root")
def test_marked_and_removed(bed, reader, needed):
    """It marks one, removes one; we remove one; each sees what the other left."""
    if reason := bed.place.missing(needed):
        raise Skip(reason)
    bed.put(MAIL)
    before = uidls(bed)
    other = reader(bed)
    other.mark(2)
    equal(uidls(bed), before, "UIDLs after a mark")
    other.remove(3)
    equal(uidls(bed), before[:2] + before[3:], "UIDLs after a removal")
    pop = bed.pop3()
    pop.ok("DELE 1")
    pop.quit()
    pop.session.finish()
    equal(uidls(bed), [before[1], before[3]], "UIDLs after a deletion")
    messages = mbox.parse(MAIL)
    texts = other.read()
    equal(len(texts), 2, "messages the reader sees")
    for text, message in zip(texts, (messages[1], messages[3])):
        check(message.content.split(b"\n\n")[1][:30] in text, "another message")
