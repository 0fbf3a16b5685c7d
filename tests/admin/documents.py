"""Every command and every setting that README and the manuals show is run here, as it stands there."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from admin.package import ENVIRONMENT, Root
from admin.watch import fail2ban, matched
from lib import client, mbox, server
from lib.suite import check, each, equal, limit, needs, until
from lib.testbed import PUBLIC_ADDRESS, USERS

PROJECT = Path(__file__).resolve().parents[2]
MACHINE = ("root", "network", "sandbox", "nspawn")
MAIL = mbox.mailbox(3, 500)
TALK = "USER me\r\nPASS secret\r\nSTAT\r\nQUIT\r\n"


def readme():
    """{heading: [(language, text of a block)]} and the blocks that are only indented."""
    sections, indented = {}, []
    for part in re.split(r"(?m)^## ", (PROJECT / "README.md").read_text()):
        heading = part.split("\n", 1)[0]
        sections[heading] = re.findall(r"(?ms)^```(\w*)\n(.*?)^```$", part)
        indented += re.findall(r"(?m)^    (.+)$", re.sub(r"(?ms)^```.*?^```$", "", part))
    return sections, indented


def blocks(heading, language="sh"):
    return [text for kind, text in readme()[0][heading] if kind == language]


def examples(manual):
    """The literal blocks under EXAMPLES."""
    source = (PROJECT / manual).read_text().split("\n.Sh EXAMPLES\n")[1].split("\n.Sh ")[0]
    return [block.replace("\\e", "\\").replace("\\&", "") for block in re.findall(r"(?ms)^\.Bd .*?\n(.*?)^\.Ed$", source)]


# What is run where: README's heading and language, and the manuals' first words. Whatever is shown and not named here fails.
SECTIONS = {("Install", "sh"), ("With systemd", "sh"), ("With inetd", "sh"), ("By hand", "sh"), ("TLS", "conf"),
            ("For copiers, and machines older than TLS", "conf"), ("Watching", "log"), ("Watching", "sh"), ("Undo", "sh")}
EXAMPLES = {"pop3d/pop3d.8": ["pop3 stream", "systemctl enable --now", "cert", "pop3d --check", "systemctl enable restante-recover",
                              "(umask", "fetchmail", "journalctl"],
            "pop2d/pop2d.8": ["109 stream", "systemctl enable --now", "plaintext", "(umask", "S: + POP2"]}


def shell(text):
    return "set -e\n" + text


def test_all_are_run(bed):
    sections, indented = readme()
    shown = {(heading, language) for heading, found in sections.items() for language, _ in found}
    equal(shown, SECTIONS, "kinds of blocks in README")
    first, second = indented
    check(first.endswith("&& make demo"), first)
    ci = (PROJECT / ".ci/run").read_text().splitlines()
    equal(ci[-1], second, "what .ci/run runs")
    for manual, beginnings in EXAMPLES.items():
        found = examples(manual)
        equal(len(found), len(beginnings), f"examples of {manual}")
        for text, beginning in zip(found, beginnings):
            check(text.startswith(beginning), f"{manual}: {text!r} does not begin with {beginning!r}")


def example(manual, beginning):
    text, = [text for text in examples(manual) if text.startswith(beginning)]
    return text


class Tree(Root):
    """A root with the source in /root/restante-tried, built, and nothing installed. /root/restante may be where we are."""

    def __init__(self, bed):
        super().__init__(bed)
        self.build = bed.place.build
        self.home("root", "/root")

    def home(self, user, home):
        tree = self.file(f"{home}/restante-tried")
        tree.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(PROJECT, tree, symlinks=True, ignore=shutil.ignore_patterns("build*", ".git", "__pycache__"))
        shutil.copytree(self.build, tree / "build", symlinks=True, ignore=lambda folder, names: ["tests", "deb"] if Path(folder) == self.build else [])
        if user != "root":
            for path in tree.parent, *tree.parent.rglob("*"):
                os.chown(path, *USERS[user][:1] * 2, follow_symlinks=False)

    def shell(self, text, home="/root", **more):
        return self.run("sh", "-c", f"cd {home}/restante-tried\n{shell(text)}", env={**ENVIRONMENT, "PATH": "/usr/local/sbin:" + ENVIRONMENT["PATH"]}, **more)


@needs("root", "sandbox")
@limit(200)
def test_install_watch_undo(bed):
    """From the source, without systemd: installed, logged into, fail2ban told, and taken away again without a trace."""
    unpacked = fail2ban(bed)
    root = Tree(bed)
    for folder in "etc/fail2ban", "usr/bin", "usr/lib/python3/dist-packages":
        shutil.copytree(unpacked / folder, root.file(folder), dirs_exist_ok=True, symlinks=True)
    root.file("/var/log/auth.log").touch()
    before = root.changes()

    from_source, without_systemd = blocks("Install")
    root.shell(from_source)
    root.shell("userdel _restante\nrmdir /var/lib/restante\n" + without_systemd + "pop3d --check\n")
    root.put("alice", MAIL)
    session = server.Session(["chroot", str(root.path), "/usr/local/sbin/pop3d", "--log=stderr"], "socketpair", bed.dir / "log.readme")
    bed.sessions.append(session)
    pop = client.Pop3(session.stream)
    pop.login("alice", USERS["alice"][1])
    pop.ok("DELE 1")
    pop.quit()
    session.finish()

    output = root.shell(blocks("Watching")[1])
    check("OK: configuration test is successful" in output and re.search(r"Failregex: 1 total", output), output[-2000:])
    root.file("/etc/fail2ban/jail.d/restante.local").unlink()

    _, take_away, rest = blocks("Undo")
    said = root.shell(take_away)
    check("kept: /var/lib/restante" in said, said)
    root.shell(rest)
    left = {name for name in root.changes() - before if not name.startswith(("/root/restante-tried", "/var/lib/fail2ban")) and "__pycache__" not in name}
    equal(left, set(), "what is left")


@needs("root", "sandbox")
@limit(90)
def test_by_hand(bed):
    """As an ordinary user, with README's and the manuals' words; the typing is the client's."""
    root = Tree(bed)
    root.home("alice", "/home/alice")
    for text, password in ((blocks("By hand")[0], "secret"), (example("pop3d/pop3d.8", "(umask"), "my password")):
        inbox = root.file("/home/alice/mbox")
        inbox.write_bytes(MAIL)
        os.chown(inbox, *USERS["alice"][:1] * 2)
        output = as_alice(root, text, TALK.replace("secret", password))
        check(re.search(r"\+OK maildrop has 3 messages.*\+OK 3 .*\+OK bye", output, re.S), output)
    output = as_alice(root, example("pop2d/pop2d.8", "(umask"), "HELO me secret\r\nQUIT\r\n")
    check(re.search(r"#3\r\n\+ ", output), output)
    if not bed.place.missing("fetchmail"):
        as_alice(root, "printf 'machine localhost login me password secret\\n' >~/.netrc; chmod 600 ~/.netrc", "")
        output = as_alice(root, example("pop3d/pop3d.8", "fetchmail"), "")
        equal(output.count("Subject:"), 3, f"messages that fetchmail got: {output[-1500:]}")


