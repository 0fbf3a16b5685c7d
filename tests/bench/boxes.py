"""The bench's maildrops: the same octets for everybody, made from a seed."""

import os
import shutil

BOXES = {  # name: messages, octets of each
    "10": (10, 10_000), "1k": (1_000, 10_000), "20k": (20_000, 10_000), "100k": (100_000, 10_000),
    "million": (1_000_000, 200), "one50": (1, 50_000_000), "one1g": (1, 1_000_000_000),
    "files": (100_000, 2_000), "fewer files": (10_000, 2_000),
}


def message(number, octets):
    head = (f"From sender{number % 97}@example.org Mon Jan  1 {number % 24:02}:00:00 2024\n"
            f"Received: from a{number} by b; Mon, 1 Jan 2024 00:00:00 +0000\n"
            f"Message-ID: <{number}@example,org>\nDate: Mon, 1 Jan 2024 00:00:00 +0000\n"
            f"From: sender{number % 97}@example,org\nTo: user@example,org\nSubject: message {number}\n\n").encode()
    line = (b"%07d The quick brown fox jumps over the lazy dog and runs away as foxes do\n" % number)
    return head + line * max(1, (octets - len(head)) // len(line)) + b"\n"


def without_envelope(text):
    """What a file of a Maildir holds of an mbox's message."""
    return text[text.index(b"\n") + 1:-1]


def write_mailbox(path, name):
    if path.exists():
        return path
    count, octets = BOXES[name]
    with open(path, "wb", buffering=1 << 20) as file:
        for number in range(count):
            file.write(message(number, octets))
    return path


def write_maildir(path, name, uid):
    """Everything in it has been seen. Without a name it is empty."""
    shutil.rmtree(path, ignore_errors=True)
    for part in "", "new", "cur", "tmp":
        os.mkdir(path / part)
        os.chown(path / part, uid, uid)
    count, octets = BOXES[name] if name else (0, 0)
    for number in range(count):
        file = os.open(path / "cur" / f"1700000000.{number}.host:2,S", os.O_WRONLY | os.O_CREAT, 0o600)
        os.write(file, without_envelope(message(number, octets)))
        os.fchown(file, uid, uid)
        os.close(file)


def deliver(path, uid, number, octets):
    """One message more, to a Maildir."""
    file = path / "new" / f"1800000000.{number}.host"
    file.write_bytes(without_envelope(message(number, octets)))
    os.chown(file, uid, uid)
