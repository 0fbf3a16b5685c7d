"""The bench's rows on TLS: one certificate (P-256), one client, ours from inetd and Dovecot's own daemon."""

import socket
import ssl
import subprocess
import time

CONNECTIONS, IDLE = 20, 20
CHUNK = 1 << 18


def certificate(directory):
    """The paths of a chain and its key."""
    chain, key = directory / "bench.crt", directory / "bench.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-keyout", key, "-out", chain], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, check=True, timeout=60)
    key.chmod(0o600)
    return chain, key


def connect(port):
    """A connection behind its greeting."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    talk = context.wrap_socket(socket.create_connection(("127.0.0.1", port), 60), server_hostname="localhost")
    talk.recv(4096)
    return talk


def say(talk, command):
    talk.sendall(command + b"\r\n")
    return talk.recv(4096)


def handshakes(port):
    """Connections a second that greet and quit, one behind the other."""
    begin = time.perf_counter()
    for _ in range(CONNECTIONS):
        with connect(port) as talk:
            say(talk, b"QUIT")
    return CONNECTIONS / (time.perf_counter() - begin)


def megabytes(port, user, password):
    """A second, of the first message of the maildrop."""
    with connect(port) as talk:
        say(talk, b"USER " + user.encode())
        say(talk, b"PASS " + password.encode())
        begin, got = time.perf_counter(), 0
        talk.sendall(b"RETR 1\r\n")
        tail = b""
        while not tail.endswith(b"\r\n.\r\n"):
            octets = talk.recv(CHUNK)
            if not octets:
                return None
            got += len(octets)
            tail = (tail + octets)[-5:]
        took = time.perf_counter() - begin
        say(talk, b"QUIT")
    return got / 1e6 / took


def memory(port, processes, pss):
    """KiB of an idle session, less the server alone."""
    before = sum(map(pss, processes()))
    talks = [connect(port) for _ in range(IDLE)]
    time.sleep(0.3)
    total = sum(map(pss, processes())) - before
    for talk in talks:
        talk.close()
    time.sleep(0.5)
    return total / IDLE
