"""alpine, whose library is that of the University of Washington's servers: all messages saved to a folder, then expunged."""

from clients import programs
from lib.suite import each, equal, needs

FEATURES = "enable-aggregate-command-set,quit-without-confirm,disable-password-file-saving"


def alpine(bed, service, *keys):
    person = programs.Person(bed)
    person.run("mkdir", "-p", "mail")
    config = person.file("pinerc", "\n".join([
        "personal-name=Alice", "user-domain=example.org", f"feature-list={FEATURES}", "last-time-prune-quest=125.12",
        f"inbox-path={{{service.address[0]}:{service.port}/pop3/user=alice/notls}}INBOX", "last-version-used=9.99",
        f"folder-collections=Mail {person.path('mail')}/[]", "default-fcc=\"\""]) + "\n")
    person.at_terminal("alpine", "-p", config, "-i", keys=[(b"PASSWORD:", b"alicepw\r"), *keys])
    messages = programs.stored(person.path("mail/saved"), "status", "x-status", "x-keywords", "x-uid")
    return [message for message in messages if b"FOLDER INTERNAL DATA" not in message]


SAVE_ALL = [(b"message 1", b";"), (b"elect", b"a"), (b"selected", b"a"), (b"ommand", b"s"), (b"folder", b"saved\r"),
            (b"reate", b"y"), (b"DONE|saved and deleted", b"q")]


@needs("alpine")
@each(*programs.ALL_WAYS)
def test_saved_and_deleted(bed, how):
    service = programs.Service(bed, how)
    path = service.bed.put(programs.MAIL)
    equal(alpine(bed, service, *SAVE_ALL, (b"xpunge", b"y")), programs.contents(), "messages")
    service.left(b"", "the mailbox afterwards")
    service.ended()


@needs("alpine")
@each(*programs.TWO_WAYS, programs.OVER_MAILDIR)
def test_saved_and_kept(bed, how):
    service = programs.Service(bed, how)
    path = service.bed.put(programs.MAIL)
    equal(alpine(bed, service, *SAVE_ALL, (b"xpunge", b"n")), programs.contents(), "messages")
    service.left(programs.MAIL, "the mailbox afterwards")
    service.ended()
