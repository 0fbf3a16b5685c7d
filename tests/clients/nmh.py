"""inc of nmh: from the maildrop into a folder of numbered files."""

from clients import programs
from lib.suite import Skip, each, equal
from pathlib import Path

INC = "/usr/bin/mh/inc"


def inc(bed, service, *options):
    """Returns the messages of the folder."""
    if not Path(INC).exists():
        raise Skip("nmh is not installed")
    person = programs.Person(bed)
    netrc = person.file("netrc", f"machine {service.address[0]} login alice password alicepw\n")
    person.file(".mh_profile", f"Path: {person.path('Mail')}\ncredentials: file:{netrc}\n")
    person.run("mkdir", "-p", person.path("Mail/inbox"))
    person.run(INC, "-host", service.address[0], "-port", str(service.port), "-user", "alice", "-silent", "-noaudit", *options)
    files = [path for path in person.path("Mail/inbox").iterdir() if path.name.isdigit()]
    return [path.read_bytes() for path in sorted(files, key=lambda path: int(path.name))]


@each(*programs.ALL_WAYS)
def test_incorporated(bed, how):
    service = programs.Service(bed, how)
    path = service.bed.put(programs.MAIL)
    equal(inc(bed, service, "-truncate"), programs.contents(), "messages")
    service.left(b"", "the mailbox afterwards")
    service.ended()


@each(*programs.TWO_WAYS, programs.OVER_MAILDIR)
def test_kept(bed, how):
    service = programs.Service(bed, how)
    path = service.bed.put(programs.MAIL)
    equal(inc(bed, service, "-notruncate"), programs.contents(), "messages")
    service.left(programs.MAIL, "the mailbox afterwards")
    service.ended()
