"""Kerberos 4 as a client and a KDC see it (RFC 1731), and DES, all of it this project's own and in no way the server's.

A Forge makes tickets from the service's key, as a KDC would; every field can be another than the honest one.
"""

import base64
import dataclasses
import os
import struct
import time

# DES (FIPS 46-3). Bits are counted from 1, the first being the highest.

IP = [58 + 2 * row - 8 * column for row in range(4) for column in range(8)] + [57 + 2 * row - 8 * column for row in range(4) for column in range(8)]
FP = [IP.index(bit) + 1 for bit in range(1, 65)]
P = (16, 7, 20, 21, 29, 12, 28, 17, 1, 15, 23, 26, 5, 18, 31, 10, 2, 8, 24, 14, 32, 27, 3, 9, 19, 13, 30, 6, 22, 11, 4, 25)
PC1 = (57, 49, 41, 33, 25, 17, 9, 1, 58, 50, 42, 34, 26, 18, 10, 2, 59, 51, 43, 35, 27, 19, 11, 3, 60, 52, 44, 36,
       63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37, 29, 21, 13, 5, 28, 20, 12, 4)
PC2 = (14, 17, 11, 24, 1, 5, 3, 28, 15, 6, 21, 10, 23, 19, 12, 4, 26, 8, 16, 7, 27, 20, 13, 2,
       41, 52, 31, 37, 47, 55, 30, 40, 51, 45, 33, 48, 44, 49, 39, 56, 34, 53, 46, 42, 50, 36, 29, 32)
S = [[int(digit, 16) for digit in box if digit != " "] for box in (
    "E4D12FB83A6C5907 0F74E2D1A6CB9538 41E8D62BFC973A50 FC8249175B3EA06D",
    "F18E6B34972DC05A 3D47F28EC01A69B5 0E7BA4D158C6932F D8A13F42B67C05E9",
    "A09E63F51DC7B428 D709346A285ECBF1 D6498F30B12C5AE7 1AD069874FE3B52C",
    "7DE3069A1285BC4F D8B56F03472C1AE9 A690CB7DF13E5284 3F06A1D8945BC72E",
    "2C417AB6853FD0E9 EB2C47D150FA3986 421BAD78F9C5630E B8C71E2D6F09A453",
    "C1AF92680D34E75B AF427C9561DE0B38 9EF528C3704A1DB6 432C95FABE17608D",
    "4B2EF08D3C975A61 D0B7491AE35C2F86 14BDC37EAF680592 6BD814A7950FE23C",
    "D2846FB1A93E50C7 1FD8A374C56B0E92 7B419CE206ADF358 21E74A8DFC90356B")]


def permute(value, table, width):
    out = 0
    for bit in table:
        out = out << 1 | value >> (width - bit) & 1
    return out


# What S-box i makes of six bits, already in the places where P puts it.
SP = [[permute(S[i][(six >> 4 & 2 | six & 1) * 16 + (six >> 1 & 15)] << 28 - 4 * i, P, 32) for six in range(64)] for i in range(8)]


class Des:
    def __init__(self, key):
        halves = permute(int.from_bytes(key, "big"), PC1, 64)
        c, d = halves >> 28, halves & 0xfffffff
        self.rounds = []
        for turn in range(16):
            for _ in range(1 if turn in (0, 1, 8, 15) else 2):
                c, d = (c << 1 | c >> 27) & 0xfffffff, (d << 1 | d >> 27) & 0xfffffff
            sub = permute(c << 28 | d, PC2, 56)
            self.rounds.append([sub >> 42 - 6 * i & 63 for i in range(8)])

    def _block(self, block, rounds):
        value = permute(int.from_bytes(block, "big"), IP, 64)
        left, right = value >> 32, value & 0xffffffff
        for sub in rounds:
            wide, out = (right & 1) << 33 | right << 1 | right >> 31, 0      # with the neighbours of both ends
            for i in range(8):
                out |= SP[i][wide >> 28 - 4 * i & 63 ^ sub[i]]
            left, right = right, left ^ out
        return permute(right << 32 | left, FP, 64).to_bytes(8, "big")

    def encrypt(self, block):
        return self._block(block, self.rounds)

    def decrypt(self, block):
        return self._block(block, self.rounds[::-1])


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def pcbc_encrypt(key, clear):
    des, chain, out = Des(key), key, b""
    for at in range(0, len(clear), 8):
        block = clear[at:at + 8]
        out += des.encrypt(xor(block, chain))
        chain = xor(block, out[-8:])
    return out


