"""mutt: fetching into its mailbox, and with the maildrop as a folder."""

from clients import programs
from lib import mbox
from lib.suite import each, equal, needs


def mutt(bed, service, folder, push, *settings):
    person = programs.Person(bed)
    url = f"pop://alice:alicepw@{service.address[0]}:{service.port}"
    person.file("stored")
    config = person.file("muttrc", "\n".join([
        f"set pop_host={url} spoolfile={person.path('stored')} folder={person.directory} mbox_type=mbox",
        "set ssl_starttls=no ssl_force_tls=no header_cache='' message_cachedir='' quit=yes delete=yes wait_key=no",
        "unset confirmcreate confirmappend move mark_old", *settings]) + "\n")
    person.at_terminal("mutt", "-n", "-F", config, "-f", url if folder else person.path("stored"), "-e", f"push '{push}'")
    return programs.stored(person.path("copy" if folder else "stored"), "status", "content-length", "lines")


@needs("mutt")
@each(*programs.ALL_WAYS)
def test_fetched(bed, how):
    service = programs.Service(bed, how)
    path = service.bed.put(programs.MAIL)
    equal(mutt(bed, service, False, "<fetch-mail><exit>", "set pop_delete=yes"), programs.contents(), "messages")
    service.left(b"", "the mailbox afterwards")
    service.ended()


@needs("mutt")
@each(*programs.TWO_WAYS, programs.OVER_MAILDIR)
def test_as_a_folder(bed, how):
    """UIDL, LIST, TOP for the index, RETR for what is copied, DELE when it is left."""
    service = programs.Service(bed, how)
    path = service.bed.put(programs.MAIL)
    got = mutt(bed, service, True, "<tag-pattern>~A<enter><tag-prefix><copy-message>=copy<enter>"
               "<untag-pattern>~A<enter><delete-pattern>~s \"message [13]\"<enter><quit>")
    equal(got, programs.contents(), "messages")
    kept = mbox.parse(programs.MAIL)
    service.left(kept[1].raw + kept[3].raw, "the mailbox afterwards")
    service.ended()
