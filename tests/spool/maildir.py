"""Maildirs: what is a message, what happens to files, and what others do to them meanwhile."""

import hashlib
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

from lib import client, maildir, mbox, server
from lib.suite import check, each, equal, limit, needs, until

CHANGED = "-ERR [SYS/TEMP] message has changed, log in again"
LEFT_OUT = "warning: user=\"alice\" something in the maildrop is no message that can be served and was left out"
FORBIDDEN = "warning: user=\"alice\" the maildrop is not a plain file of this user"


def text(number):
    return mbox.parse(mbox.message(number))[0].content


def made(bed, count=3, body=0):
    bed = bed.maildir()
    return bed, bed.put(mbox.mailbox(count, body))


def names(path):
    return sorted(f"{part}/{name}" for part in ("new", "cur") for name in os.listdir(path / part))


def add(bed, path, where, octets=None):
    return maildir.put(path, where, text(1) if octets is None else octets, lambda file: bed.give(file, "alice"))


def ids(pop):
    return [line.split()[1] for line in pop.lines("UIDL")]


def end(pop):
    """QUIT, and the log as far as it is not about every session."""
    equal(pop.quit(), "bye", "reply")
    pop.session.finish()
    return [line for line in pop.session.log() if line.startswith(("warning", "error"))]


def traced(bed, pop, *expressions):
    """The keeper's calls are traced, and tampered with, from now on."""
    keeper = pop.session.rooms().keeper.pid
    tracer = bed.daemon("strace", "-q", "-p", keeper, *(word for expression in expressions for word in ("-e", expression)))
    until(lambda: f"TracerPid:\t{tracer.pid}\n" in Path(f"/proc/{keeper}/status").read_text(), "strace")
    return tracer


# Reading

@each(("retrieved", lambda pop: [pop.retr(number) for number in (1, 2, 3)]),
      ("listed", lambda pop: (pop.lines("LIST"), pop.lines("UIDL"))),
      ("marked", lambda pop: pop.ok("DELE 2")))
def test_nothing_changes_before_quit(bed, act):
    bed, path = made(bed)
    before = names(path)
    pop = bed.pop3()
    act(pop)
    equal(names(path), before, "files")
    pop.stream.close()
    pop.session.wait()
    equal(names(path), before, "files after the connection broke")


def test_new_is_cur_after_quit(bed):
    """What came meanwhile is still new."""
    bed, path = made(bed)
    seen = [name.removeprefix("new/") for name in names(path) if name.startswith("new/")]
    pop = bed.pop3()
    bed.append(mbox.message(9))
    equal(end(pop), [], "warnings")
    for name in seen:
        check((path / "cur" / f"{name}:2,").exists(), f"{name} is not in cur")
    equal(len(os.listdir(path / "new")), 1, "new messages")
    equal(len(bed.kept()), 4, "messages")


def test_read_only_renames_nothing(bed):
    bed, path = made(bed)
    before = names(path)
    pop = bed.pop3("--read-only")
    pop.retr(1)
    pop.err("DELE 1")
    end(pop)
    equal(names(path), before, "files")


def test_moving_replaces_nothing(bed):
    """A file has come to cur that has the name a message of new would get."""
    bed, path = made(bed, 1)
    name = os.listdir(path / "new")[0]
    pop = bed.pop3()
    add(bed, path, f"cur/{name}:2,", b"precious\n")
    end(pop)
    equal((path / "cur" / f"{name}:2,").read_bytes(), b"precious\n", "the file in cur")
    check((path / "new" / name).exists(), "the file in new is gone")


def test_order_is_by_time_then_name(bed):
    bed, path = made(bed, 0)
    order = ["3.b", "20.a", "100:2,", "100.a:2,S", "100.aaaaaaa", "100.aaaaaaaa:2,", "100.aaaaaaaaa", "100.aaaaaaaab:2,S", "100.b",
             "100.c:2,", "99999999999999999999999.x"]
    for number, name in enumerate(reversed(order)):
        add(bed, path, f"{'cur' if ':' in name else 'new'}/{name}", text(number))
    first = bed.pop3()
    equal(ids(first), [maildir.base(name) for name in order], "order")
    end(first)
    second = bed.pop3()
    equal(ids(second), [maildir.base(name) for name in order], "order when all are in cur")


@each(("70", "1." + "x" * 68, True), ("71", "1." + "x" * 69, False), ("blank", "1.a b", False),
      ("newline", "1.a\nb", False), ("latin", "1.h\xe4", False), ("longest", "1." + "x" * 253, False))
