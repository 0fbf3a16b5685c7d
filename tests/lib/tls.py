"""A throw-away authority with its certificates, and a client's stream inside TLS."""

import socket
import ssl
import subprocess
import time

from .client import PATIENCE, Stream
from .suite import Failure, check

NAMES = "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:192.0.2.1,IP:::1"
EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
RSA = ["-newkey", "rsa:2048"]


class Authority:
    """Certificates for localhost, each made when it is first asked for: CERT and KEY are paths.

    chain       the usual: its authority is an intermediate one, which stands in the file, too
    rsa         the same with an RSA key, as old clients need it
    expired, future   no longer, or not yet, valid
    """

    def __init__(self, directory):
        self.dir = directory
        self.dir.mkdir(mode=0o700)
        self._request("root", "/CN=throw-away authority", EC, "-x509", "-days", "30")
        self.root = self.dir / "root.crt"
        self._sign("middle", "/CN=throw-away intermediate", EC, "root", "basicConstraints=critical,CA:true")

    def _openssl(self, *arguments):
        done = subprocess.run(["openssl", *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=60)
        check(done.returncode == 0, f"openssl {arguments[0]}: {done.stdout.decode()}")

    def _request(self, name, subject, kind, *more):
        self._openssl("req", *kind, "-nodes", "-keyout", self.dir / f"{name}.key", "-out", self.dir / f"{name}.crt",
                      "-subj", subject, *more)

    def _sign(self, name, subject, kind, issuer, extension, days=("-days", "30")):
        self._request(name, subject, kind)
        extensions = self.dir / f"{name}.ext"
        extensions.write_text(extension + "\n")
        (self.dir / f"{name}.crt").rename(self.dir / f"{name}.csr")
        if days[0] == "-days":
            self._openssl("x509", "-req", "-in", self.dir / f"{name}.csr", "-CA", self.dir / f"{issuer}.crt",
                          "-CAkey", self.dir / f"{issuer}.key", "-CAcreateserial", "-extfile", extensions, *days,
                          "-out", self.dir / f"{name}.crt")
            return
        config = self.dir / f"{name}.cnf"
        (self.dir / f"{name}.index").write_text("")
        config.write_text(f"[ca]\ndefault_ca=x\n[x]\ndatabase={self.dir}/{name}.index\nnew_certs_dir={self.dir}\nserial={self.dir}/"
                          f"{name}.serial\ndefault_md=sha256\npolicy=p\nrand_serial=yes\n[p]\ncommonName=supplied\n")
        self._openssl("ca", "-batch", "-notext", "-config", config, "-in", self.dir / f"{name}.csr", "-cert",
                      self.dir / f"{issuer}.crt", "-keyfile", self.dir / f"{issuer}.key", "-extfile", extensions, *days,
                      "-out", self.dir / f"{name}.crt")

    def certificate(self, name="chain"):
        """(CERT, KEY) of that name."""
        cert, key = self.dir / f"{name}.crt", self.dir / f"{name}.key"
        if not cert.exists():
            days = {"expired": ("-startdate", "20200101000000Z", "-enddate", "20200201000000Z"),
                    "future": ("-startdate", "20700101000000Z", "-enddate", "20700201000000Z")}.get(name, ("-days", "30"))
            self._sign(name, "/CN=localhost", RSA if name == "rsa" else EC, "middle", NAMES, days)
            with open(cert, "a") as chain:
                chain.write((self.dir / "middle.crt").read_text())
        return cert, key

    def context(self):
        """What a careful client has: it trusts the root alone."""
        return ssl.create_default_context(cafile=str(self.root))


def options(bed, name="chain"):
    """--cert and --key, readable for who runs the server."""
    cert, key = bed.place.authority().certificate(name)
    ours = bed.private_file(f"{name}.crt", cert.read_text(), 0o644), bed.private_file(f"{name}.key", key.read_text(), 0o600)
    return [f"--cert={ours[0]}", f"--key={ours[1]}"]


class TlsStream(Stream):
    """The stream inside TLS. properly: the server ended with a close_notify alert."""

    def __init__(self, plain, context, name="localhost"):
        super().__init__(plain.reader, plain.writer, plain.sock)
        self.properly, self._shaken, self._said_all = False, False, False
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._incoming.write(bytes(plain.buffer))
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        self._shake(time.monotonic() + PATIENCE)

    def _shake(self, deadline):
        while True:
            try:
                self.tls.do_handshake()
                self._send_raw()
                self._shaken = True
                self._open()                    # what came with the last of the handshake
                return
            except ssl.SSLWantReadError:
                self._send_raw()
                self._wait(deadline, "the handshake")
            except ssl.SSLError:
                self._send_raw()                # an alert, perhaps
                raise
            if self.ended and not self._incoming.pending:
                raise Failure("the connection ended in the handshake")

    def _send_raw(self, seconds=PATIENCE):
        super().send(self._outgoing.read(), seconds)

    def send(self, data, seconds=PATIENCE):
        if data:
            self.tls.write(data)
            self._send_raw(seconds)

    def _fill(self):
        before = len(self.buffer)
        super()._fill()
        raw = bytes(self.buffer[before:])
        del self.buffer[before:]
        self._incoming.write(raw)
        if self.ended:
            self._incoming.write_eof()
        if self._shaken:
            self._open()
            if self.ended:
                self.half_close()               # as clients do

    def _open(self):
        try:
            while data := self.tls.read(1 << 18):
                self.buffer += data
            self.ended = self.properly = True   # "" is what Python makes of close_notify
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.ended = self.properly = True
        except (ssl.SSLEOFError, ssl.SSLError):
            self.ended = True

    def half_close(self):
        """close_notify, and then the end of the connection's one direction."""
        if self._said_all:
            return
        self._said_all = True
        try:
            self.tls.unwrap()
        except ssl.SSLError:
            pass                                # it wants the other's; we still listen
        self._send_raw()
        super().half_close()

    def close_without_notify(self):
        self.sock.shutdown(socket.SHUT_WR)


def secure(stream, bed, context=None):
    """The stream goes on inside TLS, by default with a client that checks the certificate."""
    return TlsStream(stream, context or bed.place.authority().context())