def as_alice(root, text, typed):
    """With the programs found as if they were installed."""
    uid = USERS["alice"][0]
    path = "/home/alice/restante-tried/build/sbin:" + ENVIRONMENT["PATH"]
    done = subprocess.run(["chroot", f"--userspec={uid}:{uid}", root.path, "sh", "-c", f"cd ~/restante-tried\n{shell(text)}"],
                          input=typed.encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60,
                          env={**ENVIRONMENT, "HOME": "/home/alice", "PATH": path})
    output = done.stdout.decode("utf-8", "replace")
    equal(done.returncode, 0, f"exit status of {text}: {output[-1500:]}")
    return output


def there(text):
    """For the machine, where the prefix is /usr."""
    return shell(text.replace("/usr/local", "/usr"))


def login(machine, program):
    talk = (client.Pop3 if program == "pop3d" else client.Pop2)(machine.connect(program))
    talk.login("alice", USERS["alice"][1])
    talk.quit()


@needs(*MACHINE)
@limit(120)
def test_systemd(bed):
    machine = bed.machine()
    bed.put(MAIL)
    for text in blocks("With systemd")[0], *(text for manual in EXAMPLES for text in examples(manual) if text.startswith("systemctl")):
        machine.run("sh", "-c", there(text))
    equal(machine.run("systemctl", "is-enabled", "pop3.socket", "restante-recover.service").split(), ["enabled"] * 2, "enabled")
    login(machine, "pop3d")
    machine.run("sh", "-c", there(example("pop3d/pop3d.8", "pop3d --check")))
    try:
        output = machine.run("sh", "-c", there(blocks("With systemd")[1]))
        score = float(re.search(r"pop3@x.service: ([\d.]+)", output)[1])
        check(score <= 1.5, output)
        login(machine, "pop3d")
    finally:
        machine.run("sh", "-c", "rm -r /etc/systemd/system/pop3@.service.d; systemctl daemon-reload")
    try:
        machine.run("sh", "-c", there(blocks("Undo")[0]))
        equal(machine.run("systemctl", "is-active", "pop3.socket", "pop2.socket", status=None).split(), ["inactive"] * 2, "undone")
    finally:
        machine.run("systemctl", "enable", "--now", "pop3.socket", "pop2.socket", "restante-recover.service")