def test_uidl_of_a_name(bed, name, itself):
    bed, path = made(bed, 0)
    octets = os.fsencode(name)
    file = add(bed, path, "new/plain")
    file.rename(os.fsdecode(os.fsencode(path / "new") + b"/" + octets))
    expected = name if itself else hashlib.md5(octets).hexdigest()
    for _ in range(2):                      # in new, then in cur if its name has room
        pop = bed.pop3()
        equal(ids(pop), [expected], "UIDL")
        equal(pop.retr(1), mbox.parse(mbox.message(1))[0].wire(), "message")
        equal(end(pop), [], "warnings")


def test_sizes_in_names_are_not_believed(bed):
    bed, path = made(bed, 0)
    add(bed, path, "new/1.a,S=7,W=9")
    add(bed, path, "cur/2.b,S=1000000,W=1000000:2,S")
    pop = bed.pop3()
    size = mbox.parse(mbox.message(1))[0].size
    equal(pop.lines("LIST"), [f"1 {size}", f"2 {size}"], "sizes")
    pop.retr(1)
    pop.retr(2)
    end(pop)


@each(("lf", b"a: b\n\nx\n.\n..y\n"), ("crlf", b"a: b\r\n\r\nx\r\n.\r\n"), ("mixed", b"a: b\r\n\nx\r\r\n\ry\n\r"),
      ("no_end", b"a: b\n\nx"), ("lone_cr_at_the_end", b"a: b\n\nx\r"), ("empty", b""), ("nul", b"\0\n\0"),
      ("block", b"x" * (256 * 1024 - 1) + b"\r\n" + b"y" * 100 + b"\n"), ("from", b"From a@b Mon Jan  5 10:00:00 2026\n\nx\n"))
def test_octets(bed, octets):
    """All of the file, whatever it holds; announced, as LIST says."""
    bed, path = made(bed, 0)
    add(bed, path, "new/1.a", octets)
    wire = mbox.Message(b"From \n" + octets)
    wire.content = octets
    for _ in range(2):                      # measured, then remembered
        pop = bed.pop3()
        equal(pop.lines("LIST"), [f"1 {wire.size}"], "size")
        equal(pop.retr(1), wire.wire(), "message")
        end(pop)


# What is there besides messages

@each(("directory", lambda path: (path / "new" / "1.d").mkdir()),
      ("directory_in_cur", lambda path: (path / "cur" / "1.d:2,S").mkdir()),
      ("symlink", lambda path: (path / "new" / "1.d").symlink_to("/etc/passwd")),
      ("fifo", lambda path: os.mkfifo(path / "cur" / "1.d")),
      ("socket", lambda path: socket.socket(socket.AF_UNIX).bind(str(path / "cur" / "1.d"))),
      ("colon", lambda path: (path / "cur" / ":2,S").write_bytes(b"x\n")),
      ("two_of_one_base", lambda path: (path / "new" / f"{maildir.name(2)}").write_bytes(b"x\n")),
      ("two_flags_of_one_base", lambda path: (path / "cur" / f"{maildir.name(2)}:2,T1").write_bytes(b"x\n")
          and (path / "cur" / f"{maildir.name(2)}:2,ZZ").write_bytes(b"x\n")))
def test_left_out(bed, make):
    """Logged once, left out, and left alone; the messages are served."""
    bed, path = made(bed)
    make(path)
    odd = set(names(path))
    for part in "new", "cur":
        for file in (path / part).iterdir():
            if not file.is_symlink():
                bed.give(file, "alice")
    before = len(names(path))
    pop = bed.pop3()
    equal(pop.stat()[0], 3, "messages")
    for number in 1, 2, 3:
        equal(pop.retr(number), mbox.parse(mbox.mailbox(3))[number - 1].wire(), f"message {number}")
    for number in 1, 2, 3:
        pop.ok(f"DELE {number}")
    equal(end(pop), [LEFT_OUT], "warnings")
    equal(len(names(path)), before - 3, f"files left of {sorted(odd)}")


@needs("root")
@each(("unreadable", 0o000, 0, 2), ("another's_readable", 0o644, 0, 3), ("another's", 0o600, 4002, 2))
def test_owner_and_mode(bed, mode, owner, count):
    """The user's rights decide, and nothing else."""
    bed, path = made(bed, 2)
    file = add(bed, path, "new/1.x")
    os.chown(file, owner, owner)
    file.chmod(mode)
    pop = bed.pop3()
    equal(pop.stat()[0], count, "messages")
    equal(end(pop), [LEFT_OUT] if count == 2 else [], "warnings")
    check(any(name.endswith(("1.x", "1.x:2,")) for name in names(path)), "it is gone")


