"""GSSAPI against a real KDC: who may, who may not, and clients that lie."""

import concurrent.futures
import itertools
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

from lib import kdc, mbox, refusals, sasl, server
from lib.client import Pop3
from lib.inside import Held, refused, refused_inside
from lib.refusals import REFUSED
from lib.suite import Failure, check, each, equal, limit, needs, until
from lib.testbed import FRONT_UID, USERS
from spool import recovery
from start import contract, rooms

ACCEPTED = re.compile(r"\+OK maildrop has \d+ messages \(\d+ octets\)")
EVERY_LENGTH = os.environ.get("GARBAGE") == "all"
numbers = itertools.count()
UNDER_THE_UNIT = ["setpriv", "--bounding-set=-all,+setuid,+setgid,+sys_chroot", "--no-new-privs", "--"]


def start(bed, realm, *options, command=()):
    """A session whose greeting is read. command: what runs the program."""
    session = server.Session([*command, bed.program("pop3d"), "--log=stderr", f"--keytab={realm.keytab}", *options], "socketpair",
                             bed.dir / f"log.gssapi.{next(numbers)}")
    bed.sessions.append(session)
    pop = Pop3(session.stream)
    pop.session = session
    return pop


def attempt(bed, realm, user, *options, acts_as="", mutual=True, target="pop@localhost", layer=b"\1\0\0\0", command=()):
    """(the server's last line, the log)"""
    client = kdc.Initiator(bed, realm.ticket(user, name=f"ccache.{next(numbers)}"), target, mutual)
    pop = start(bed, realm, *options, command=command)
    reply = kdc.log_in(sasl.Sasl(pop), client, acts_as, layer)
    pop.expect("QUIT", "+OK bye")
    pop.session.finish()
    return reply, pop.session.log()


def accept(*arguments, user="alice", **more):
    reply, log = attempt(*arguments, **more)
    check(ACCEPTED.fullmatch(reply), f"{reply!r}; the log: {log}")
    equal(log[0], f'login: peer=local method=GSSAPI user="{user}"', "log")


def refuse(*arguments, logged, because=None, **more):
    begin = time.monotonic()
    reply, log = attempt(*arguments, **more)
    equal(reply, REFUSED, "reply")
    check(time.monotonic() - begin >= 1.95, "a refusal takes two seconds")
    check(f'login failed: peer=local method=GSSAPI attempt=1 reason=refused user="{logged}"' in log, f"log: {log}")
    check(because is None or any(because in line for line in log), f"log: {log}")


def k5login(user, *lines, owner=None, mode=0o600):
    path = f"/home/{user}/.k5login"
    with open(path, "w") as file:
        file.write("".join(line + "\n" for line in lines))
    os.chown(path, *(2 * [4001 if owner is None and user == "alice" else 4002 if owner is None else owner]))
    os.chmod(path, mode)
    return path


def forget_homes():
    for user in "alice", "bob":
        if os.path.exists(f"/home/{user}/.k5login"):
            os.unlink(f"/home/{user}/.k5login")


@needs("root", "kinit")
@each(("mutual", True), ("one_way", False))
def test_own_ticket(bed, mutual):
    """With and without a name to act as, and that name with a domain."""
    realm = kdc.Kdc(bed)
    bed.put(mbox.mailbox(2))
    accept(bed, realm, "alice", mutual=mutual)
    accept(bed, realm, "alice", mutual=mutual, acts_as="alice")
    accept(bed, realm, "alice", "--domain=example.org", mutual=mutual, acts_as="alice@example.org")


@needs("root", "kinit")
def test_offered(bed):
    realm = kdc.Kdc(bed)
    pop = start(bed, realm, "--plaintext=never")
    equal(pop.lines("AUTH"), ["GSSAPI"], "AUTH")
    check("SASL GSSAPI" in pop.lines("CAPA"), "CAPA")
    pop.expect("QUIT", "+OK bye")


