"""The figures of restante-scaling(7) are what the model makes of the recorded measurement."""

import runpy
import subprocess
import sys
from pathlib import Path

from lib.suite import check, equal, limit, needs

TESTS = Path(__file__).resolve().parents[1]
BENCH = TESTS / "bench"
NAMES = {"messages", "mailbox-octets", "greeting-ms", "unit-greeting-ms", "login-ms", "poll-ms", "poll-file-ms", "poll-calls", "waiting-kib",
         "waiting-processes", "session-kib", "session-processes"}


def scale(figures, *maildrops):
    done = subprocess.run([sys.executable, "-B", BENCH / "scale", figures, *maildrops], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, timeout=30, check=True)
    return done.stdout.decode().splitlines()


def test_page(bed):
    page = (TESTS.parent / "units/restante-scaling.7").read_text()
    blocks = [block.partition("\n.Ed")[0] for block in page.split(".Bd -literal\n")[1:]]
    equal("\n\n".join(blocks).splitlines(), scale(BENCH / "polls.figures"), "the tables of the page")


def test_model(bed):
    """Its arithmetic, by figures that can be reckoned in the head."""
    figures = bed.dir / "figures"
    figures.write_text("# none\n" + "".join(f"{name} 10\n" for name in NAMES))
    said = {line[:46].strip(): line[46:].split() for line in scale(figures, "15000", "1500000") if line}
    equal(said["logins, per second and core"], ["100"], "10 ms each")
    equal(said["polls per second at the peak"], ["100", "10,000"], "15,000 / 300 s, twice")
    equal(said["cores, connections started by inetd"], ["2", "200"], "100 a second of 10 ms, half of the time")
    equal(said["sessions at one time"], ["300", "30,000"], "three seconds each")
    equal(said["hosts (32 cores, 64 GiB), one of them to fail"], ["2", "8"], "2 and 200 cores, and one more")


@needs("root", "strace", "network", "sandbox", "nspawn")
@limit(90)
def test_measurement(bed):
    """It yields every figure that the model needs (a short one)."""
    polls = runpy.run_path(str(BENCH / "polls"))
    polls["measure"].__globals__.update(BATCHES=1, BATCH=2, IDLE=3)
    figures = dict(polls["measure"](bed))
    equal(set(figures), NAMES, "figures")
    check(all(value > 0 for value in figures.values()), f"nothing costs nothing: {figures}")
    recorded = dict(line.split() for line in (BENCH / "polls.figures").read_text().splitlines() if line[0] != "#")
    equal(set(recorded), NAMES, "recorded figures")
