"""The server's decision about KERBEROS_V4 as a compiled function (tests/unit/kerberos4.c, under sanitizers): thousands of forged
exchanges in a second, with any clock."""

import os
import subprocess

from . import kerberos4
from .suite import Failure, check

NOW = kerberos4.VECTOR.now
CHALLENGE = kerberos4.VECTOR_CHALLENGE
KEY = kerberos4.VECTOR.key


def forge(**fields):
    """An honest exchange at NOW but for these fields."""
    return kerberos4.Forge(**{"now": NOW, "issued": NOW - 60, **fields})


def key_file(bed, octets=None, name="key", mode=0o600):
    path = bed.dir / name
    path.write_bytes(kerberos4.keytab(("pop", "localhost", "TEST.EXAMPLE", 3, KEY)) if octets is None else octets)
    path.chmod(mode)
    return path


class Judge:
    """Exchanges are collected with ask() and judged together by decide()."""

    def __init__(self, bed, key=None, services="pop", peer="127.0.0.1"):
        self.command = [str(bed.place.build / "tests/unit/kerberos4"), str(key or key_file(bed)), services, peer]
        self.lines, self.names = [], []

    def ask(self, what, request, choice=b"", now=NOW, challenge=CHALLENGE):
        """request and choice are octets, or the forge that makes them."""
        if isinstance(request, kerberos4.Forge):
            choice = choice or request.choice(challenge)
            request = request.request(challenge)
        self.lines.append(f"{now} {challenge} {request.hex() or '-'} {choice.hex() or '-'}\n")
        self.names.append(what)

    def run(self):
        quiet = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}       # libkrb5 forgets what it had read of an entry that is cut
        ran = subprocess.run(self.command, input="".join(self.lines), capture_output=True, text=True, timeout=60, env=quiet)
        check(ran.returncode == 0, f"it died of {ran.returncode}: {ran.stderr[-2000:]}")
        return ran.stdout.splitlines()

    def keys(self):
        """What came of loading the file: a number of keys, or the name of an error."""
        return self.run()[0].removeprefix("keys: ")

    def decide(self):
        """(what, words of the verdict) of all exchanges."""
        header, *verdicts = self.run()
        check(len(verdicts) == len(self.names), f"{header}; {len(verdicts)} verdicts for {len(self.names)} exchanges")
        return [(name, verdict.split()) for name, verdict in zip(self.names, verdicts)]

    def expect(self, expected):
        """All have this word: `accepted` through to the end, or what is said of the request, or `accepted/WORD` of the choice."""
        for what, words in self.decide():
            first, last = words[0], words[2] if len(words) > 2 else words[0]
            actual = first if first != "accepted" or last == "accepted" else f"accepted/{last}"
            if actual not in ([expected] if isinstance(expected, str) else expected):
                raise Failure(f"{what}: expected {expected}, got {' '.join(words)}")


def judged(bed, expected, cases, **more):
    """Forges by name, all with the same outcome."""
    judge = Judge(bed, **more)
    for what, case in cases:
        judge.ask(what, case)
    judge.expect(expected)