@needs("root", "kinit")
def test_users(bed):
    """For whom a ticket is good."""
    realm = kdc.Kdc(bed)
    cases = [("alice", {"acts_as": "bob", "logged": "bob", "because": "the principal may not log in as this user"}),
             ("stranger", {"logged": "stranger"}), ("root", {"logged": "root"}), ("alice", {"acts_as": "root", "logged": "root"}),
             ("dave", {"logged": "dave"}), ("alice", {"acts_as": "nobody-of-that-name", "logged": "nobody-of-that-name"}),
             ("alice", {"acts_as": "alice\0", "logged": ""})]
    with concurrent.futures.ThreadPoolExecutor(len(cases)) as pool:
        for one in [pool.submit(refuse, bed, realm, user, **more) for user, more in cases]:
            one.result()


@needs("root", "kinit", "setpriv")
@limit(120)
@each(("all_rights", ()), ("rights_of_the_unit", UNDER_THE_UNIT))
def test_k5login(bed, command):
    """The file decides, asked as the user whose it is: in homes of mode 0700, with root's right to look into them and without."""
    realm = kdc.Kdc(bed)
    bed.put(mbox.mailbox(1), "bob")
    bed.put(mbox.mailbox(1))
    ask = {"command": command}
    try:
        accept(bed, realm, "alice", **ask)
        k5login("bob", "someone@ELSE.EXAMPLE", "alice@TEST.EXAMPLE")
        accept(bed, realm, "alice", acts_as="bob", user="bob", **ask)
        k5login("alice", "bob@TEST.EXAMPLE")
        refuse(bed, realm, "alice", logged="alice", **ask)
        k5login("alice", "alice@TEST.EXAMPLE", owner=0, mode=0o600)
        refuse(bed, realm, "alice", logged="alice", **ask)                # root's, and shut to the user: unreadable
        k5login("alice", "alice@TEST.EXAMPLE", owner=4002, mode=0o644)
        refuse(bed, realm, "alice", logged="alice", **ask)                # another's
        k5login("alice", "alice@TEST.EXAMPLE", owner=0, mode=0o644)
        accept(bed, realm, "alice", **ask)                                # root may make it
        os.chown("/home/alice", 0, 0)
        os.chmod("/home/alice", 0o700)
        refuse(bed, realm, "alice", logged="alice", **ask)                # the home is shut to its user
    finally:
        os.chown("/home/alice", 4001, 4001)
        forget_homes()


@needs("root", "kinit")
@each(("fifo", os.mkfifo), ("device", lambda path: os.symlink("/dev/zero", path)), ("directory", os.mkdir))
def test_k5login_that_is_no_file(bed, make):
    """It would be read for ever."""
    realm = kdc.Kdc(bed)
    bed.put(mbox.mailbox(1))
    path = "/home/alice/.k5login"
    make(path)
    os.chown(path, 4001, 4001, follow_symlinks=False)
    try:
        begin = time.monotonic()
        refuse(bed, realm, "alice", logged="alice", because="the principal may not log in as this user")
        check(time.monotonic() - begin < 30, "it was read")
    finally:
        (os.rmdir if make == os.mkdir else os.unlink)(path)


@needs("root", "kinit")
def test_rules(bed):
    """auth_to_local, and a directory of .k5login files; both are krb5.conf's."""
    realm = kdc.Kdc(bed, rules="  auth_to_local = RULE:[1:$1](^stranger$)s/.*/bob/\n  auth_to_local = DEFAULT",
                    more=f" k5login_directory = {bed.dir}/k5login")
    bed.put(mbox.mailbox(1), "bob")
    bed.put(mbox.mailbox(1))
    accept(bed, realm, "stranger", user="bob")
    accept(bed, realm, "alice")
    (bed.dir / "k5login").mkdir()
    (bed.dir / "k5login/alice").write_text("bob@TEST.EXAMPLE\n")
    refuse(bed, realm, "alice", logged="alice")
    accept(bed, realm, "bob", acts_as="alice")
    (bed.dir / "k5login/alice").chmod(0o600)
    refuse(bed, realm, "bob", acts_as="alice", logged="alice")


@needs("root", "kinit")
def test_keys(bed):
    """Any key of pop/HOST in the keytab, and no other; tickets for others are refused."""
    realm = kdc.Kdc(bed)
    bed.put(mbox.mailbox(1))
    refuse(bed, realm, "alice", target="imap@localhost", logged="")          # its key is in the keytab
    refuse(bed, realm, "alice", target="pop@other.example", logged="")
    realm.keytab = realm.write_keytab("both", "pop/localhost", "pop/other.example")
    accept(bed, realm, "alice", target="pop@other.example")
    accept(bed, realm, "alice")
    realm.admin("cpw -randkey pop/localhost")
    refuse(bed, realm, "alice", logged="", because="no key in the key file opens the ticket")
    realm.keytab = realm.write_keytab("both", "pop/localhost")
    accept(bed, realm, "alice")


