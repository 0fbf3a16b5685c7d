"""Maildirs to test with, and what is in them: written from the documents and not from the C code."""

import itertools
import os
import re

from . import mbox

_numbers = itertools.count(1)
TIME = 1_700_000_000


def name(number):
    return f"{TIME + number // 1000}.M{number:06d}P77.mail.example.org"


def make(path, data, give=lambda path: None):
    """A Maildir with the messages of the mailbox `data`: every second one is new, the others were seen."""
    for directory in path, path / "new", path / "cur", path / "tmp":
        directory.mkdir(mode=0o700)
        give(directory)
    for number, message in enumerate(mbox.parse(data), 1):
        put(path, f"new/{name(number)}" if number % 2 else f"cur/{name(number)}:2,S", message.content, give)


def put(path, where, text, give=lambda path: None):
    """One file; its place and name are given."""
    file = path / where
    file.write_bytes(text)
    give(file)
    return file


def deliver(path, data, give=lambda path: None):
    """As an agent does: written in tmp/, renamed into new/."""
    for message in mbox.parse(data):
        unique = f"{TIME + 100_000}.M{next(_numbers):06d}P{os.getpid()}.mail.example.org"
        put(path, f"tmp/{unique}", message.content, give).rename(path / "new" / unique)


def base(name):
    return name.split(":")[0]


def read(path):
    """[(base, text)] of the messages that are there and not in the trash, in order: by time, then by name."""
    found = []
    for part in "new", "cur":
        for file in (path / part).iterdir():
            flags = file.name.partition(":2,")[2]
            if file.name[0] != "." and "T" not in flags:
                found.append((int(re.match(r"\d*", file.name)[0] or 0), base(file.name), file.read_bytes()))
    return [(name, text) for _, name, text in sorted(found)]
