"""nginx's mail proxy in front, with units/nginx-mail.conf as it stands."""

import subprocess

from clients.haproxy import PUBLIC, Proxy, certificate, logged, project
from clients.unpacked import unpacked
from lib import hosts, mbox, testbed
from lib.suite import check, equal, limit, needs, until


def nginx(bed):
    """Its prefix is a directory of this test's, as Debian's is /usr/share/nginx: with the modules in it."""
    certificate(bed.place.dir / "etc/nginx/pop3.pem")
    program = unpacked(bed, "nginx", "usr/sbin/nginx")
    module = unpacked(bed, "libnginx-mod-mail", "usr/lib/nginx/modules/ngx_mail_module.so")
    prefix = bed.dir / "nginx"
    (prefix / "modules").mkdir(parents=True)
    (prefix / "modules/ngx_mail_module.so").symlink_to(module)
    (bed.place.dir / "var-lib/nginx").mkdir(exist_ok=True)
    return Proxy(bed, [program, "-p", f"{prefix}/", "-c", project(bed) / "units/nginx-mail.conf", "-e", bed.dir / "nginx.log",
                       "-g", f"daemon off; pid {prefix}/pid;"], (110, 995))


def curl(*arguments):
    return subprocess.run(["curl", "-s", "-S", "-k", "--max-time", "30", *arguments], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=40)


@needs("root", "network", "openssl", "curl")
@limit(60)
def test_through_nginx(bed):
    """Each user reaches his host; the client's address is told; refusals are the host's own words."""
    lines = bed.syslog()
    hosts.Site(bed, "same", [f"--proxy={PUBLIC}", "--plaintext=always"])
    nginx(bed)
    for user in "alice", "bob", "erin", "grace":
        bed.put(mbox.mailbox(3), user)
        password = testbed.USERS[user][1]
        done = curl("-u", f"{user}:{password}", f"pop3s://{PUBLIC}/2")
        equal(done.stdout, mbox.parse(mbox.mailbox(3))[1].wire(), f"{user}'s message by curl over TLS; {done.stderr!r}")
        done = curl("-u", f"{user}:{password}", "--ssl-reqd", f"pop3://{PUBLIC}/3")
        equal(done.stdout, mbox.parse(mbox.mailbox(3))[2].wire(), f"{user}'s message by curl with STLS; {done.stderr!r}")
    done = curl("-u", "alice:wrong", f"pop3s://{PUBLIC}/2")
    check(done.returncode != 0, "a wrong password is taken")
    until(lambda: sum(" end: " in line for line in logged(lines)) == 8, f"the log: {logged(lines)}")
    logins = [line for line in logged(lines) if line.startswith("login: ")]
    equal(logins[0], f'login: peer={PUBLIC} via={PUBLIC} method=PASS user="alice"', "log")
    check(any(line.startswith(f"login failed: peer={PUBLIC} via={PUBLIC} ") for line in logged(lines)), "no line of the failure")
