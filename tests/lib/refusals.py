"""How long refusals take: whatever is wrong, as long as anything else that is."""

import concurrent.futures
import os
import random
import statistics
import sys
from pathlib import Path

from .suite import check, equal
from .testbed import PAM_SERVICE

REFUSED = "-ERR [AUTH] authentication failed"
FIFTY = os.environ.get("REFUSALS") == "50"
ROUNDS, AT_ONCE, MOST = (50, 1, 0.005) if FIFTY else (1, 2, 1.0)      # the last in seconds
EACH = ROUNDS * AT_ONCE                 # tries of each kind
SERVICE = "pop3-locked"


def option_that_locks(bed, *users):
    """--pam-service: one whose account phase lets these users in by no means."""
    (bed.dir / "locked").write_text("".join(f"{user}\n" for user in users))
    (bed.dir / "locked").chmod(0o600)
    Path(f"/etc/pam.d/{SERVICE}").write_text(f"{PAM_SERVICE}account required pam_listfile.so item=user sense=deny "
                                             f"file={bed.dir}/locked onerr=fail\n")
    return f"--pam-service={SERVICE}"


def seconds(pop, reply):
    """From the client's last word to the refusal; ends the connection."""
    equal(reply, REFUSED, "reply")
    check(pop.took >= 1.99, f"refused after {pop.took:.3f} s")
    pop.stream.close()
    return pop.took


def compare(mechanism, cases, computed=False):
    """cases: {what is wrong: a function that tries it on a new connection and returns seconds()}. Few tries and much time;
    REFUSALS=50 (make refusals) tries each fifty times, one of a kind at a time, and allows 5 ms. computed: the server does not
    wait, it computes, and one thing at a time is tried."""
    took = {what: [] for what in cases}
    with concurrent.futures.ThreadPoolExecutor(1 if computed else AT_ONCE * len(cases)) as pool:
        for _ in range(ROUNDS):
            order = random.sample([*cases] * AT_ONCE, AT_ONCE * len(cases))
            tries = [(what, pool.submit(cases[what])) for what in order]
            for what, one in tries:
                took[what].append(one.result())
    medians = {what: statistics.median(times) for what, times in took.items()}
    if FIFTY:
        print(f"{mechanism}: " + ", ".join(f"{what} {1000 * median:.1f} ms" for what, median in medians.items()), file=sys.stderr)
    spread = max(medians.values()) - min(medians.values())
    check(spread <= MOST, f"medians differ by {1000 * spread:.1f} ms: {medians}")
