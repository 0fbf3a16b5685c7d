"""Perl's Net::POP3, every method of it."""

from pathlib import Path

from clients import programs
from lib import mbox
from lib.suite import check, each, equal, needs


def net_pop3(bed, service):
    """Returns (what the script said, the person)."""
    person = programs.Person(bed)
    script = person.file("net_pop3.pl", Path(__file__).with_name("net_pop3.pl").read_text())
    lines = person.run("perl", script, str(service.port), str(person.directory)).decode().splitlines()
    return lines, person


@needs("perl")
@each(*programs.ALL_WAYS)
def test_every_method(bed, how):
    service = programs.Service(bed, how)
    path = service.bed.put(programs.MAIL)
    messages = mbox.parse(programs.MAIL)
    sizes = [message.size for message in messages]
    uidls = service.uidls(messages)
    lines, person = net_pop3(bed, service)
    check(lines[1].startswith("capa ") and {"TOP", "UIDL", "PIPELINING", "USER"} <= set(lines[1][5:].split(",")), lines[1])
    equal(lines[:1] + lines[2:], [
        "banner yes", "user 1", "pass 0", "login 4", f"popstat 4 {sum(sizes)}",
        "list " + " ".join(f"{number}={size}" for number, size in enumerate(sizes, 1)), f"list 2 {sizes[1]}",
        "uidl " + " ".join(f"{number}={uidl}" for number, uidl in enumerate(uidls, 1)), f"uidl 3 {uidls[2]}", "last 4",
        "delete 2 1", "delete 2 again 0", "get 2 0", f"reset 4 {sum(sizes)}", "delete 1 1", "delete 4 1",
        f"popstat 2 {sizes[1] + sizes[2]}", "quit 1"], "what Net::POP3 says")
    texts = programs.contents()
    equal([person.path(f"get.{number}").read_bytes() for number in range(1, 5)], texts, "get")
    equal([person.path(f"top.{number}").read_bytes() for number in range(1, 5)],
          [message.top(3).replace(b"\r\n", b"\n") for message in messages], "top")
    equal(person.path("getfh").read_bytes(), texts[0], "getfh")
    service.left(messages[1].raw + messages[2].raw, "the mailbox afterwards")
    service.ended()
