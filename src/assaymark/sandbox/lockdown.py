"""Takes from this process, for good, everything but reading a request and writing an answer. Linux on x86-64 and arm64.

After `lock_down` there is no system call that opens, connects, starts or signals anything: whatever tries is killed by the
kernel (seccomp). What is imported must have been imported before.
"""

import ctypes
import errno
import os
import resource
import signal
import struct
import sys

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 4, 22, 38  # linux/prctl.h
_SECCOMP_MODE_FILTER = 2
_KILL_PROCESS, _ALLOW, _FAIL = 0x8000_0000, 0x7FFF_0000, 0x0005_0000 | errno.EACCES  # linux/seccomp.h
_LOAD, _JUMP_EQUAL, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06  # linux/bpf_common.h: W|ABS, JEQ, JSET, RET
_NUMBER, _ARCHITECTURE, _THIRD_ARGUMENT = 0, 4, 32  # offsets in struct seccomp_data, low words
_PROT_EXEC = 4
_M_ARENA_MAX = -8  # malloc.h
_CALLS = {
    "x86_64": (
        0xC000_003E,
        {
            "read": 0, "write": 1, "munmap": 11, "brk": 12, "rt_sigreturn": 15, "sched_yield": 24, "mremap": 25,
            "madvise": 28, "setitimer": 38, "exit": 60, "futex": 202, "restart_syscall": 219, "clock_gettime": 228,
            "exit_group": 231, "getrandom": 318,
        },
        {"mmap": 9, "mprotect": 10},
        {"openat": 257},
    ),
    "aarch64": (
        0xC000_00B7,
        {
            "read": 63, "write": 64, "exit": 93, "exit_group": 94, "futex": 98, "setitimer": 103, "clock_gettime": 113,
            "sched_yield": 124, "restart_syscall": 128, "rt_sigreturn": 139, "brk": 214, "munmap": 215, "mremap": 216,
            "madvise": 233, "getrandom": 278,
        },
        {"mmap": 222, "mprotect": 226},
        {"openat": 56},
    ),
}  # fmt: skip
"""Machine -> AUDIT_ARCH, calls that are allowed, those that are without PROT_EXEC, and those that fail instead of killing:
glibc's `free` asks /proc how memory is given out, once, in a process that was forked from a thread.
"""


class Refused(Exception):
    """The system cannot lock a process down; the text says what it lacks."""


def settle(*descriptors: int) -> None:
    """Put these descriptors where 0, 1, … are; nothing else stays open. Raises OSError."""
    high = [os.dup(os.dup(os.dup(descriptor))) for descriptor in descriptors]  # clear of 0 and 1
    for place, descriptor in enumerate(high):
        os.dup2(descriptor, place)
    for name in os.listdir("/proc/self/fd"):
        if int(name) >= len(descriptors):
            try:
                os.close(int(name))
            except OSError:  # the listing's own
                continue


def lock_down(*, memory: int, seconds: int) -> None:
    """From here on: `memory` more bytes, `seconds` of CPU in all, what stands open, and nothing else.

    Raises Refused, or OSError: then the process must end.
    """
    known = _CALLS.get(os.uname().machine)
    if known is None or sys.maxsize < 1 << 32:
        raise Refused(f"no list of system calls for {os.uname().machine}")
    _signals()
    _one_arena()
    with open("/proc/self/statm", "rb") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    for limit, value in (
        (resource.RLIMIT_AS, used + memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 0),
        (resource.RLIMIT_NPROC, 0),
    ):
        hard = resource.getrlimit(limit)[1]
        resource.setrlimit(limit, (value, value) if hard == resource.RLIM_INFINITY else (min(value, hard),) * 2)
    _prctl(_PR_SET_DUMPABLE, 0)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _filter(*known)


def _signals() -> None:
    """Ctrl-C is the parent's to handle; none of the parent's Python handlers runs here."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (
        signal.SIGTERM, signal.SIGHUP, signal.SIGPROF, signal.SIGALRM, signal.SIGUSR1, signal.SIGUSR2,
        signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGABRT,  # faulthandler's
    ):  # fmt: skip
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _one_arena() -> None:
    """Have malloc fail where memory is short; else glibc counts the processors for another arena, by a call that kills."""
    if hasattr(_LIBC, "mallopt"):
        _LIBC.mallopt(_M_ARENA_MAX, 1)


def _prctl(option: int, value: int, pointer: int = 0) -> None:
    if _LIBC.prctl(option, ctypes.c_ulong(value), ctypes.c_ulong(pointer), ctypes.c_ulong(0), ctypes.c_ulong(0)):
        raise Refused(f"prctl {option}: {os.strerror(ctypes.get_errno())}")


def _filter(
    architecture: int, calls: dict[str, int], unless_executable: dict[str, int], failing: dict[str, int]
) -> None:
    """Install a seccomp program: the calls by number, memory without PROT_EXEC, and death for everything else."""
    allowed, guarded = sorted(calls.values()), sorted(unless_executable.values())
    code = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_JUMP_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL_PROCESS),
        (_LOAD, 0, 0, _NUMBER),
    ]
    for number in allowed:
        code += [(_JUMP_EQUAL, 0, 1, number), (_RETURN, 0, 0, _ALLOW)]
    for number in sorted(failing.values()):
        code += [(_JUMP_EQUAL, 0, 1, number), (_RETURN, 0, 0, _FAIL)]
    for number in guarded:
        code += [
            (_JUMP_EQUAL, 0, 4, number),
            (_LOAD, 0, 0, _THIRD_ARGUMENT),
            (_JUMP_ANY_BIT, 1, 0, _PROT_EXEC),
            (_RETURN, 0, 0, _ALLOW),
            (_RETURN, 0, 0, _KILL_PROCESS),
        ]
    code.append((_RETURN, 0, 0, _KILL_PROCESS))
    program = b"".join(struct.pack("<HBBI", *line) for line in code)
    kept = ctypes.create_string_buffer(program, len(program))
    filter_ = ctypes.create_string_buffer(struct.pack("@HP", len(code), ctypes.addressof(kept)))
    _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(filter_))
