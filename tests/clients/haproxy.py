"""HAProxy in front, with units/haproxy.cfg as it stands."""

import re
import resource
import socket
import subprocess
import time

from clients.unpacked import unpacked
from lib import client, hosts, mbox, server
from lib.hosts import ip
from lib.suite import Skip, check, equal, limit, needs, until

PUBLIC = hosts.HERE
OPTIONS = [f"--proxy={PUBLIC}", "--plaintext=proxy-tls,198.51.100.0/24"]
SYSLOG = re.compile(r"<\d+>\w+ +\d+ [\d:]+ pop3d\[\d+\]: (.*)\n?")


def project(bed):
    return bed.place.dir.parent / "project"


def certificate(path):
    path.parent.mkdir(exist_ok=True)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-keyout", path, "-out", f"{path}.crt"], check=True, timeout=60,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open(path, "ab") as pem:
        pem.write(open(f"{path}.crt", "rb").read())


class Proxy:
    """A proxy that runs until the test ends."""

    def __init__(self, bed, command, ports):
        bed.without_machine()
        self.log_path = bed.dir / "proxy.log"
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                                            env=server.CLEAN_ENVIRONMENT)
        bed._closers.append(self.close)
        for port in ports:
            until(lambda: self.process.poll() is not None or listens(port), f"port {port}: {self.log_path.read_text()}")
        check(self.process.poll() is None, f"{command[0]}: {self.log_path.read_text()}")

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def listens(port):
    with open("/proc/net/tcp", encoding="ascii") as table:
        return any(line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A" for line in list(table)[1:])


def haproxy(bed):
    certificate(bed.place.dir / "etc/haproxy/pop3.pem")
    program = unpacked(bed, "haproxy", "usr/sbin/haproxy")
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 17_000:
        raise Skip("the limit on open files is too low for the 8,000 connections of the configuration")
    return Proxy(bed, [program, "-db", "-f", str(project(bed) / "units/haproxy.cfg")], (110, 995))


def connect(port=110, source=None, seconds=20):
    """A Pop3 through the proxy, once a host answers."""
    deadline = time.monotonic() + seconds
    while True:
        sock = socket.create_connection((PUBLIC, port), source_address=(source, 0) if source else None)
        stream = client.Stream.of(sock)
        if stream.hears(deadline - time.monotonic()):
            return client.Pop3(stream)
        stream.close()
        time.sleep(0.1)


def logged(lines):
    """What the hosts logged."""
    return [match[1] for line in lines if (match := SYSLOG.fullmatch(line))]


def site(bed):
    bed.syslog()
    return hosts.Site(bed, "same", OPTIONS)


@needs("root", "network", "openssl", "curl")
@limit(90)
def test_through_haproxy(bed):
    """The client's address is what counts, TLS of the proxy is told, and mail passes octet by octet."""
    bed.put(mbox.mailbox(3))
    lines = bed.syslog()
    site(bed)
    haproxy(bed)
    ip("address", "add", "198.51.100.7/32", "dev", "lo")
    pop = connect(source="198.51.100.7")
    pop.login("alice", "alicepw")
    for number, message in enumerate(mbox.parse(mbox.mailbox(3)), 1):
        equal(pop.retr(number), message.wire(), f"message {number}")
    pop.ok("DELE 2")
    pop.quit()
    until(lambda: len(logged(lines)) >= 2, f"the log: {lines}")
    equal(logged(lines)[0], f'login: peer=198.51.100.7 via={PUBLIC} method=PASS user="alice"', "log")

    pop = connect(source=PUBLIC)
    check(pop.err("USER alice").startswith("clear-text"), "a client of no listed network may send a password")
    pop.quit()
    fetched = subprocess.run(["curl", "-s", "-S", "-k", "--max-time", "30", "-u", "alice:alicepw", f"pop3s://{PUBLIC}/2"],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=40)
    equal(fetched.stderr, b"", "curl's complaints")
    equal(fetched.stdout, mbox.parse(mbox.mailbox(3))[2].wire(), "the message that curl fetched over TLS")
    told = f"login: peer={PUBLIC} via={PUBLIC} tls=proxy method="
    until(lambda: any(line.startswith(told) for line in logged(lines)), f"the log: {lines}")


@needs("root", "network", "openssl")
@limit(90)
def test_health_checks_and_a_host_that_fails(bed):
    """Checks are answered and leave no line; when a host fails the other takes the clients."""
    lines = bed.syslog()
    both = site(bed)
    proxy = haproxy(bed)
    time.sleep(4.5)                                      # two checks each
    equal(logged(lines), [], "lines about health checks")
    check("DOWN" not in proxy.log_path.read_text(), proxy.log_path.read_text())
    greeted = set()
    for number in range(1, 9):
        pop = connect(source=f"127.0.0.{number}")
        greeted.add(pop.greeting.split()[2])
        pop.quit()
    equal(greeted, {"one", "two"}, "hosts that serve")
    both.hosts[0].fail()
    for number in range(1, 5):
        pop = connect(source=f"127.0.0.{number}")
        equal(pop.greeting.split()[2], "two", "the host that serves")
        pop.quit()
    until(lambda: "Server hosts/one is DOWN" in proxy.log_path.read_text(), "the proxy to see it", 15)
