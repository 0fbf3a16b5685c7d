"""Acts from inside a room: stops its process where it waits, and lets it make a system call of the test's choice.

What an attacker who owns the room's memory could do, done by ptrace(2). x86_64 only: the registers are the machine's.
"""

import ctypes
import errno
import os
import signal
import struct

from .suite import Failure, Skip, check

PTRACE_GETREGS, PTRACE_SETREGS, PTRACE_SINGLESTEP, PTRACE_ATTACH, PTRACE_DETACH = 12, 13, 9, 16, 17
PTRACE_SETOPTIONS, PTRACE_O_SUSPEND_SECCOMP = 0x4200, 1 << 21
PTRACE_CONT, PTRACE_SYSCALL, PTRACE_GETEVENTMSG, PTRACE_SEIZE = 7, 24, 0x4201, 0x4206
PTRACE_O_TRACESYSGOOD, PTRACE_O_TRACEFORK, PTRACE_O_TRACEVFORK = 1, 2, 4
PTRACE_EVENT_FORK, PTRACE_EVENT_VFORK, SYSCALL_STOP = 1, 2, signal.SIGTRAP | 0x80
WALL = 0x40000000                       # __WALL: waitpid(2) for a process that is no child of ours
REGISTERS = ("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base "
             "ds es fs gs").split()
ARGUMENTS = ("rdi", "rsi", "rdx", "r10", "r8", "r9")
# By number: the names stand in no module of Python's.
CALLS = dict(read=0, write=1, close=3, mmap=9, mprotect=10, munmap=11, ioctl=16, mremap=25, getpid=39, pwrite64=18, socket=41, connect=42, sendto=44,
             sendmsg=46, bind=49, listen=50, clone=56, fork=57, vfork=58, execve=59, kill=62, fcntl=72, flock=73, chdir=80,
             rename=82, mkdir=83, unlink=87, symlink=88, chmod=90, chown=92, ptrace=101, setuid=105, mknod=133, prctl=157,
             setrlimit=160, chroot=161, mount=165, openat=257, unlinkat=263, renameat=264, linkat=265, fchmodat=268, unshare=272,
             process_vm_writev=311, memfd_create=319, execveat=322, pidfd_open=434, clone3=435, io_uring_setup=425,
             getrandom=318, truncate=76, ftruncate=77, fallocate=285, renameat2=316, bpf=321, userfaultfd=323, keyctl=250,
             exit_group=231)

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
_libc.ptrace.restype = ctypes.c_long


class Died(Exception):
    """The kernel killed the process for what it tried; .signal says how."""

    def __init__(self, number):
        super().__init__(f"killed by {signal.Signals(number).name}" if number else "it ended")
        self.signal = number


def _ptrace(request, pid, address=None, data=None):
    if _libc.ptrace(request, pid, address, data) < 0:
        if ctypes.get_errno() == errno.ESRCH and request != PTRACE_ATTACH:
            raise Died(signal.SIGKILL)             # with its parent, while it stood still
        raise OSError(ctypes.get_errno(), f"ptrace {request}: {os.strerror(ctypes.get_errno())}")