@needs(*MACHINE, "/usr/sbin/inetd")
@limit(120)
def test_inetd(bed):
    """README's block; and the lines of the manuals and of units/inetd.conf are the same."""
    machine = bed.machine()
    bed.put(MAIL)
    block, = blocks("With inetd")
    lines = [line.split() for line in block.splitlines() if " stream " in line]
    equal([example("pop3d/pop3d.8", "pop3 stream").split(), example("pop2d/pop2d.8", "109 stream").split()], lines, "lines of the manuals")
    shipped = [line.split() for line in (PROJECT / "units/inetd.conf").read_text().splitlines() if line[:1] != "#"]
    equal([line for line in shipped if "--tls" not in line], lines, "lines of units/inetd.conf")
    config = machine.path("/etc/inetd.conf")
    before = config.read_text()
    machine.run("systemctl", "stop", "pop3.socket", "pop2.socket")
    try:
        machine.run("sh", "-c", there(block))
        for program in "pop3d", "pop2d":
            until(lambda: listens(machine, program), f"inetd to listen for {program}")
            login(machine, program)
    finally:
        config.write_text(before)
        machine.run("service", "openbsd-inetd", "stop")
        machine.run("systemctl", "start", "pop3.socket", "pop2.socket")


def listens(machine, program):
    try:
        machine.connect(program).close()
        return True
    except ConnectionRefusedError:
        return False


@needs(*MACHINE)
@limit(120)
def test_journal(bed):
    """Each of the one-liners finds what it promises."""
    machine = bed.machine()
    bed.put(MAIL)
    refused = client.Pop3(machine.connect("pop3d"))
    refused.ok("USER alice")
    refused.err("PASS wrong")
    refused.quit()
    login(machine, "pop3d")
    lines = [line for line in blocks("Watching")[0].splitlines() if line]
    find = lambda line: machine.run("sh", "-c", there(line))
    until(lambda: "session end:" in find(lines[1]), "the end of the session")
    check("login failed:" in find(lines[0]) and "session end:" not in find(lines[0]), "refusals")
    check(all('user="alice"' in line for line in find(lines[1]).splitlines()), "alice")
    check('"POP_DELETED":"0"' in find(lines[2]).replace(" ", ""), "what sessions deleted")
    equal(machine.run("sh", "-c", there(lines[3]), status=None).count("login"), 0, "warnings")
    by_failure, by_user = example("pop3d/pop3d.8", "journalctl").splitlines()
    check("login failed:" in find(by_failure) and 'user="alice"' in find(by_user), "the manual's one-liners")


def test_log_lines(bed):
    """README's lines are lines that the manuals document, and the filter takes the refusal."""
    text, = blocks("Watching", "log")
    lines = text.splitlines()
    for line in lines:
        plain = server.LINE.fullmatch(line)["text"]
        check(any(pattern.fullmatch(plain) for pattern in server.LOG_LINES), f"no such line: {line}")
    equal(matched(bed, [f"Nov 28 20:00:00 host {line}" for line in lines]), ["192.0.2.66"], "what would be banned")


