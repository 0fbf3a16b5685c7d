"""The demonstration, with the listener of each kind that is installed."""

import shutil
import socket

from pathlib import Path

from clients import programs
from lib.suite import Skip, check, each, equal, needs

DEMO = Path(__file__).resolve().parents[2] / "units/demo"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run(bed, listener, *arguments, **more):
    temporary = bed.dir / "temporary"
    temporary.mkdir()
    return programs.run(bed, DEMO, *arguments, LISTENER=listener, TMPDIR=str(temporary), POP3_PORT=str(free_port()),
                        POP2_PORT=str(free_port()), **more)


@needs("curl", "socat", "setpriv", "sandbox")
@each(("inetd", "inetd"), ("socat", "socat"))
def test_once(bed, listener):
    """It fetches its messages by both protocols, and leaves nothing behind."""
    if reason := bed.place.missing(listener):
        raise Skip(reason)
    output = run(bed, listener, "--once", bed.place.build).decode()
    check(output.endswith("demo: the messages are right by POP3 and by POP2\n"), output)
    equal(list((bed.dir / "temporary").iterdir()), [], "what it left")


@needs("curl", "socat", "setpriv", "sandbox")
def test_once_notices(bed):
    """A server that alters one octet fails it: what the demonstration says is worth something."""
    build = bed.dir / "build"
    shutil.copytree(bed.place.build / "sbin", build / "sbin")
    shutil.copytree(bed.place.build / "libexec", build / "libexec")
    right = build / "sbin/pop3d.right"
    (build / "sbin/pop3d").rename(right)
    # The program finds its helper beside itself, so it is run under its new name in the same place.
    (build / "sbin/pop3d").write_text('#!/bin/sh\n"$(dirname "$0")/pop3d.right" "$@" | sed -u "s/counter/Counter/"\n')
    (build / "sbin/pop3d").chmod(0o755)
    run(bed, "socat", "--once", build, status=1)