@needs("root", "kinit")
def test_expired_ticket(bed):
    """A token of a ticket that has ended."""
    realm = kdc.Kdc(bed, skew=1)
    client = kdc.Initiator(bed, realm.ticket("alice", "-l", "2s"))
    _, token = client.token()
    time.sleep(4.5)
    pop = start(bed, realm)
    equal(pop.ask(f"AUTH GSSAPI"), "+ ", "an empty challenge")
    equal(pop.ask(sasl.b64(token)), REFUSED, "reply")
    until(lambda: any("the ticket is not valid now" in line or "clock differs" in line for line in pop.session.log()), "a line that says why")


@needs("root", "kinit")
@limit(300)
def test_refusals_take_the_same_time(bed):
    """Whoever has a ticket, and whoever has none."""
    realm = kdc.Kdc(bed, skew=1)
    realm.admin("addprinc -pw carolpw carol")
    option = refusals.option_that_locks(bed, "carol")
    short = realm.ticket("alice", "-l", "5s", name="ended")
    ended = [kdc.Initiator(bed, short).token()[1] for _ in range(refusals.EACH)]
    environments = {user: realm.ticket(user) for user in ("alice", "carol", "dave", "root", "stranger")}
    path = k5login("bob", "someone@ELSE.EXAMPLE")

    def trying(user, acts_as=""):
        def attempt():
            client = kdc.Initiator(bed, environments[user], mutual=False)
            pop = start(bed, realm, option)
            took = refusals.seconds(pop, kdc.log_in(sasl.Sasl(pop), client, acts_as))
            client.close()
            check(any(f'user="{acts_as or user}"' in line for line in pop.session.log()), f"refused for another reason: {pop.session.log()}")
            return took
        return attempt

    def saying(token, because):
        def attempt():
            pop = start(bed, realm, option)
            talk = sasl.Sasl(pop)
            talk.begin("GSSAPI")
            took = refusals.seconds(pop, talk.say(token()))
            check(any(because in line for line in pop.session.log()), f"refused for another reason: {pop.session.log()}")
            return took
        return attempt
    time.sleep(7.5)
    try:
        refusals.compare("GSSAPI", {
            "garbage": saying(lambda: os.urandom(600), 'user=""'), "ended": saying(ended.pop, "the ticket is not valid now"),
            "unknown": trying("stranger"), "nobody": trying("alice", "nobody-of-that-name"), "denied": trying("alice", "bob"),
            "expired": trying("dave"), "root": trying("root"), "locked": trying("carol")})
    finally:
        os.unlink(path)


@needs("root", "kinit")
@each(("mutual", True), ("one_way", False))
def test_replay(bed, mutual):
    """What somebody has overheard is of no use to him, even where no answer of the server is part of the proof."""
    realm = kdc.Kdc(bed)
    bed.put(mbox.mailbox(1))
    client = kdc.Initiator(bed, realm.ticket("alice"), mutual=mutual)
    _, token = client.token()
    for expected in bool, str:
        pop = start(bed, realm)
        sasl.Sasl(pop).begin("GSSAPI")
        reply = pop.ask(sasl.b64(token))
        check(reply.startswith("+ ") if expected is bool else reply == REFUSED, reply)
        pop.stream.close()
    until(lambda: any("the ticket was used a second time" in line for line in pop.session.log()), "a line that says so")
    equal(os.stat("/var/lib/restante/.replays").st_mode & 0o777, 0o600, "mode of the file")
    equal(os.stat("/var/lib/restante/.replays").st_uid, 499, "owner of the file")