def test_hidden(bed):
    """A leading full stop, and what others put in the trash."""
    bed, path = made(bed, 0)
    for where in "new/.1.a", "cur/.nfs0001", "cur/1.t:2,T", "cur/2.t:2,FST", "cur/3.s:2,FS":
        add(bed, path, where)
    pop = bed.pop3()
    equal(ids(pop), ["3.s"], "messages")
    pop.ok("DELE 1")
    equal(end(pop), [], "warnings")
    equal(len(names(path)), 4, "files")


def broken(bed, how):
    bed, path = made(bed)
    how(path)
    pop = bed.pop3(login=None)
    pop.ok("USER alice")
    return pop.ask("PASS alicepw"), pop


def replace(path, make):
    path.rename(path.with_name("moved"))
    make(path)


@each(("symlink", lambda path: replace(path, lambda at: at.symlink_to("moved"))),
      ("file", lambda path: replace(path, lambda at: at.write_bytes(b"From x"))),
      ("fifo", lambda path: replace(path, os.mkfifo)),
      ("cur_is_a_symlink", lambda path: replace(path / "cur", lambda at: at.symlink_to("moved"))),
      ("new_is_a_file", lambda path: replace(path / "new", lambda at: at.write_bytes(b""))))
def test_no_maildir(bed, how):
    reply, pop = broken(bed, how)
    equal(reply, "-ERR [SYS/PERM] maildrop cannot be opened", "reply")
    pop.session.wait()
    check(any(line.startswith(FORBIDDEN) for line in pop.session.log()), pop.session.log())


@needs("root")
@each(("maildir", ""), ("cur", "cur"), ("new", "new"))
def test_another_owner(bed, part):
    reply, _ = broken(bed, lambda path: os.chown(path / part, 4002, 4002))
    equal(reply, "-ERR [SYS/PERM] maildrop cannot be opened", "reply")


@needs("root")
@each(("maildir", ""), ("cur", "cur"), ("new", "new"))
def test_no_permission(bed, part):
    reply, _ = broken(bed, lambda path: (path / part).chmod(0))
    equal(reply, "-ERR [SYS/PERM] maildrop cannot be opened", "reply")


@each(("missing", None, 0), ("no_new", "new", 1), ("no_cur", "cur", 2))
def test_half_made(bed, part, count):
    """What is missing is empty, and is not made."""
    bed = bed.maildir()
    path = bed.mailbox()
    if part:
        path = bed.put(mbox.mailbox(3))
        for name in os.listdir(path / part):
            (path / part / name).unlink()
        (path / part).rmdir()
    pop = bed.pop3()
    equal(pop.stat()[0], count, "messages")
    equal(end(pop), [], "warnings")
    check(not (path / (part or ".")).exists(), "it was made")


@needs("root")
def test_unwritable(bed):
    """What cannot be deleted is said at DELE."""
    bed, path = made(bed)
    for part in "new", "cur":
        (path / part).chmod(0o500)
    before = names(path)
    pop = bed.pop3()
    pop.expect("DELE 1", "-ERR [SYS/PERM] maildrop is read-only")
    end(pop)
    equal(names(path), before, "files")


# Others, meanwhile

def rename_all(path):
    """A mail reader has seen everything."""
    for part in "new", "cur":
        for file in (path / part).iterdir():
            file.rename(path / "cur" / f"{maildir.base(file.name)}:2,RS")


def test_renamed_before_a_retrieval(bed):
    bed, path = made(bed)
    pop = bed.pop3()
    rename_all(path)
    for number, message in enumerate(mbox.parse(mbox.mailbox(3)), 1):
        equal(pop.retr(number), message.wire(), f"message {number}")
    pop.ok("DELE 2")
    rename_all(path)
    end(pop)
    equal(len(bed.kept()), 2, "messages left")


def test_renamed_before_the_update(bed):
    bed, path = made(bed)
    pop = bed.pop3()
    for number in 1, 2, 3:
        pop.ok(f"DELE {number}")
    rename_all(path)
    end(pop)
    equal(names(path), [], "files")


