"""What a client says in AUTH and APOP, made from the RFCs alone."""

import base64
import hashlib
import hmac


def b64(octets):
    return base64.b64encode(octets.encode() if isinstance(octets, str) else octets).decode()


def plain(user, password, acts_as=""):
    return b64(f"{acts_as}\0{user}\0{password}")


def apop(stamp, secret):
    return hashlib.md5((stamp + secret).encode()).hexdigest()


def cram(challenge, user, secret):
    return f"{user} {hmac.new(secret.encode(), challenge, 'md5').hexdigest()}".encode()


def salted_line(user, password, mechanism="SCRAM-SHA-256", iterations=4096, salt=b"sixteen octets.."):
    """A line of the secret file that is no password."""
    name = mechanism.removeprefix("SCRAM-").replace("-", "").lower()
    key = hashlib.pbkdf2_hmac(name, password.encode(), salt, iterations)
    stored = hashlib.new(name, hmac.digest(key, b"Client Key", name)).digest()
    server = hmac.digest(key, b"Server Key", name)
    return f"{user}\t{{{mechanism}}}{iterations},{b64(salt)},{b64(stored)},{b64(server)}\n"


class Scram:
    """One exchange; what it says can be spoilt."""

    def __init__(self, user, password, mechanism="SCRAM-SHA-256", header="n,,", nonce="client-nonce"):
        self.hash = mechanism.removeprefix("SCRAM-").replace("-", "").lower()
        self.password, self.header, self.nonce = password, header, nonce
        self.bare = f"n={user},r={nonce}"

    def first(self):
        return (self.header + self.bare).encode()

    def final(self, second, binding=None, nonce=None):
        self.second = second.decode()
        fields = dict(field.split("=", 1) for field in self.second.split(","))
        assert fields["r"].startswith(self.nonce) and len(fields["r"]) >= len(self.nonce) + 20, self.second
        key = hashlib.pbkdf2_hmac(self.hash, self.password.encode(), base64.b64decode(fields["s"]), int(fields["i"]))
        client_key = hmac.digest(key, b"Client Key", self.hash)
        stored = hashlib.new(self.hash, client_key).digest()
        without_proof = f"c={b64(self.header if binding is None else binding)},r={nonce or fields['r']}"
        said = f"{self.bare},{self.second},{without_proof}".encode()
        self.signature = hmac.digest(hmac.digest(key, b"Server Key", self.hash), said, self.hash)
        proof = bytes(a ^ b for a, b in zip(client_key, hmac.digest(stored, said, self.hash)))
        return f"{without_proof},p={b64(proof)}".encode()


class Sasl:
    """AUTH on a client.Pop3: octets instead of lines."""

    def __init__(self, pop):
        self.pop = pop

    def begin(self, mechanism, initial=None):
        return self._take(self.pop.ask(f"AUTH {mechanism}" + ("" if initial is None else " " + (b64(initial) or "="))))

    def say(self, octets):
        return self._take(self.pop.ask(b64(octets)))

    def _take(self, line):
        """The octets of a challenge, or the status line when the exchange is over."""
        return base64.b64decode(line[2:], validate=True) if line.startswith("+ ") else line


def login(pop, mechanism, user, password):
    """Logs in by any mechanism; returns the last line of the server."""
    sasl = Sasl(pop)
    if mechanism == "PASS":
        pop.expect(f"USER {user}", "+OK send PASS")
        return pop.ask(f"PASS {password}")
    if mechanism == "APOP":
        return pop.ask(f"APOP {user} {apop(pop.stamp, password)}")
    if mechanism == "PLAIN":
        return sasl.begin("PLAIN", f"\0{user}\0{password}")
    if mechanism == "LOGIN":
        sasl.begin("LOGIN", user)
        return sasl.say(password)
    if mechanism == "CRAM-MD5":
        return sasl.say(cram(sasl.begin("CRAM-MD5"), user, password))
    scram = Scram(user, password, mechanism)
    last = sasl.say(scram.final(sasl.begin(mechanism, scram.first())))
    if isinstance(last, bytes):
        assert last == b"v=" + b64(scram.signature).encode(), last
        last = sasl.say(b"")
    return last
