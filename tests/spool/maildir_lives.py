"""Lives of a Maildir: whatever others do to it between our sessions and in the middle of them, against a model of what
the manual promises. LIVES=500 in the environment: so many."""

import itertools
import os
import random
from collections import Counter

from lib import maildir, mbox
from lib.suite import check, each, equal, limit

CHANGED = "-ERR [SYS/TEMP] message has changed, log in again"
NOT_REMOVED = "-ERR [SYS/TEMP] deleted messages were not removed"


class Life:
    """texts: {base: text} of all files; hidden: those in the trash. versions count what others did to a file, measured says
    at which of them a session has measured it, open whether a later one has is not known: front fetches ahead."""

    def __init__(self, bed, chance):
        self.bed, self.chance, self.path = bed, chance, bed.put(b"")
        self.texts, self.hidden = {}, set()
        self.versions, self.measured, self.open = Counter(), {}, set()
        self._numbers, self._times = itertools.count(1), itertools.count(1_600_000_000)

    # What others do.

    def act(self, *more):
        if not self.texts or self.chance.random() < 0.3:
            self.deliver()
        else:
            self.chance.choice((self.rename, self.rename, self.remove, self.trash, *more))(self.chance.choice(sorted(self.texts)))

    def file(self, base):
        return next(file for part in ("new", "cur") for file in (self.path / part).iterdir() if maildir.base(file.name) == base)

    def deliver(self):
        name = maildir.name(self.chance.randrange(1000) * 1000 + next(self._numbers))
        self.texts[name] = b"Subject: %s\n\n" % name.encode() + b"line\n" * self.chance.randrange(50)
        made = maildir.put(self.path, f"tmp/{name}", self.texts[name], lambda file: self.bed.give(file, "alice"))
        made.rename(self.path / "new" / name)

    def rename(self, base, flags=None):
        flags = flags or self.chance.choice(("", "S", "RS", "FS"))
        self.file(base).rename(self.path / "cur" / f"{base}:2,{flags}")
        self.hidden.discard(base)

    def trash(self, base):
        self.rename(base, "ST")
        self.hidden.add(base)

    def remove(self, base):
        self.file(base).unlink()
        self.forget(base)

    def forget(self, base):
        del self.texts[base]
        self.hidden.discard(base)
        self.measured.pop(base, None)
        self.open.discard(base)

    def touch(self, base):
        time = next(self._times)
        os.utime(self.file(base), (time, time))
        self.versions[base] += 1

    def rewrite(self, base):
        self.texts[base] += b"more\n" * self.chance.randrange(3)
        self.file(base).write_bytes(self.texts[base])
        self.touch(base)

    # What a session makes of it.

    def listed(self):
        return sorted((base for base in self.texts if base not in self.hidden), key=lambda base: (int(base.split(".")[0]), base))

    def is_there(self, base):
        return base in self.texts and base not in self.hidden

    def is_changed(self, base):
        return self.versions[base] != self.measured.get(base)

    def measure(self):
        """What is in the trash at a login is not remembered."""
        for base in self.hidden:
            self.measured.pop(base, None)
        for base in self.listed():
            self.measured.setdefault(base, self.versions[base])

    def found_out(self):
        """What was seen to have changed may be measured anew next time, and with it all that has."""
        self.open |= {base for base in self.measured if self.is_changed(base)}

    def retrieve(self, pop, number, base, text):
        """text: at the login. What vanished since may have been fetched ahead."""
        reply = pop.ask(f"RETR {number}")
        if reply == CHANGED:
            check(not self.is_there(base) or self.is_changed(base), f"{base} has not changed")
        else:
            check(reply.startswith("+OK") and (not self.is_there(base) or not self.is_changed(base) or base in self.open),
                  f"{base}: {reply}")
            message = mbox.Message(b"From \n")
            message.content = text
            equal(pop.read_multi(), message.stuffed(), base)

    def commit(self, pop, marked):
        """Afterwards the disk says which of the messages were removed that may have been."""
        changed = [base for base in marked if self.is_there(base) and self.is_changed(base)]
        reply = pop.ask("QUIT")
        pop.stream.close()
        check(reply == "+OK bye" and set(changed) <= self.open or reply == NOT_REMOVED and changed, f"{reply}; changed: {changed}")
        left = {maildir.base(file.name) for part in ("new", "cur") for file in (self.path / part).iterdir()}
        for base in marked:
            if self.is_there(base) and (reply == "+OK bye" or base not in changed or base not in left):
                self.forget(base)

    def session(self):
        pop, marked = self.bed.pop3(), []
        self.measure()
        texts = dict(self.texts)
        bases = self.listed()
        equal([line.split()[1] for line in pop.lines("UIDL")], bases, "UIDLs")
        for number, base in enumerate(bases, 1):
            if self.chance.random() < 0.3:
                self.act()
            if self.chance.random() < 0.5:
                self.retrieve(pop, number, base, texts[base])
            if self.chance.random() < 0.3:
                pop.ok(f"DELE {number}")
                marked.append(base)
        if self.chance.random() < 0.2:
            pop.stream.close()
        else:
            self.commit(pop, marked)
        self.found_out()
        pop.session.wait()
        self.bed.sessions.remove(pop.session)

    def judge(self):
        files = {maildir.base(file.name): file.read_bytes() for part in ("new", "cur") for file in (self.path / part).iterdir()}
        equal(sorted(files), sorted(self.texts), "the files")
        for base, text in self.texts.items():
            equal(files[base], text, base)


@limit(120)
@each(*((f"seed_{seed}", seed) for seed in sorted({*range(int(os.environ.get("LIVES", "8"))), 70})))
def test_lives(bed, seed):
    chance = random.Random(seed)
    life = Life(bed.maildir(), chance)
    sessions = 0
    for _ in range(25):
        for _ in range(chance.randrange(8)):
            life.act(life.rewrite, life.touch)
        life.session()
        life.judge()
        sessions += 1
    check(sessions == 25, "a life that was cut short")