class Inside:
    """`with Inside(pid) as room: room.call("openat", -100, b"/etc/passwd", 0)`.

    Octets among the arguments are put on the stack of the process, and their address is passed. With `unfiltered` the
    process's seccomp filter sleeps meanwhile: what stands behind it (Landlock, an empty root) is seen alone.
    """

    def __init__(self, pid, unfiltered=False):
        if os.uname().machine != "x86_64":
            raise Skip("acts by registers of x86_64")
        self.pid, self.alive, self.unfiltered = pid, True, unfiltered

    def __enter__(self):
        _ptrace(PTRACE_ATTACH, self.pid)
        self._wait()
        if self.unfiltered:
            _ptrace(PTRACE_SETOPTIONS, self.pid, None, PTRACE_O_SUSPEND_SECCOMP)
        self.saved = self._registers()
        instruction = self.read(self.saved["rip"] - 2, 2)
        check(instruction == b"\x0f\x05", f"the process does not wait in a system call: {instruction!r}")
        self._settle()
        return self

    def _settle(self):
        self.behind = self.saved["rip"]                         # the instruction that makes a system call
        self.top = (self.saved["rsp"] - 64 * 1024) & ~0xfff     # below everything that lives on the stack

    def __exit__(self, kind, *_):
        if self.alive and kind is not Died:
            self._set(self.saved)
            _ptrace(PTRACE_DETACH, self.pid)

    def call(self, name, *arguments):
        """Makes the system call; returns what it returns (-errno for an error). Raises Died."""
        place, numbers = self.top, []
        for argument in arguments:
            if isinstance(argument, bytes):
                self.write(place, argument + b"\0")
                numbers.append(place)
                place += (len(argument) + 16) & ~15
            else:
                numbers.append(argument & (1 << 64) - 1)
        registers = {**self.saved, "rax": CALLS[name], "orig_rax": (1 << 64) - 1, "rip": self.behind - 2,
                     **dict(zip(ARGUMENTS, numbers))}
        self._set(registers)
        _ptrace(PTRACE_SINGLESTEP, self.pid)
        self._wait()
        return ctypes.c_long(self._registers()["rax"]).value

    def put(self, octets, offset=32 * 1024):
        """Puts octets where a later call can point to; returns the address."""
        self.write(self.top - offset, octets)
        return self.top - offset

    def read(self, address, count):
        with open(f"/proc/{self.pid}/mem", "rb", 0) as memory:
            memory.seek(address)
            return memory.read(count)

    def write(self, address, octets):
        with open(f"/proc/{self.pid}/mem", "wb", 0) as memory:
            memory.seek(address)
            memory.write(octets)

    def send(self, fd, octets, fds=()):
        """Sends one message on a socket of the process, with descriptors of its own; returns what sendmsg(2) returns."""
        body = self.put(octets)
        vector = self.put(struct.pack("QQ", body, len(octets)), 28 * 1024)
        control = 0
        rights = b""
        if fds:
            rights = struct.pack("QII", 16 + 4 * len(fds), 1, 1) + struct.pack(f"{len(fds)}i", *fds)     # SOL_SOCKET, SCM_RIGHTS
            rights += bytes(-len(rights) % 8)
            control = self.put(rights, 27 * 1024)
        header = self.put(struct.pack("QIxxxxQQQQI", 0, 0, vector, 1, control, len(rights), 0), 26 * 1024)
        return self.call("sendmsg", fd, header, 0x4000)                         # MSG_NOSIGNAL

    def text(self, address):
        """The octets of a string in the process."""
        octets = b""
        while b"\0" not in octets:
            octets += self.read(address + len(octets), 4096 - (address + len(octets)) % 4096)
        return octets.split(b"\0", 1)[0]

    def _registers(self):
        buffer = ctypes.create_string_buffer(8 * len(REGISTERS))
        _ptrace(PTRACE_GETREGS, self.pid, None, buffer)
        return dict(zip(REGISTERS, struct.unpack(f"{len(REGISTERS)}Q", buffer.raw)))

    def _set(self, registers):
        buffer = ctypes.create_string_buffer(struct.pack(f"{len(REGISTERS)}Q", *(registers[name] for name in REGISTERS)))
        _ptrace(PTRACE_SETREGS, self.pid, None, buffer)

    def _wait(self):
        _, status = os.waitpid(self.pid, WALL)
        if os.WIFSIGNALED(status) or os.WIFEXITED(status):
            self.alive = False
            raise Died(os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0)
        stopped_by = os.WSTOPSIG(status)
        if stopped_by == signal.SIGSYS:                                         # on its way out
            _ptrace(PTRACE_DETACH, self.pid, None, signal.SIGSYS)
            self.alive = False
            raise Died(signal.SIGSYS)
        check(stopped_by in (signal.SIGSTOP, signal.SIGTRAP), f"stopped by {signal.Signals(stopped_by).name}")


