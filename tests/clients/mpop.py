"""mpop, which sends many commands before it reads a reply, or waits for each."""

from clients import programs
from lib import mbox
from lib.suite import each, equal, needs

MAIL = mbox.mailbox(40, 2000)
MORE = mbox.message(41) + mbox.message(42)
CASES = [(f"{how} {'pipelined' if pipelining == 'on' else 'lock-step'}", how, pipelining)
         for how, _ in programs.ALL_WAYS for pipelining in ("on", "off")]


def texts(data):
    return [message.wire().replace(b"\r\n", b"\n") for message in mbox.parse(data)]


@needs("mpop")
@each(*CASES)
def test_kept_then_deleted(bed, how, pipelining):
    service, store = programs.Service(bed, how), programs.Store(bed)
    path = service.bed.put(MAIL)
    run = lambda keep: programs.mpop(bed, service, store, f"keep {keep}", f"pipelining {pipelining}")
    run("on")
    equal(store.messages(), texts(MAIL), "messages")
    run("on")
    equal(len(store.messages()), 40, "messages when nothing was new")
    service.bed.append(MORE)
    run("on")
    equal(store.messages(), texts(MAIL + MORE), "messages after mail had come")
    service.left(MAIL + MORE, "the mailbox so far")
    run("off")
    equal(len(store.messages()), 42, "messages when all were known")
    service.left(b"", "the mailbox after keep was off")
    service.ended(4)


@needs("mpop")
@each(*CASES)
def test_some_skipped(bed, how, pipelining):
    """Messages over a size are skipped by their size alone, and stay."""
    small, large = mbox.mailbox(70), mbox.message(99, b"line\n" * 100_000)
    service, store = programs.Service(bed, how), programs.Store(bed)
    path = service.bed.put(large + small)
    programs.mpop(bed, service, store, "keep off", f"pipelining {pipelining}", "skipsize 100k")
    equal(store.messages(), texts(small), "messages")
    service.left(large, "the mailbox afterwards")
    service.ended()


@needs("mpop")
@each(("pipelined", "unprivileged", "on"), ("lock-step", "unprivileged", "off"))
def test_wrong_password(bed, how, pipelining):
    AUTHENTICATION_FAILED = 77
    service, store = programs.Service(bed, how), programs.Store(bed)
    path = service.bed.put(MAIL)
    programs.mpop(bed, service, store, "keep off", f"pipelining {pipelining}", password="wrong", status=AUTHENTICATION_FAILED)
    service.left(MAIL, "the mailbox afterwards")