def certificate():
    """Where README and the manual have it."""
    pair = Path("/etc/ssl/certs/mail.example.org.pem"), Path("/etc/ssl/private/mail.example.org.pem")
    for path in pair:
        path.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                    "/CN=mail.example.org", "-out", pair[0], "-keyout", pair[1]], check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=30)
    return pair


@needs("root", "network", "openssl")
@limit(60)
def test_settings(bed):
    """Every piece of configuration passes --check, with both programs, and does what the text says."""
    tls, copiers = blocks("TLS", "conf")[0], blocks("For copiers, and machines older than TLS", "conf")[0]
    pair = certificate()
    try:
        for text in tls, copiers, example("pop3d/pop3d.8", "cert"), example("pop2d/pop2d.8", "plaintext"):
            for program in "pop3d", "pop2d":
                config = bed.private_file("conf", text, 0o644)
                done = subprocess.run([bed.program(program), "--check", f"--config={config}"], stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30, env=server.CLEAN_ENVIRONMENT)
                equal(done.returncode, 0, f"{program} --check with {text}: {done.stdout.decode()}")
    finally:
        for path in pair:
            path.unlink()
    bed.put(MAIL)
    config = bed.private_file("conf", copiers.replace("192.168.1.17", PUBLIC_ADDRESS), 0o644)
    pop = bed.pop3(f"--config={config}", login=None, how="tcp", address=PUBLIC_ADDRESS)
    pop.login("alice@example.org", "alicepw")
    pop.quit()


def test_pop2_session(bed):
    """The session that pop2d(8) shows, word by word, over two messages of those sizes."""
    script = example("pop2d/pop2d.8", "S: + POP2").splitlines()
    sizes = [int(size) for size in re.findall(r"S: =([1-9]\d*)", "\n".join(script))]
    messages = [sized(number, size) for number, size in enumerate(sizes, 1)]
    bed.put(b"".join(messages))
    mail = mbox.parse(b"".join(messages))
    equal([len(message.content.replace(b"\n", b"\r\n")) for message in mail], sizes, "sizes")
    pop = bed.pop2(login=None)
    sent = iter(mail)
    for line in script[1:]:
        if line.startswith("C: "):
            pop.stream.send(line[3:].replace("me secret", "alice alicepw").encode() + b"\r\n")
        elif "octets)" in line:
            message = next(sent).content.replace(b"\n", b"\r\n")
            equal(pop.stream.take(len(message)), message, "the message")
        else:
            equal(pop.stream.take_line().decode().rstrip("\r\n"), line[3:], "reply")
    equal(bed.mailbox().read_bytes(), mail[1].raw, "the mailbox")


def sized(number, octets):
    """A message of so many octets on the wire."""
    head = f"From a@example.org Mon Nov  2 09:00:0{number} 2026\n"
    text = f"Subject: {number}\n\n"
    lines = octets - len(text) - text.count("\n") - 2
    body, full = "", 60
    while lines >= 0:
        take = min(full, lines)
        if 0 < lines - take < 2:
            take -= 2
        body += "x" * take + "\n"
        lines -= take + 2
    return (head + text + body + "\n").encode()


def test_targets_and_links(bed):
    """Every `make` target and every file that the documents name exists."""
    makefile = "".join((PROJECT / name).read_text() for name in ("Makefile", "tests/tests.mk"))
    for path in PROJECT / "README.md", *(PROJECT / ".github").glob("*.md"), PROJECT / "tests/README.md":
        text = path.read_text()
        for target in re.findall(r"`make (?:[A-Z]+=\S+ )?([a-z][a-z-]*)`", text):
            check(re.search(rf"(?m)^{target}:", makefile), f"{path.name}: make {target}")
        for link in re.findall(r"\]\(([^)#:]+)\)", text):
            check((path.parent / link).exists(), f"{path.name}: {link}")
        for name in re.findall(r"`((?:common|units|tests|pop3d|pop2d)/[\w./@-]+)`", text):
            check((PROJECT / name).exists() or "KERNEL" in name, f"{path.name}: {name}")