class Held(Inside):
    """A process that does not live long: the child that `parent` bears next, held before it makes a system call.

    `with Held(parent, provoke, "openat", lambda call: b"secret" in call.path()) as child:` calls provoke(), and the body
    runs while the child stands before its first such call; path() is the call's second argument, number(n) its nth.
    With `skip` the first children are let go. The child may act, as in Inside; then it makes the call it was held at.
    """

    def __init__(self, parent, provoke, name, wanted=lambda call: True, skip=0):
        super().__init__(None)
        self.parent, self.provoke, self.skip = parent, provoke, skip
        self.name, self.wanted = name, wanted

    def __enter__(self):
        _ptrace(PTRACE_SEIZE, self.parent, None, PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK)
        self.provoke()
        self.pid = self._next_child()
        for _ in range(self.skip):
            _ptrace(PTRACE_DETACH, self.pid)
            _ptrace(PTRACE_CONT, self.parent)
            self.pid = self._next_child()
        _ptrace(PTRACE_DETACH, self.parent)
        try:
            _ptrace(PTRACE_SETOPTIONS, self.pid, None, PTRACE_O_TRACESYSGOOD)
            self._run_to_the_call()
        except BaseException:
            os.kill(self.pid, signal.SIGKILL)                       # else it stands still for ever
            raise
        return self

    def _next_child(self):
        while True:
            _, status = os.waitpid(self.parent, WALL)
            check(os.WIFSTOPPED(status), "the parent ended and bore no child")
            if status >> 16 in (PTRACE_EVENT_FORK, PTRACE_EVENT_VFORK):
                child = ctypes.c_ulong()
                _ptrace(PTRACE_GETEVENTMSG, self.parent, None, ctypes.byref(child))
                os.waitpid(child.value, WALL)                       # it begins with a stop
                return child.value
            _ptrace(PTRACE_CONT, self.parent, None, 0 if status >> 16 else os.WSTOPSIG(status))

    def path(self):
        return self.text(self.now["rsi"])

    def number(self, nth):
        return ctypes.c_long(self.now[ARGUMENTS[nth]]).value

    def _run_to_the_call(self):
        while True:
            self._to_stop()                                         # before a call
            self.now = self._registers()
            if self.now["orig_rax"] == CALLS[self.name] and self.wanted(self):
                break
            self._to_stop()                                         # behind it
        # Not yet: another call, which every room may make and which does nothing.
        self._set({**self.now, "orig_rax": CALLS["close"], "rdi": (1 << 64) - 1})
        self._to_stop()
        self.saved = self.now
        self._settle()
        self.saved = {**self.now, "rax": self.now["orig_rax"], "orig_rax": (1 << 64) - 1, "rip": self.behind - 2}

    def _to_stop(self):
        passed_on = 0
        while True:
            _ptrace(PTRACE_SYSCALL, self.pid, None, passed_on)
            _, status = os.waitpid(self.pid, WALL)
            if os.WIFSIGNALED(status) or os.WIFEXITED(status):
                self.alive = False
                raise Died(os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0)
            if os.WSTOPSIG(status) == SYSCALL_STOP:
                return
            passed_on = 0 if status >> 16 or os.WSTOPSIG(status) == signal.SIGTRAP else os.WSTOPSIG(status)


def refused(pid, name, *arguments, unfiltered=False):
    """How the kernel refuses this call: "SIGSYS", or the name of an errno; "" when it does not."""
    try:
        with Inside(pid, unfiltered) as room:
            return refused_inside(room, name, *arguments)
    except ProcessLookupError as error:
        raise Failure(f"no process {pid}") from error


def refused_inside(room, name, *arguments):
    try:
        result = room.call(name, *arguments)
    except Died as died:
        room.alive = False
        return signal.Signals(died.signal).name if died.signal else "exit"
    return errno.errorcode.get(-result, str(result)) if result < 0 else ""