def test_vanished(bed):
    """For that message only; and deleting it is no error."""
    bed, path = made(bed, 40)
    pop = bed.pop3()
    gone = [name for name in names(path) if "000002P" in name or "000030P" in name]
    for name in gone:
        (path / name).unlink()
    for number in range(1, 41):
        if number in (2, 30):
            pop.expect(f"RETR {number}", CHANGED)
            pop.expect(f"TOP {number} 0", CHANGED)
        else:
            equal(pop.retr(number), mbox.parse(mbox.mailbox(40))[number - 1].wire(), f"message {number}")
        pop.ok(f"DELE {number}")
    end(pop)
    equal(names(path), [], "files")


def test_all_vanished(bed):
    bed, path = made(bed, 300)
    pop = bed.pop3()
    for name in names(path):
        (path / name).unlink()
    for number in range(1, 301):
        pop.expect(f"RETR {number}", CHANGED)
        pop.ok(f"DELE {number}")
    end(pop)


@each(("longer", b"longer\n" * 1000), ("same_length", None))
def test_changed_in_place(bed, octets):
    """It is not the message that was listed: not sent, not removed; measured again by the next session."""
    bed, path = made(bed)
    pop = bed.pop3()
    file = path / next(name for name in names(path) if "000002P" in name)
    octets = octets or file.read_bytes().replace(b"\n", b"#")
    file.write_bytes(octets)
    pop.expect("RETR 2", CHANGED)
    pop.ok("DELE 1")
    pop.ok("DELE 2")
    pop.expect("QUIT", "-ERR [SYS/TEMP] deleted messages were not removed")
    pop.session.finish()
    equal(len(bed.kept()), 2, "messages left")
    again = bed.pop3()
    message = mbox.Message(b"From \n")
    message.content = octets
    equal(again.retr(1), message.wire(), "the message in the next session")
    again.ok("DELE 1")
    end(again)


def test_changed_between_sessions(bed):
    """The remembered size is wrong: found out when it is asked for, and put right at once."""
    bed, path = made(bed, 1)
    end(bed.pop3())
    file = path / names(path)[0]
    file.write_bytes(text(1) + b"and more\n")
    pop = bed.pop3()
    pop.expect("RETR 1", CHANGED)
    end(pop)
    again = bed.pop3()
    check(again.retr(1).endswith(b"and more\r\n"), "the message in the next session")
    end(again)


def test_a_restored_backup(bed):
    """Every file has another time: one session is refused what it asks for, and the next is like any other."""
    bed, path = made(bed, 20)
    end(bed.pop3())
    for name in names(path):
        os.utime(path / name, (1, 1))
    pop = bed.pop3()
    pop.expect("RETR 7", CHANGED)
    end(pop)
    again = bed.pop3()
    for number, message in enumerate(mbox.parse(mbox.mailbox(20)), 1):
        equal(again.retr(number), message.wire(), f"message {number}")
    end(again)


@each(("touched", False), ("rewritten", True))
def test_changed_between_sessions_and_deleted_unread(bed, rewritten):
    """By a client that knows it already: refused once, because it is not what was measured, and removed by the next session."""
    bed, path = made(bed, 2)
    end(bed.pop3())
    file = path / names(path)[0]
    if rewritten:
        file.write_bytes(text(1) + b"and more\n")
    os.utime(file, (1, 1))
    pop = bed.pop3()
    pop.ok("DELE 1")
    pop.expect("QUIT", "-ERR [SYS/TEMP] deleted messages were not removed")
    pop.session.finish()
    equal(len(bed.kept()), 2, "messages left")
    again = bed.pop3()
    again.ok("DELE 1")
    end(again)
    equal(len(bed.kept()), 1, "messages left then")


def test_read_to_the_end_though_removed(bed):
    """A message that is being sent is sent, whoever removes or renames it."""
    bed, path = made(bed, 1, 8_000_000)
    pop = bed.pop3()
    pop.send("RETR 1")
    pop.read_line()
    pop.stream.take(1000)
    rename_all(path)
    (path / names(path)[0]).unlink()
    rest = pop.read_multi()
    check(len(rest) > 7_000_000, f"{len(rest)} octets")
    end(pop)


def test_truncated_while_it_is_sent(bed):
    bed, path = made(bed, 1, 8_000_000)
    pop = bed.pop3()
    pop.send("RETR 1")
    pop.read_line()
    pop.stream.take(1000)
    os.truncate(path / names(path)[0], 4_000_000)
    check(not pop.stream.take_all().endswith(b"\r\n.\r\n"), "the message was given a terminator")
    pop.session.finish()


# Killed

