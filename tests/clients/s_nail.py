"""s-nail, the mailx of Debian, with the maildrop as its folder."""

from clients import programs
from lib.suite import each, equal, needs


def nail(bed, service, *commands):
    person = programs.Person(bed)
    options = [word for command in (*commands, "quit") for word in ("-Y", command)]
    person.run("s-nail", "-n", "-#", "-Sv15-compat", "-Spop3-no-apop", *options, "-f",
               f"pop3://alice:alicepw@{service.address[0]}:{service.port}")
    return programs.stored(person.path("copy"), "status")


@needs("s-nail")
@each(*programs.TWO_WAYS, programs.OVER_MAILDIR)
def test_copied(bed, how):
    service = programs.Service(bed, how)
    path = service.bed.put(programs.MAIL)
    equal(nail(bed, service, "copy * copy"), programs.contents(), "messages")
    service.left(programs.MAIL, "the mailbox afterwards")
    service.ended()


@needs("s-nail")
@each(*programs.ALL_WAYS)
def test_copied_and_deleted(bed, how):
    service = programs.Service(bed, how)
    path = service.bed.put(programs.MAIL)
    equal(nail(bed, service, "copy * copy", "delete 1 2 4", "undelete 2"), programs.contents(), "messages")
    kept = programs.mbox.parse(programs.MAIL)
    service.left(kept[1].raw + kept[2].raw, "the mailbox afterwards")
    service.ended()
