"""movemail of GNU Mailutils, which Emacs uses: everything into a local mailbox."""

from clients import programs
from lib.suite import each, equal, needs


def move(bed, service, *options):
    person = programs.Person(bed)
    person.run("movemail", *options, f"pop://alice:alicepw@{service.address[0]}:{service.port}", person.path("moved"))
    return programs.stored(person.path("moved"), "x-imapbase", "x-uid", "status")


@needs("movemail")
@each(*programs.ALL_WAYS)
def test_moved(bed, how):
    service = programs.Service(bed, how)
    path = service.bed.put(programs.MAIL)
    equal(move(bed, service), programs.contents(), "messages")
    service.left(b"", "the mailbox afterwards")
    service.ended()


@needs("movemail")
@each(*programs.TWO_WAYS, programs.OVER_MAILDIR)
def test_preserved(bed, how):
    service = programs.Service(bed, how)
    path = service.bed.put(programs.MAIL)
    equal(move(bed, service, "--preserve"), programs.contents(), "messages")
    service.left(programs.MAIL, "the mailbox afterwards")
    service.ended()