@needs("root", "kinit")
@limit(120)
def test_lies(bed):
    """Layers that were not offered, messages that are cut or bent, tokens out of turn."""
    realm = kdc.Kdc(bed)
    bed.put(mbox.mailbox(1))
    environment = realm.ticket("alice")

    def spoil(what, choice=lambda wrapped: wrapped, layer=b"\1\0\0\0"):
        client = kdc.Initiator(bed, environment, mutual=False)
        pop = start(bed, realm)
        talk = sasl.Sasl(pop)
        talk.begin("GSSAPI")
        client.unwrap(talk.say(client.token()[1]))
        reply = talk.say(choice(client.wrap(layer)))
        pop.stream.close()
        return what, reply
    bend = lambda at: lambda octets: octets[:at] + bytes([octets[at] ^ 1]) + octets[at + 1:]
    cases = [("integrity", {"layer": b"\2\0\0\0"}), ("confidentiality", {"layer": b"\4\0\x10\0"}), ("no layer at all", {"layer": b"\0\0\0\0"}),
             ("two layers", {"layer": b"\3\0\0\0"}), ("too short", {"layer": b"\1\0\0"}), ("an empty message", {"layer": b""}),
             ("no token", {"choice": lambda octets: b""}), ("half a token", {"choice": lambda octets: octets[:len(octets) // 2]}),
             ("a bit in the header", {"choice": bend(2)}), ("a bit in the text", {"choice": bend(17)}), ("a bit at the end", {"choice": bend(-2)}),
             ("the token twice", {"choice": lambda octets: octets + octets}), ("garbage", {"choice": lambda octets: bytes(range(256)) * 200})]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for one in [pool.submit(spoil, what, **more) for what, more in cases]:
            what, reply = one.result()
            equal(reply, REFUSED, what)
    what, reply = spoil("the right choice")
    check(ACCEPTED.fullmatch(reply), f"{what}: {reply!r}")


def initiator_of(bed, fat, mutual, length):
    """One whose first token, (whether it is complete, what to send), has that length. fat(count) gives the environment of a
    ticket with count octets too many; numbers in it, and in a token, are longer or shorter by chance."""
    count = length - 2000
    for _ in range(20):
        environment = fat(count)
        for _ in range(10):
            client = kdc.Initiator(bed, environment, mutual=mutual)
            first = client.token()
            if len(first[1]) == length:
                return client, first
            client.close()
        count += length - len(first[1])
    raise Failure(f"no token of {length} octets; the last had {len(first[1])}")


@needs("root", "kinit")
@each(("mutual", True), ("one_way", False))
def test_ticket_of_64_KiB(bed, mutual):
    """A token may have as many octets, and not one more."""
    realm = kdc.Kdc(bed)
    bed.put(mbox.mailbox(1))

    def fat(count):
        environment = realm.ticket("alice", name=f"fat.{next(numbers)}")
        client = kdc.Initiator(bed, environment)
        client.fatten(count)
        client.close()
        return environment
    for more in 0, 1:
        client, first = initiator_of(bed, fat, mutual, 65536 + more)
        pop = start(bed, realm)
        reply = kdc.log_in(sasl.Sasl(pop), client, first=first)
        check(reply == REFUSED if more else ACCEPTED.fullmatch(reply), f"{65536 + more} octets: {reply}; {pop.session.log()}")
        pop.expect("QUIT", "+OK bye")
        pop.session.finish()


@needs("root", "kinit")
@limit(900 if EVERY_LENGTH else 240)
def test_garbage_of_every_length(bed):
    """Tokens cut short, and random ones: all refused alike, nothing dies. GARBAGE=all (make refusals) tries every length."""
    realm = kdc.Kdc(bed)
    token = kdc.Initiator(bed, realm.ticket("alice")).token()[1]
    step = 1 if EVERY_LENGTH else 47
    tokens = [token[:length] for length in range(0, len(token), step)]
    tokens += [os.urandom(length) for length in (1, 100, 65536)] + [token + bytes(60000)]
    # Not every octet of a token is protected: where none is, the exchange goes on, and still nobody is logged in.
    bent = [token[:at] + bytes([token[at] ^ 0x81]) + token[at + 1:] for at in range(3, len(token), step)]

    def three(some):
        pop = start(bed, realm)
        for one in some:
            check(pop.ask("AUTH GSSAPI") == "+ ", "no challenge")
            reply = pop.ask(sasl.b64(one))
            while one in bent and reply.startswith("+ "):
                reply = pop.ask("")
            equal(reply, REFUSED, f"a token of {len(one)} octets")
        if len(some) == 3:
            pop.stream.expect_end()
        pop.stream.close()
        pop.session.finish()
        return pop.session.log()
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        for log in pool.map(three, [(tokens + bent)[at:at + 3] for at in range(0, len(tokens + bent), 3)]):
            check(all(" reason=unavailable " not in line and "error" not in line for line in log), f"log: {log}")


@needs("root", "kinit")
@each(("loose", lambda path: path.chmod(0o644), "chmod 600"), ("missing", os.unlink, "No such file"))
def test_keytab_that_cannot_be_used(bed, spoil, why):
    """One line says why; GSSAPI is not offered; passwords go on."""
    path = bed.private_file("keytab", "no keytab at all")
    spoil(path)
    bed.put(mbox.mailbox(1))
    pop = bed.pop3(f"--keytab={path}", login=None)
    equal(pop.lines("AUTH"), ["PLAIN", "LOGIN"], "AUTH")
    pop.expect("AUTH GSSAPI", "-ERR unknown authentication mechanism")
    pop.login("alice", "alicepw")
    pop.quit()
    pop.session.finish()
    warning, *rest = pop.session.log()
    check(re.fullmatch(f"warning: GSSAPI is not offered: {path}: .*{why}.*", warning), warning)
    equal(len(rest), 2, f"other lines in {rest}")


@needs("root", "kinit")
@each(("garbage", None), ("others_keys", "imap/localhost"))
def test_keytab_without_our_keys(bed, principal):
    """What --check finds out before anybody logs in, and what who tries is told."""
    realm = kdc.Kdc(bed)
    realm.keytab = realm.write_keytab("other", principal) if principal else bed.private_file("other", "no keytab at all")
    session = bed.start("pop3d", "--check", f"--keytab={realm.keytab}")
    equal(session.wait(), 78, "exit status of --check")
    pop = start(bed, realm)
    equal(pop.ask("AUTH GSSAPI"), "-ERR [SYS/TEMP] authentication is not available, try again later", "reply")
    check(any("the key file has no key that can be used" in line for line in pop.session.log()), f"log: {pop.session.log()}")


@needs("root", "kinit")
def test_nowhere_to_remember(bed):
    """Without a state directory a ticket could be used by whoever overhears it: refused, and the log says why."""
    realm = kdc.Kdc(bed)
    client = kdc.Initiator(bed, realm.ticket("alice"))
    pop = start(bed, realm, "--state=/nonexistent/state")
    equal(kdc.log_in(sasl.Sasl(pop), client), "-ERR [SYS/TEMP] authentication is not available, try again later", "reply")
    check(any("the state directory cannot remember tickets" in line for line in pop.session.log()), f"log: {pop.session.log()}")


@needs("root", "kinit")
def test_check(bed):
    realm = kdc.Kdc(bed)
    session = bed.start("pop3d", "--check", f"--keytab={realm.keytab}")
    equal(session.wait(), 0, f"exit status of --check, which said {session.log()}")


# The room.

def helpers(pid, name="auth-gssapi"):
    return [child for child in server.descendants(pid) if os.path.basename(os.readlink(f"/proc/{child}/exe")) == name]


def kinds(pid):
    """What /proc says it has open: [what is not /dev/null on 0 to 2], sockets only as such."""
    return sorted(target.split(":")[0] for fd, target in server.Process(pid).descriptors().items() if fd > 2 or target != "/dev/null")


def is_nobody(pid, uid):
    """No right of root's and no way back to one; nothing of it is written to a disk."""
    process = server.Process(pid)
    equal((process.uids, process.gids, [group for group in process.groups if group != uid]), ([uid] * 4, [uid] * 4, []), "who it is")
    for name in "CapInh", "CapPrm", "CapEff", "CapAmb":
        equal(int(process.status[name], 16), 0, name)
    equal((process.status["NoNewPrivs"], process.status["Seccomp"]), ("1", "2"), "NoNewPrivs and Seccomp")
    hides(pid)


def hides(pid):
    check(re.search(r"Max core file size +0 +0 ", Path(f"/proc/{pid}/limits").read_text()), "it may leave a core")
    equal(os.stat(f"/proc/{pid}/mem").st_uid, 0, "the owner of its memory")


@needs("root", "kinit", "sandbox")
def test_who_hears_the_client(bed):
    """A child that is _restante, in a cage, without the client's descriptor; the parent, which read the keys, does not hear him."""
    realm = kdc.Kdc(bed)
    pop = start(bed, realm)
    equal(pop.ask("AUTH GSSAPI"), "+ ", "a challenge")
    parent, child = sorted(helpers(pop.session.pid))
    keys = keys_of(realm.keytab)
    equal(len(set(knows(child, keys))), 2, f"of {len(keys)} keys those of pop/localhost")
    is_nobody(child, FRONT_UID)
    hides(parent)
    equal((server.Process(parent).uids, server.Process(parent).status["Seccomp"]), ([0] * 4, "0"), "the parent")
    inodes = [set(contract.sockets(server.Process(pid))) for pid in (pop.session.pid, parent, child)]
    for pid in parent, child:
        equal(kinds(pid), ["socket"] * 2, f"what {pid} has")
        check(pop.session.server_inode not in contract.sockets(server.Process(pid)), f"the client is in {pid}")
    check(not inodes[1] & inodes[2], "a wire that both hold")
    other_end = contract.peers()
    front, monitor = (set(contract.sockets(room)) for room in (pop.session.rooms().front, pop.session.rooms().monitor))
    equal(sorted(bool({other_end[inode]} & there) for inode in inodes[1] for there in (monitor, inodes[2])), [False, False, True, True], "its wires")
    equal(sorted(bool({other_end[inode]} & there) for inode in inodes[2] for there in (front, inodes[1])), [False, False, True, True], "the child's wires")
    pop.expect("*", "-ERR authentication cancelled")
    until(lambda: not helpers(pop.session.pid), "the end of auth-gssapi")
    pop.expect("QUIT", "+OK bye")
    pop.session.finish()


def keys_of(path):
    """The keys in a keytab, as klist(1) shows them."""
    shown = subprocess.run(["klist", "-K", "-k", path], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, check=True).stdout
    return [bytes.fromhex(digits) for digits in re.findall(r"\(0x([0-9a-f]+)\)", shown)]


def knows(pid, keys):
    octets = rooms.memory(pid)
    return [key.hex() for key in keys if key in octets]


def last_word(bed, realm, user, acts_as=""):
    """An exchange up to the client's choice: (the connection, what says the rest, the program that will decide)."""
    client = kdc.Initiator(bed, realm.ticket(user), mutual=False)
    pop = start(bed, realm)
    talk = sasl.Sasl(pop)
    talk.begin("GSSAPI")
    client.unwrap(talk.say(client.token()[1]))
    choice = sasl.b64(client.wrap(b"\1\0\0\0" + acts_as.encode()))
    return pop, lambda: pop.send(choice), min(helpers(pop.session.pid))


@needs("root", "kinit", "sandbox")
def test_who_reads_the_keys(bed):
    """auth-gssapi before anybody is heard: root, with its two wires."""
    realm = kdc.Kdc(bed)
    pop = start(bed, realm)
    name = str(realm.keytab).encode()
    with Held(pop.session.pid, lambda: pop.send("AUTH GSSAPI"), "openat", lambda call: call.path() == name) as auth:
        equal(os.path.basename(os.readlink(f"/proc/{auth.pid}/exe")), "auth-gssapi", "the program")
        equal((server.Process(auth.pid).uids, kinds(auth.pid)), ([0] * 4, ["socket"] * 2), "who it is and what it has")
        hides(auth.pid)
    equal(pop.read_line(), "+ ", "a challenge")
    pop.expect("*", "-ERR authentication cancelled")


@needs("root", "kinit", "sandbox")
def test_who_applies_the_rules(bed):
    """The child that says whose a principal is: _restante, with the pipe on which it answers."""
    bed.put(mbox.mailbox(1))
    pop, say, parent = last_word(bed, kdc.Kdc(bed), "alice")
    with Held(parent, say, "write", lambda call: call.number(0) > 2) as child:
        is_nobody(child.pid, FRONT_UID)
        equal(kinds(child.pid), ["pipe"], "what it has")
        equal(kinds(parent), ["pipe", "socket"], "what its parent has")
        equal(refused_inside(child, "setuid", 0), "EPERM", "root again")
    check(ACCEPTED.fullmatch(pop.read_line()), "the login")


ASKED = {
    "read_anothers_mail": (("openat", -100, b"/var/mail/alice", os.O_RDONLY, 0), "EACCES"),
    "read_the_shadow": (("openat", -100, b"/etc/shadow", os.O_RDONLY, 0), "EACCES"),
    "read_the_keytab": (lambda realm, _: ("openat", -100, os.fsencode(realm.keytab), os.O_RDONLY, 0), "EACCES"),
    "read_the_used_tickets": (("openat", -100, b"/var/lib/restante/.replays", os.O_RDONLY, 0), "EACCES"),
    "make_a_file_at_home": (("openat", -100, b"/home/bob/new", os.O_RDWR | os.O_CREAT, 0o600), "EACCES"),
    "change_his_mail": (("openat", -100, b"/var/mail/bob", os.O_RDWR, 0), "EACCES"),
    "remove_the_k5login": (("unlinkat", -100, b"/home/bob/.k5login", 0), "EACCES"),
    "be_root": (("setuid", 0), "EPERM"),
}


@needs("root", "kinit", "sandbox")
@limit(120)
def test_who_reads_the_k5login(bed):
    """The child that asks whether he may: the user whose file it is, with nothing open at all."""
    realm = kdc.Kdc(bed)
    bed.put(mbox.mailbox(1), "bob")
    bed.put(mbox.mailbox(1))
    path = k5login("bob", "alice@TEST.EXAMPLE")
    try:
        pop, say, parent = last_word(bed, realm, "alice", "bob")
        with Held(parent, say, "openat", lambda call: call.path() == os.fsencode(path)) as child:
            is_nobody(child.pid, USERS["bob"][0])
            equal(kinds(child.pid), [], "what it has")
            equal(kinds(parent), ["socket"], "what its parent has")
            keys = keys_of(realm.keytab)
            check(len(keys) >= 4, f"keys: {keys}")
            equal((knows(child.pid, keys), knows(parent, keys)), ([], []), "the keys that it, or its parent, still knows")
            for what, (call, how) in ASKED.items():
                equal(refused_inside(child, *(call(realm, parent) if callable(call) else call)), how, what)
        check(ACCEPTED.fullmatch(pop.read_line()), "the login, all the same")
        pop.quit()
    finally:
        os.unlink(path)


@needs("root", "kinit", "sandbox")
@each(("start_a_program", lambda _: ("execve", b"/bin/true", 0, 0)), ("trace_its_parent", lambda parent: ("ptrace", 16, parent, 0, 0)),
      ("kill_front", lambda parent: ("kill", server.Rooms(server.parent_of(parent)).front.pid, 9)),
      ("kill_all", lambda _: ("kill", -1, 9)), ("read_memory", lambda parent: ("process_vm_writev", parent, 0, 0, 0, 0, 0)))
def test_asker_that_is_owned(bed, call):
    """As _restante, who every front is."""
    bed.put(mbox.mailbox(1))
    pop, say, parent = last_word(bed, kdc.Kdc(bed), "alice")
    with Held(parent, say, "write", lambda call: call.number(0) > 2) as child:
        equal(refused_inside(child, *call(parent)), "SIGSYS", "refused by")
    equal(pop.read_line(), "-ERR [SYS/TEMP] authentication is not available, try again later", "reply")
    pop.expect("QUIT", "+OK bye")


@needs("root", "kinit", "sandbox")
def test_who_reads_the_k5login_ends_with_its_parent(bed):
    """A program that is killed leaves nobody who reads for it."""
    pop, say, parent = last_word(bed, kdc.Kdc(bed), "alice", "bob")
    with Held(parent, say, "openat", lambda call: b".k5login" in call.path()) as child:
        os.kill(parent, 9)
        until(lambda: not recovery.is_running(child.pid), "the end of the child")
        child.alive = False
    equal(pop.read_line(), "-ERR [SYS/TEMP] authentication is not available, try again later", "reply")


@needs("root", "kinit", "sandbox")
@each(("connect_out", lambda _: ("socket", 2, 1, 0), "SIGSYS"),
      ("open_the_keytab", lambda path: ("openat", -100, os.fsencode(path), os.O_RDONLY, 0), "EACCES"),
      ("make_a_file", lambda _: ("openat", -100, b"/var/lib/restante/.other", os.O_RDWR | os.O_CREAT, 0o600), "EACCES"))
def test_child_that_is_owned(bed, call, by):
    """Whoever breaks the library in the cage reaches no key file, no network and no privilege."""
    realm = kdc.Kdc(bed)
    pop = start(bed, realm)
    equal(pop.ask("AUTH GSSAPI"), "+ ", "a challenge")
    equal(refused(max(helpers(pop.session.pid)), *call(realm.keytab)), by, "refused by")


@needs("readelf")
def test_only_its_own_program_loads_its_libraries(bed):
    for path in (bed.place.build / "libexec/restante").iterdir():
        if path.is_file():
            needed = subprocess.run(["readelf", "-d", path], capture_output=True, text=True, timeout=20, check=True).stdout
            equal("libgssapi" in needed, path.name == "auth-gssapi", f"{path.name} loads GSS-API")
            check("libkrb5" not in needed or path.name in ("auth-gssapi", "auth-kerberos4"), f"{path.name} loads libkrb5")


@needs("root", "network", "sandbox", "nspawn", "kinit")
@limit(120)
def test_under_systemd(bed):
    """The units as shipped, and with strict.conf: no network, no homes but to read."""
    machine = bed.machine()
    realm = kdc.Kdc(bed)
    environment = realm.ticket("alice")
    bed.put(mbox.mailbox(2))
    drop = machine.path("/etc/systemd/system/pop3@.service.d")
    since = machine.mark()
    files = {"/etc/restante.keytab": realm.keytab.read_bytes(), "/etc/restante.conf": b"keytab /etc/restante.keytab\n",
             "/etc/krb5.conf": open("/etc/krb5.conf", "rb").read()}

    def log_in():
        pop = Pop3(machine.connect())
        reply = kdc.log_in(sasl.Sasl(pop), kdc.Initiator(bed, environment, mutual=False))
        pop.expect("QUIT", "+OK bye")
        return reply
    try:
        for name, octets in files.items():
            machine.path(name).write_bytes(octets)
            machine.path(name).chmod(0o644 if name.endswith("krb5.conf") else 0o600)
        check(ACCEPTED.fullmatch(log_in()), "with the unit as shipped")
        k5login("alice", "alice@TEST.EXAMPLE")
        check(ACCEPTED.fullmatch(log_in()), "with a .k5login")
        k5login("alice", "bob@TEST.EXAMPLE")
        equal(log_in(), REFUSED, "with a .k5login that names another")
        drop.mkdir(parents=True)
        strict = (Path(__file__).parents[2] / "units/strict.conf").read_text()
        (drop / "strict.conf").write_text(strict)
        machine.run("systemctl", "daemon-reload")
        equal(log_in(), REFUSED, "homes that are hidden")
        (drop / "strict.conf").write_text(strict.replace("ProtectHome=yes", "ProtectHome=read-only"))
        machine.run("systemctl", "daemon-reload")
        equal(log_in(), REFUSED, "with strict.conf and a .k5login that names another")
        forget_homes()
        check(ACCEPTED.fullmatch(log_in()), f"with strict.conf: {machine.log(since, 'pop3d')}")
    finally:
        forget_homes()
        for name in files:
            machine.path(name).unlink(missing_ok=True)
        if drop.exists():
            shutil.rmtree(drop)
            machine.run("systemctl", "daemon-reload")
    until(lambda: machine.log(since, "pop3d").count('login: peer=127.0.0.1 method=GSSAPI user="alice"') == 3, "the logins in the journal")


@needs("root", "kinit")
def test_without_configuration_of_the_library(bed):
    """No /etc/krb5.conf: the keytab says what there is; a principal of its realm is nobody's until something says which realm is ours."""
    realm = kdc.Kdc(bed)
    environment = realm.ticket("alice")
    client = kdc.Initiator(bed, environment, mutual=False)
    token = client.token()[1]
    os.unlink("/etc/krb5.conf")
    pop = start(bed, realm)
    talk = sasl.Sasl(pop)
    talk.begin("GSSAPI")
    client.unwrap(talk.say(token))
    equal(talk.say(client.wrap(b"\1\0\0\0alice")), REFUSED, "reply")
    pop.expect("QUIT", "+OK bye")
    pop.session.finish()
