"""What a test is, and how it says yes, no or not here.

A test is a function `test_NAME(bed)` in tests/FOLDER/FILE.py, known as FOLDER/FILE/NAME, or a transcript.
It gets a Bed (testbed.py) of its own; everything it made there is gone afterwards.
"""

import importlib.util
import inspect
import os
import signal
import subprocess
import time
import traceback

FOLDERS = ("wire", "spool", "start", "login", "tls", "clients", "faults", "admin")
DEFAULT_LIMIT = 60
FORMATS = ("mbox", "maildir")      # the first is the one of a bed that was told of none


class Skip(Exception):
    """This machine cannot run the test; the text says why."""


class Failure(AssertionError):
    """The program did something else than the test expects."""


class OutOfTime(BaseException):
    """The test's time is up. No Exception, so that no test swallows it by accident."""


def check(condition, text):
    if not condition:
        raise Failure(text)


def equal(actual, expected, what):
    if actual != expected:
        raise Failure(f"{what}:\n  expected {shorten(expected)}\n  actual   {shorten(actual)}")


def shorten(value, limit=400):
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit // 2]} ... {text[-limit // 2:]} ({len(text)} characters)"


def until(condition, text, seconds=10.0):
    """Wait for what another process is about to do; returns the first true value."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failure(f"not within {seconds:g} s: {text() if callable(text) else text}")
        time.sleep(0.01)


# Decorators for test functions.

def needs(*what):
    """`root` (namespace with true users), `sandbox` (not a sanitizer build), `network` (own addresses), `static` (STATIC=1),
    or the name of a program that has to be installed."""
    def mark(function):
        function.needs = getattr(function, "needs", ()) + what
        return function
    return mark


def limit(seconds):
    """The most a test may take. Long ones are started first."""
    def mark(function):
        function.limit = seconds
        return function
    return mark


def each(*cases):
    """Run the function once for each (NAME, ARGUMENT...) of cases, as test NAME-of-function/NAME."""
    def mark(function):
        function.cases = cases
        return function
    return mark


def over_each_format(function):
    """Run the function over mailboxes of each format: as it is named, and as NAME/maildir (of a CASE: NAME/CASE maildir)."""
    function.formats = FORMATS
    return function


def but_only_mbox(*beginnings):
    """Of these cases, because the program that the case is about knows no other."""
    def mark(function):
        function.only_mbox = beginnings
        return function
    return mark


class Test:
    def __init__(self, name, function, arguments=(), needs=(), limit=DEFAULT_LIMIT):
        self.name, self.function, self.arguments = name, function, arguments
        self.needs, self.limit = needs, limit


def python_tests(tests_directory):
    for folder in FOLDERS:
        for path in sorted((tests_directory / folder).glob("*.py")):
            spec = importlib.util.spec_from_file_location(f"restante_{folder}_{path.stem}", path)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            for name, function in vars(module).items():
                if name.startswith("test_") and inspect.isfunction(function):
                    yield from tests_of_function(f"{folder}/{path.stem}/{name[5:]}", function)


def tests_of_function(name, function):
    marks = {"needs": getattr(function, "needs", ()), "limit": getattr(function, "limit", DEFAULT_LIMIT)}
    for format in getattr(function, "formats", FORMATS[:1]):
        run, also = (function, "") if format == FORMATS[0] else (over(format, function), format)
        if not hasattr(function, "cases"):
            yield Test(f"{name}/{also}".rstrip("/"), run, **marks)
        for case, *arguments in getattr(function, "cases", ()):
            if not also or not case.startswith(getattr(function, "only_mbox", "\0")):
                yield Test(f"{name}/{case} {also}".rstrip(), run, arguments, **marks)


def over(format, function):
    def run(bed, *arguments):
        bed.format = format
        function(bed, *arguments)
    return run


def program_tests(tests_directory, build):
    """The compiled tests: exit 0 is a pass. A fuzz target replays its corpus."""
    for kind in ("unit", "fuzz"):
        for path in sorted((build / "tests" / kind).glob("*")):
            if path.is_file() and os.access(path, os.X_OK):
                corpus = tests_directory / "fuzz" / "corpus" / path.name
                arguments = [str(corpus)] if kind == "fuzz" else []
                yield Test(f"{kind}/{path.name}", run_program, (path, arguments), limit=900)


def run_program(bed, path, arguments):
    if arguments and not os.path.isdir(arguments[0]):
        raise Skip(f"no corpus {arguments[0]}")
    done = subprocess.run([path, *arguments], cwd=bed.dir, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise Failure(f"exit status {done.returncode}\n{done.stdout[-4000:].decode('utf-8', 'replace')}")


def run_test(test, bed_maker):
    """Returns ("ok" | "FAIL" | "skip", detail)."""
    def out_of_time(_signal, frame):
        raise OutOfTime("".join(traceback.format_stack(frame)[-3:]))
    signal.signal(signal.SIGALRM, out_of_time)
    bed = None
    try:
        bed = bed_maker(test)
        signal.alarm(test.limit)
        test.function(bed, *test.arguments)
        signal.alarm(0)
        result = "ok", ""
    except Skip as skip:
        result = "skip", str(skip)
    except OutOfTime as late:
        result = "FAIL", f"took longer than {test.limit} s, at\n{late}"
    except Failure as failure:
        result = "FAIL", f"{failure}{where(failure)}"
    except Exception:
        result = "FAIL", traceback.format_exc()
    finally:
        signal.alarm(0)
    if bed is None:
        return result
    notes = bed.notes() if result[0] == "FAIL" else ""
    trouble = bed.close()
    if result[0] == "ok" and trouble:
        return "FAIL", trouble
    return result[0], result[1] + notes


def where(failure):
    """The line of the test itself, for a reader of a long function."""
    frames = [f for f in traceback.extract_tb(failure.__traceback__) if "/tests/lib/" not in f.filename]
    return f"\n  at {os.path.basename(frames[-1].filename)}:{frames[-1].lineno}: {frames[-1].line}" if frames else ""