def pcbc_decrypt(key, octets):
    des, chain, out = Des(key), key, b""
    for at in range(0, len(octets), 8):
        block = octets[at:at + 8]
        out += xor(des.decrypt(block), chain)
        chain = xor(block, out[-8:])
    return out


def odd_parity(octets):
    return bytes(octet & 0xfe | (bin(octet >> 1).count("1") + 1) % 2 for octet in octets)


# The protocol.

def padded(octets, fill=b"\0"):
    return octets + fill * (-len(octets) % 8)


def text(value):
    """A string with its NUL; octets are taken as they are."""
    return value if isinstance(value, bytes) else value.encode() + b"\0"


def lifetime(octet):
    """Seconds: units of 5 minutes, then from 38400 s to 30 days in equal factors."""
    return octet * 300 if octet < 128 else round(38400 * (30 * 86400 / 38400) ** ((min(octet, 191) - 128) / 63))


@dataclasses.dataclass
class Forge:
    """One exchange. An authenticator says what the ticket says unless told otherwise (auth_...)."""
    key: bytes = bytes.fromhex("4ac2253ed54c64f4")
    kvno: int = 3
    realm: str = "TEST.EXAMPLE"
    service: str = "pop"
    host: str = "localhost"
    user: str = "alice"
    instance: str = ""
    user_realm: str = None          # None: realm
    address: bytes = bytes((127, 0, 0, 1))
    session: bytes = None           # None: a random one
    life: int = 141
    issued: int = None              # None: a minute before now
    now: int = None                 # None: this machine's clock
    ticket_little: bool = False     # the KDC's byte order
    little: bool = False            # the client's
    ticket_pad: bytes = b"\0"
    auth_pad: bytes = b"i"
    version: int = 4
    kind: int = 6
    request_realm: str = None       # None: realm
    auth_user: str = None
    auth_instance: str = None
    auth_realm: str = None
    checksum: int = None            # None: the challenge
    auth_session: bytes = None      # key of the authenticator

    def __post_init__(self):
        self.now = int(time.time()) if self.now is None else self.now
        self.issued = self.now - 60 if self.issued is None else self.issued
        self.session = self.session or odd_parity(os.urandom(8))

    @staticmethod
    def _or(value, default):
        return default if value is None else value

    def number(self, value, little):
        return struct.pack("<I" if little else ">I", value & 0xffffffff)

    def ticket_clear(self):
        return padded(bytes([self.ticket_little]) + text(self.user) + text(self.instance) + text(self._or(self.user_realm, self.realm)) + self.address +
                      self.session + bytes([self.life]) + self.number(self.issued, self.ticket_little) + text(self.service) + text(self.host),
                      self.ticket_pad)

    def authenticator_clear(self, challenge):
        realm = self._or(self.auth_realm, self._or(self.user_realm, self.realm))
        return padded(text(self._or(self.auth_user, self.user)) + text(self._or(self.auth_instance, self.instance)) + text(realm) +
                      self.number(self._or(self.checksum, challenge), self.little) + b"\x80" + self.number(self.now, self.little), self.auth_pad)

    def ticket(self):
        return pcbc_encrypt(self.key, self.ticket_clear())

    def authenticator(self, challenge):
        return pcbc_encrypt(self.auth_session or self.session, self.authenticator_clear(challenge))

    def header(self):
        return bytes([self.version, self.kind | self.little, self.kvno]) + text(self._or(self.request_realm, self.realm))

    def pack(self, ticket, authenticator):
        return self.header() + bytes([len(ticket), len(authenticator)]) + ticket + authenticator

    def request(self, challenge):
        return self.pack(self.ticket(), self.authenticator(challenge))

    def answer(self, challenge):
        """What an honest server answers."""
        return Des(self.session).encrypt(self.number(challenge + 1, False) + b"\1\0\0\0")

    def choice_clear(self, challenge, user=None, layer=1, size=0, fill=b"\0"):
        clear = self.number(challenge, False) + bytes([layer]) + size.to_bytes(3, "big") + text(self._or(user, self.user))
        return padded(clear, fill)

    def choice(self, challenge, *arguments, **more):
        return pcbc_encrypt(self.session, self.choice_clear(challenge, *arguments, **more))


