"""What the compiler and the linker were asked for, read back from the programs that were built."""

import os
import re
import subprocess
from pathlib import Path

from lib.suite import check, each, equal, needs
from lib.testbed import STATIC


ENDBR64 = b"\xf3\x0f\x1e\xfa"
BARE = ("sbin/pop3d", "sbin/pop2d", "libexec/restante/auth-file")        # need libc alone


def beside(bed):
    """Where the programs of STATIC=1 are, unless all are."""
    return Path(bed.place.build, STATIC).parent


def programs(bed):
    """All that are built; those of STATIC=1, too."""
    return [path for made in (bed.place.build, beside(bed)) for folder in ("sbin", "libexec/restante")
            for path in sorted(Path(made, folder).glob("*"))
            if path.is_file() and not path.is_symlink() and os.access(path, os.X_OK)]


def readelf(path, *options):
    return subprocess.run(["readelf", "-W", *options, path], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True,
                          timeout=30).stdout


def is_to_be_static(bed, path):
    """Made by STATIC=1: where it stands says so, not what became of it."""
    made = bed.place.build if Path(bed.place.build, "static").is_dir() else beside(bed)
    return path in [made / name for name in BARE]


@needs("readelf", "sandbox")
def test_hardening(bed):
    """PIE, full RELRO, no executable stack, FORTIFY, stack protector; CET where the machine has it. musl has no FORTIFY."""
    check(len(programs(bed)) >= 3, f"programs: {programs(bed)}")
    for path in programs(bed):
        header, segments, dynamic = readelf(path, "-h"), readelf(path, "-l"), readelf(path, "-d")
        static = is_to_be_static(bed, path)
        equal("INTERP" not in segments, static, f"{path}: no dynamic linker")
        check(re.search(r"Type:\s+DYN", header), f"{path.name} is position independent")
        check("GNU_RELRO" in segments, f"{path.name}: RELRO")
        check("BIND_NOW" in dynamic or re.search(r"FLAGS_1.*NOW", dynamic), f"{path.name}: all of it, bound at the start")
        stack = re.search(r"GNU_STACK.*", segments)
        check(stack and "RWE" not in stack[0], f"{path.name}: stack {stack and stack[0]}")
        for segment in re.findall(r"LOAD .*", segments):
            check("RWE" not in segment, f"{path.name}: {segment}")
        symbols = readelf(path, "--syms" if static else "--dyn-syms")
        check("__stack_chk_fail" in symbols, f"{path.name}: stack protector")
        check(static or re.search(r"__\w+_chk\b", symbols.replace("__stack_chk_fail", "")), f"{path.name}: FORTIFY")
        if os.uname().machine == "x86_64":      # Debian's own start files are not marked, so the program cannot be; its code is ready
            check(path.read_bytes().count(ENDBR64) > 20, f"{path.name}: CET's landing pads")
        check("TEXTREL" not in dynamic and "RUNPATH" not in dynamic and "RPATH" not in dynamic, f"{path.name}: {dynamic}")


@needs("readelf", "sandbox")
@each(*((os.path.basename(name), name) for name in BARE))
def test_bare_programs_link_next_to_nothing(bed, name):
    """A library in the daemon costs every connection, and is code in every room."""
    path = bed.place.build / name
    needed = set(re.findall(r"NEEDED.*\[(.*?)\]", readelf(path, "-d")))
    equal(needed, set() if is_to_be_static(bed, path) else {"libc.so.6"}, "libraries")


def test_pam_is_in_one_program(bed):
    """What loads it names it; where the secret file alone decides there is nothing to load."""
    holds = {name: b"libpam.so" in Path(bed.place.build, "libexec/restante", name).read_bytes() for name in ("auth", "auth-file")}
    equal(holds, {"auth": True, "auth-file": False}, "programs that load PAM")
