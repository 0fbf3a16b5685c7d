"""Programs that are unpacked beside the build instead of installed: to install them would start a service."""

from pathlib import Path

from lib.suite import Skip


def unpacked(bed, package, file):
    """The path of a file of a package: unpacked by tests/clients/unpack, or installed."""
    for root in bed.place.build / "tests" / package, Path("/"):
        if (root / file).exists():
            return str(root / file)
    raise Skip(f"no {package}: tests/clients/unpack build/tests {package}")