# The client's side of POP3.

def challenge_of(pop):
    """Begins an exchange; returns the challenge."""
    line = pop.ask("AUTH KERBEROS_V4")
    if not line.startswith("+ "):
        raise AssertionError(f"no challenge: {line!r}")
    octets = base64.b64decode(line[2:], validate=True)
    assert len(octets) == 4, f"a challenge of {len(octets)} octets"
    return int.from_bytes(octets, "big")


def send_request(pop, octets):
    """The server's next line."""
    return pop.ask(base64.b64encode(octets).decode())


def begin(pop, forge):
    """The exchange up to the server's answer, which is verified; returns the challenge."""
    challenge = challenge_of(pop)
    line = send_request(pop, forge.request(challenge))
    expected = "+ " + base64.b64encode(forge.answer(challenge)).decode()
    assert line == expected, f"expected {expected!r}, got {line!r}"
    return challenge


def log_in(pop, forge, *arguments, **more):
    """All of it, as an honest client does; returns the last line."""
    return send_request(pop, forge.choice(begin(pop, forge), *arguments, **more))


# Key files.

def srvtab(*records):
    """Records of (service, host, realm, kvno, key)."""
    return b"".join(text(service) + text(host) + text(realm) + bytes([kvno]) + key for service, host, realm, kvno, key in records)


def keytab(*records, enctype=1):
    """A krb5 keytab; a record may have an enctype of its own behind the key, a kvno of 32 bits, and any number of hosts."""
    counted = lambda octets: struct.pack(">H", len(octets)) + octets
    out = b"\5\2"
    for service, host, realm, kvno, key, *own in records:
        names = [name.encode() for name in (service, *([host] if isinstance(host, str) else host))]
        entry = (struct.pack(">H", len(names)) + counted(realm.encode()) + b"".join(map(counted, names)) + struct.pack(">IIB", 1, 0, kvno & 0xff) +
                 struct.pack(">H", own[0] if own else enctype) + counted(key) + struct.pack(">I", kvno))
        out += struct.pack(">i", len(entry)) + entry
    return out


# A vector: one exchange between a real Kerberos 4 KDC's ticket, a real client and a server.

VECTOR = Forge(now=0x6b042ebd, issued=0x6b041a0e, life=0x8d, session=bytes.fromhex("c28ac443106eb62c"))
VECTOR_CHALLENGE = 0x68ec76b8
VECTOR_REQUEST = base64.b64decode("BAYDVEVTVC5FWEFNUExFADggePDP/jakrTq5/cbF9fCX8OU7h9GoykmZKjtDJK5Cko0ZR0PiCYK6AAeBvJ33pPID726QKJ06Qndb6mncrD/Ckf0gUNuUly0S"
                                  "iMf2ze939BXXY7RuEgrVMw==")
VECTOR_ANSWER = base64.b64decode("q1xIdfzhKhg=")
VECTOR_CHOICE = base64.b64decode("jdlBWa/vY3kyfE5m0vHdQQ==")
