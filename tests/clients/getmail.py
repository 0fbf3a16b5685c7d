"""getmail6: fetches what it does not know yet, by UIDL, and deletes or keeps."""

from clients import programs
from lib import mbox
from lib.suite import each, equal, needs

MORE = mbox.message(5) + mbox.message(6)


# getmail 6.18 forks for each delivery and only then says that it wants to hear of the child's end: a child that is too
# quick for it is waited for until a timeout. So children are made to wait a little.
PATIENCE = """import os, time
fork = os.fork
def patient():
    pid = fork()
    if pid == 0:
        time.sleep(0.1)
    return pid
os.fork = patient
"""


class Getmail:
    def __init__(self, bed, service):
        self.person, self._service = programs.Person(bed), service
        self.person.file("sitecustomize.py", PATIENCE)
        self.person.environment["PYTHONPATH"] = str(self.person.directory)

    def run(self, delete):
        """Returns all messages it has stored so far."""
        config = self.person.file("getmailrc", f"""[retriever]
type = SimplePOP3Retriever
server = {self._service.address[0]}
port = {self._service.port}
username = alice
password = alicepw
timeout = 20
[destination]
type = Maildir
path = {self.person.path("stored")}/
[options]
delete = {delete}
read_all = False
delivered_to = False
received = False
verbose = 0
""")
        self.person.run("mkdir", "-p", *(self.person.path(f"stored/{name}") for name in ("cur", "new", "tmp")))
        self.person.run("getmail", f"--getmaildir={self.person.directory}", f"--rcfile={config}")
        files = sorted(self.person.path("stored/new").iterdir(), key=lambda path: path.stat().st_mtime_ns)
        return [programs.without(["return-path"], path.read_bytes()) for path in files]


@needs("getmail")
@each(*programs.ALL_WAYS)
def test_kept_then_deleted(bed, how):
    service = programs.Service(bed, how)
    getmail = Getmail(bed, service)
    path = service.bed.put(programs.MAIL)
    equal(getmail.run(delete=False), programs.contents(), "messages")
    equal(getmail.run(delete=False), programs.contents(), "messages when nothing was new")
    service.bed.append(MORE)
    equal(getmail.run(delete=False), programs.contents(programs.MAIL + MORE), "messages after mail had come")
    service.left(programs.MAIL + MORE, "the mailbox so far")
    getmail.run(delete=True)
    service.left(b"", "the mailbox afterwards")
    service.ended(4)