@needs("root", "sandbox", "strace")
@each(*((f"at_file_{files}", files) for files in (1, 2, 50, 100)))
def test_killed_in_the_update(bed, files):
    """Keeper, when it is about to remove that file: what was to stay is there, what is gone was marked."""
    bed, path = made(bed, 200)
    before = [name for name, _ in maildir.read(path)]
    pop = bed.pop3()
    for number in range(1, 201, 2):
        pop.ok(f"DELE {number}")
    traced(bed, pop, "trace=unlinkat", f"inject=unlinkat:signal=KILL:when={files}")
    pop.expect("QUIT", "-ERR [SYS/TEMP] deleted messages were not removed")
    pop.session.wait()
    bed.sessions.remove(pop.session)
    left = [name for name, _ in maildir.read(path)]
    gone = [name for name in before if name not in left]
    check(len(gone) in (files - 1, files), f"{len(gone)} files are gone")
    equal(gone, before[::2][:len(gone)], "files that are gone")
    equal([text for _, text in maildir.read(path)], [text for name, text in zip(before, (m.content for m in mbox.parse(mbox.mailbox(200))))
                                                     if name in left], "messages left")
    again = bed.pop3()
    equal(again.stat()[0], len(left), "messages in the next session")
    again.quit()


UPDATE = {"unlinkat": 3, "fsync": 2, "renameat2": 3}     # the calls of an update of six messages


def killed(bed, path, call, when):
    """One update with one kill; returns (the reply, the texts that are left)."""
    pop = bed.pop3()
    for number in (2, 4, 6):                     # which were seen; the others are new
        pop.ok(f"DELE {number}")
    tracer = traced(bed, pop, f"trace={call}", f"inject={call}:signal=KILL:when={when}")
    pop.send("QUIT")
    reply = pop.read_line()
    pop.stream.take_all()
    pop.session.wait()
    bed.sessions.remove(pop.session)
    until(lambda: "killed by SIGKILL" in tracer.log.read_text(), f"a kill at {call} number {when}, without which the test is void")
    return reply, [text for _, text in maildir.read(path)]


@needs("root", "sandbox", "strace")
@limit(240)
@each(*((call, call, count) for call, count in UPDATE.items()))
def test_killed_at_each_call_of_the_update(bed, call, count):
    """What was to stay is there once, to the octet, what was marked is gone or there once, and the next session is as any
    other. (Errors and power cuts: unit/faults. strace's errors would be kills here, by the filter of calls.)"""
    for when in range(1, count + 1):
        fresh, path = made(bed, 6)
        texts = [message.content for message in mbox.parse(mbox.mailbox(6))]
        reply, left = killed(fresh, path, call, when)
        point = f"{call} {when}, which was answered {reply}"
        equal([text for text in left if text in texts[::2]], texts[::2], f"what was to stay, after {point}")
        equal(len(left), len(set(left)), f"nothing doubled, after {point}")
        check(set(left) <= set(texts), f"nothing torn, after {point}")
        check(reply.startswith("-ERR"), point)
        again = fresh.pop3()
        equal(again.stat()[0], len(left), f"messages in the next session, after {point}")
        again.quit()
        again.session.wait()
        fresh.sessions.remove(again.session)
        for directory in path, *fresh.state.iterdir():
            shutil.rmtree(directory)


@needs("root", "sandbox", "strace")
def test_renamed_all_the_time(bed):
    """Whenever the file is to be removed it has just been given another name: +OK means that it is gone all the same."""
    bed, path = made(bed, 1)
    pop = bed.pop3()
    pop.ok("DELE 1")
    traced(bed, pop, "trace=unlinkat", "inject=unlinkat:delay_enter=50000")
    pop.send("QUIT")
    for number in range(1000):
        if not pop.stream.silent(0.003):
            break
        if names(path):
            (path / names(path)[0]).rename(path / "cur" / f"{maildir.name(1)}:2,{number}")
    equal(pop.read_line().startswith("+OK"), not names(path), f"+OK though {names(path)} is there")
    pop.session.wait()
    bed.sessions.remove(pop.session)


# What is remembered

def opened(bed, pop_of):
    """Which files of the Maildir keeper reads in a session: their times of access are set back before."""
    path = bed.mailbox()
    for name in names(path):
        os.utime(path / name, (1, os.stat(path / name).st_mtime))
    pop_of()
    return [name for name in names(path) if os.stat(path / name).st_atime != 1]


