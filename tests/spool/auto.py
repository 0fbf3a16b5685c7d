"""--maildrop=auto: a Maildir in the home directory, if it is there; else the spool."""

import os
from pathlib import Path

from lib import maildir, mbox
from lib.suite import check, each, equal, needs

SPOOL, HOME = mbox.mailbox(2), mbox.mailbox(3)


def login(bed, *options, program="pop3"):
    pop = getattr(bed, program)(*options, login=None)
    if program == "pop2":
        return pop.ask("HELO alice alicepw"), pop
    pop.ok("USER alice")
    return pop.ask("PASS alicepw"), pop


def put_maildir(bed):
    path = Path("/home/alice/Maildir")
    maildir.make(path, HOME, lambda made: os.chown(made, 4001, 4001))
    return path


@needs("root")
@each(("auto", "auto"), ("path", "auto:/var/mail/%u"))
def test_the_spool(bed, template):
    path = bed.put(SPOOL)
    reply, pop = login(bed, f"--maildrop={template}")
    check(reply.startswith("+OK maildrop has 2 messages"), reply)
    pop.ok("DELE 1")
    pop.quit()
    pop.session.finish()
    equal(path.read_bytes(), mbox.parse(SPOOL)[1].raw, "the spool")
    check(not Path("/home/alice/Maildir").exists(), "a Maildir was made")


@needs("root")
@each(("auto", "auto"), ("path", "auto:/var/mail/%u"))
def test_the_maildir(bed, template):
    path = bed.put(SPOOL)
    home = put_maildir(bed)
    reply, pop = login(bed, f"--maildrop={template}")
    check(reply.startswith("+OK maildrop has 3 messages"), reply)
    pop.ok("DELE 1")
    pop.quit()
    pop.session.finish()
    equal(path.read_bytes(), SPOOL, "the spool")
    equal(len(maildir.read(home)), 2, "messages left in the Maildir")


@needs("root")
def test_only_when_asked(bed):
    """A forgotten Maildir does not empty an inbox."""
    bed.put(SPOOL)
    put_maildir(bed)
    reply, _ = login(bed)
    check(reply.startswith("+OK maildrop has 2 messages"), reply)


@needs("root")
@each(("link", lambda path: (path.rename(path.with_name("moved")), path.symlink_to("moved"))),
      ("dangling_link", lambda path: (path.rename(path.with_name("moved")), path.symlink_to("nowhere"))),
      ("file", lambda path: (path.rename(path.with_name("moved")), path.write_bytes(b""))),
      ("another's", lambda path: os.chown(path, 4002, 4002)), ("closed", lambda path: path.chmod(0)))
def test_not_the_other_one(bed, spoil):
    """A Maildir that cannot be served is there all the same: the client must not meet another mailbox."""
    bed.put(SPOOL)
    spoil(put_maildir(bed))
    reply, _ = login(bed, "--maildrop=auto")
    equal(reply, "-ERR [SYS/PERM] maildrop cannot be opened", "reply")


@needs("root")
def test_fold(bed):
    """FOLD knows the maildrop by the path it has, and not by the other."""
    bed.put(SPOOL)
    home = put_maildir(bed)
    reply, pop = login(bed, "--maildrop=auto", program="pop2")
    equal(reply, "#3", "reply")
    equal(pop.fold(str(home)), 3, "messages by the Maildir's path")
    equal(pop.fold("/var/mail/alice"), 0, "messages by the spool's path")
    pop.quit()
    pop.session.finish()


@needs("root")
@each(("hashed", "mbox:{dir}/%1/%2/%u", "{dir}/a/al/alice"), ("home", "mbox:%h/mbox", "/home/alice/mbox"),
      ("hashed_maildir", "maildir:{dir}/%2/%u", "{dir}/al/alice"), ("home_maildir", "maildir:%h/Maildir", "/home/alice/Maildir"),
      ("maildir_in_the_spool", "maildir:/var/mail/%u", "/var/mail/alice"), ("percent", "mbox:{dir}/100%%/%u", "{dir}/100%/alice"),
      ("auto_hashed", "auto:{dir}/%1/%u", "{dir}/a/alice"))
def test_templates(bed, template, path):
    path = Path(path.format(dir=bed.dir))
    path.parent.mkdir(parents=True, exist_ok=True)
    if bed.dir in path.parents:
        os.chown(path.parent, 4001, 4001)
    if template.startswith("maildir"):
        maildir.make(path, HOME, lambda made: os.chown(made, 4001, 4001))
    else:
        path.write_bytes(HOME)
        os.chown(path, 4001, 4001)
    pop = bed.pop3(f"--maildrop={template.format(dir=bed.dir)}")
    equal(pop.stat()[0], 3, "messages")
    pop.ok("DELE 2")
    pop.quit()
    pop.session.finish()
    left = [text for _, text in maildir.read(path)] if path.is_dir() else [message.content for message in mbox.parse(path.read_bytes())]
    equal(left, [mbox.parse(HOME)[number].content for number in (0, 2)], "messages left")
