"""What is no mailbox of the user is not opened."""

import os

from lib import mbox
from lib.suite import check, each, equal, needs

MAIL = mbox.mailbox(2)


def symlink(bed, path):
    path.rename(path.with_name("elsewhere"))
    path.symlink_to(path.with_name("elsewhere"))


def dangling_symlink(bed, path):
    path.unlink()
    path.symlink_to(bed.dir / "nowhere")


def fifo(bed, path):
    owner = path.stat()
    path.unlink()
    os.mkfifo(path, 0o660)
    os.chown(path, owner.st_uid, owner.st_gid)


def directory(bed, path):
    owner = path.stat()
    path.unlink()
    path.mkdir()
    os.chown(path, owner.st_uid, owner.st_gid)


def device(bed, path):
    path.unlink()
    path.symlink_to("/dev/zero")


def hard_link(bed, path):
    os.link(path, path.parent / "bob")


def foreign_owner(bed, path):
    os.chown(path, 4002, -1)
    path.chmod(0o666)


def unreadable(bed, path):
    path.chmod(0)


CASES = tuple((function.__name__, function) for function in
              (symlink, dangling_symlink, fifo, directory, device, hard_link, unreadable))


@each(*CASES, ("foreign_owner", foreign_owner))
@needs("root")
def test_by_pop3(bed, spoil):
    path = bed.put(MAIL)
    spoil(bed, path)
    pop = bed.pop3(login=None)
    pop.expect("USER alice", "+OK send PASS")
    pop.expect("PASS alicepw", "-ERR [SYS/PERM] maildrop cannot be opened")
    pop.stream.expect_end()
    pop.session.finish()
    kinds = [line.split(":")[0] for line in pop.session.log()]
    equal(kinds, ["login", "warning", "session end"], "log lines")


@each(*CASES)
def test_unprivileged(bed, spoil):
    bed = bed.unprivileged()
    path = bed.put(MAIL)
    spoil(bed, path)
    pop = bed.pop3(login=None)
    pop.expect("USER alice", "+OK send PASS")
    pop.expect("PASS alicepw", "-ERR [SYS/PERM] maildrop cannot be opened")
    pop.stream.expect_end()
    pop.session.finish()


def test_by_pop2(bed):
    symlink(bed, bed.put(MAIL))
    pop = bed.pop2(login=None)
    pop.expect("HELO alice alicepw", "- maildrop cannot be opened")
    pop.stream.expect_end()
    pop.session.finish()


def test_target_of_a_symlink_is_untouched(bed):
    path = bed.put(MAIL)
    symlink(bed, path)
    pop = bed.pop3(login=None)
    pop.send("USER alice")
    pop.send("PASS alicepw")
    pop.send("DELE 1")
    pop.send("QUIT")
    pop.session.finish()
    equal(path.with_name("elsewhere").read_bytes(), MAIL, "the target")
    check(path.is_symlink(), "the link was replaced")


@needs("root")
def test_symlinked_directory_of_the_spool(bed):
    """Only the last component is refused: /var/spool/mail is a link to /var/mail on many systems."""
    bed.put(MAIL)
    link = bed.dir / "spool"
    link.symlink_to(bed.spool)
    pop = bed.pop3(f"--maildrop=mbox:{link}/%u")
    equal(pop.stat()[0], 2, "messages")
    pop.quit()
    pop.session.finish()