def test_nothing_is_measured_twice(bed):
    bed, path = made(bed, 5)
    end(bed.pop3())
    record = next(file for file in (bed.state / "alice").iterdir() if file.name.endswith(".sizes"))
    equal((record.stat().st_size - 24) // 32, 5, "sizes in the file")
    poll = lambda: end(bed.pop3())
    equal(opened(bed, poll), [], "files read")
    bed.append(mbox.message(6))
    equal(len(opened(bed, poll)), 1, "files read after one had come")


@each(("empty", b""), ("short", b"restsiz1"), ("garbage", os.urandom(4000)), ("cut", None))
def test_a_bad_file_of_sizes(bed, octets):
    """Costs time and nothing else."""
    bed, path = made(bed, 5)
    end(bed.pop3())
    record = next(file for file in (bed.state / "alice").iterdir() if file.name.endswith(".sizes"))
    record.write_bytes(record.read_bytes()[:-5] if octets is None else octets)
    pop = bed.pop3()
    for number, message in enumerate(mbox.parse(mbox.mailbox(5)), 1):
        equal(pop.retr(number), message.wire(), f"message {number}")
    equal(end(pop), [], "warnings")
    check(record.stat().st_size == 24 + 5 * 32, "it was not mended")


def test_without_state(bed):
    """Everything but the session lock."""
    bed, path = made(bed, 3)
    pop = bed.pop3("--state=/proc/nowhere")
    other = bed.pop3("--state=/proc/nowhere")
    pop.retr(1)
    pop.ok("DELE 1")
    end(pop)
    other.expect("RETR 1", CHANGED)
    other.retr(2)
    other.ok("DELE 1")
    other.ok("DELE 2")
    end(other)
    equal(len(bed.kept()), 1, "messages left")


def test_one_session(bed):
    bed, _ = made(bed)
    first = bed.pop3()
    second = bed.pop3(login=None)
    second.ok("USER alice")
    equal(second.ask("PASS alicepw"), "-ERR [IN-USE] maildrop is locked by another session", "reply")
    end(first)


@needs("root", "strace")
@limit(180)
def test_an_unchanged_maildir_is_one_look(bed):
    """At each of its directories, to the end, though there are 100,000 messages: none is opened, or asked for its state."""
    bed, count = bed.maildir(), 100_000
    path = bed.put(b"")
    for number in range(count):
        (path / f"cur/{maildir.name(number)}:2,S").write_bytes(b"Subject: a\n\nbody\n")
    subprocess.run(["chown", "-R", "--reference", path, path], check=True, timeout=60)
    end(bed.pop3())
    trace = bed.dir / "trace"
    session = server.Session(["strace", "-f", "-y", "-o", trace, "-e", "trace=openat,getdents64,newfstatat,statx,pread64,read",
                              bed.program("pop3d"), *bed.options(), "--log=stderr"], "socketpair", bed.dir / "log.traced")
    bed.sessions.append(session)
    pop = client.Pop3(session.stream)
    pop.login("alice", "alicepw")
    equal(pop.stat(), (count, count * 20), "messages")
    equal(len(pop.lines("LIST")), count, "sizes")
    equal(len(ids(pop)), count, "UIDLs")
    pop.quit()
    session.wait()
    calls = [line for line in trace.read_text().splitlines() if str(path) in line or "mail.example.org" in line]
    equal([line for line in calls if "mail.example.org" in line], [], "calls about messages")
    for part in "new", "cur":
        reads = [line for line in calls if "getdents64" in line and f"<{path}/{part}>" in line]
        equal(len([line for line in reads if line.endswith("= 0")]), 1, f"times that {part} was read to its end")
    check(len(calls) < 100 + count // 100, f"{len(calls)} calls about the Maildir")


@limit(180)
def test_many(bed):
    """As many as somebody has who never deletes: the second login measures nothing."""
    bed = bed.maildir()
    path = bed.put(b"")
    for number in range(20000):
        add(bed, path, f"cur/{maildir.name(number)}:2,S", b"Subject: %d\n\nbody\n" % number)
    pop = bed.pop3()
    equal(pop.stat()[0], 20000, "messages")
    end(pop)
    began = time.monotonic()
    pop = bed.pop3()
    equal(len(ids(pop)), 20000, "UIDLs")
    print(f"    maildir: second login and UIDL of 20000 messages in {time.monotonic() - began:.2f} s")
    for number in range(1, 20001):
        pop.send(f"DELE {number}")
        if number % 100 == 0:
            for _ in range(100):
                check(pop.read_line().startswith("+OK"), "DELE")
    end(pop)
    equal(names(path), [], "files")
