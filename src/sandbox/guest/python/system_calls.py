# The kernel's list of what this process may still ask for, set by itself before any foreign code and never undone.
# What is not named fails: no process, no thread, no socket, no signal, no mount, no trace, no memory writable and executable.
import os
import struct

import _ctypes

EPERM, ENOSYS = 1, 38
ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
SET_NO_NEW_PRIVS, SET_SECCOMP, MODE_FILTER = 38, 22, 2
NONE = -1

# name: number on x86_64, on aarch64. Reading files is for imports: the namespace says which files there are.
CALLS = {
    "read": (0, 63), "write": (1, 64), "readv": (19, 65), "writev": (20, 66), "pread64": (17, 67), "close": (3, 57), "lseek": (8, 62),
    "stat": (4, NONE), "lstat": (6, NONE), "fstat": (5, 80), "newfstatat": (262, 79), "statx": (332, 291),
    "readlink": (89, NONE), "readlinkat": (267, 78), "getdents64": (217, 61), "getcwd": (79, 17),
    "brk": (12, 214), "munmap": (11, 215), "mremap": (25, 216), "madvise": (28, 233),
    "futex": (202, 98), "sched_yield": (24, 124), "sched_getaffinity": (204, 123), "restart_syscall": (219, 128),
    "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139), "sigaltstack": (131, 132),
    "clock_gettime": (228, 113), "clock_getres": (229, 114), "clock_nanosleep": (230, 115), "nanosleep": (35, 101), "gettimeofday": (96, 169),
    "time": (201, NONE), "getrandom": (318, 278), "uname": (63, 160), "poll": (7, NONE), "ppoll": (271, 73),
    "getpid": (39, 172), "gettid": (186, 178), "getppid": (110, 173), "getuid": (102, 174), "geteuid": (107, 175), "getgid": (104, 176), "getegid": (108, 177),
    "exit": (60, 93), "exit_group": (231, 94),
}  # fmt: skip
# Refused when the named argument has one of these bits: for writing, creating, truncating; executable.
WRITES, EXECUTE, WRITE = 0x243, 4, 2
UNLESS = {
    "open": (2, NONE, 1, WRITES), "openat": (257, 56, 2, WRITES),
    "mprotect": (10, 226, 2, EXECUTE), "pkey_mprotect": (329, 288, 2, EXECUTE),
}  # fmt: skip
MAP_MEMORY = (9, 222)
# The C library falls back to older calls when these are said not to exist.
UNKNOWN = {"clone3": (435, 435)}
FIRST_UNNAMED = 463
MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}

LOAD, JUMP_EQUAL, JUMP_AT_LEAST, JUMP_ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER_AT, MACHINE_AT, ARGUMENTS_AT = 0, 4, 16


def _step(code, value, if_true=0, if_false=0):
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _load_argument(index):
    return _step(LOAD, ARGUMENTS_AT + 8 * index)


def _numbers(table, column):
    return sorted(numbers[column] for numbers in table.values() if numbers[column] != NONE)


def build_filter(machine):
    column, audit_machine = MACHINES[machine]
    steps = [
        _step(LOAD, MACHINE_AT),
        _step(JUMP_EQUAL, audit_machine, 1, 0),
        _step(RETURN, KILL),
        _step(LOAD, NUMBER_AT),
    ]
    for number in _numbers(CALLS, column):
        steps += [_step(JUMP_EQUAL, number, 0, 1), _step(RETURN, ALLOW)]
    refused = ERRNO | EPERM
    # Memory may be made executable only as a file's own code is mapped, never writable as well and never afterwards.
    steps += [
        _step(JUMP_EQUAL, MAP_MEMORY[column], 0, 5),
        _load_argument(2),
        _step(JUMP_ANY_BIT, WRITE, 0, 2),
        _step(JUMP_ANY_BIT, EXECUTE, 0, 1),
        _step(RETURN, refused),
        _step(RETURN, ALLOW),
    ]
    for *numbers, argument, bits in UNLESS.values():
        if numbers[column] != NONE:
            steps += [
                _step(JUMP_EQUAL, numbers[column], 0, 4),
                _load_argument(argument),
                _step(JUMP_ANY_BIT, bits, 0, 1),
                _step(RETURN, refused),
                _step(RETURN, ALLOW),
            ]
    for number in _numbers(UNKNOWN, column):
        steps += [_step(JUMP_EQUAL, number, 0, 1), _step(RETURN, ERRNO | ENOSYS)]
    steps += [_step(JUMP_AT_LEAST, FIRST_UNNAMED, 0, 1), _step(RETURN, ERRNO | ENOSYS), _step(RETURN, refused)]
    return b"".join(steps)


class _Pointer(_ctypes._SimpleCData):
    _type_ = "P"


def _in_memory(content):
    class Byte(_ctypes._SimpleCData):
        _type_ = "c"

    class Bytes(_ctypes.Array):
        _type_ = Byte
        _length_ = len(content)

    return Bytes(*content)


def _control(*arguments):
    process_control = _ctypes.dlsym(_ctypes.dlopen(None, 2), "prctl")
    return _ctypes.call_function(process_control, tuple(_Pointer(value) for value in arguments))


def close_system_calls():
    """False where the machine has no such filter, or none that is known here."""
    machine = os.uname().machine
    if machine not in MACHINES:
        return False
    code = _in_memory(build_filter(machine))
    program = _in_memory(struct.pack("=H6xQ", len(bytes(code)) // 8, _ctypes.addressof(code)))
    if _control(SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    return _control(SET_SECCOMP, MODE_FILTER, _ctypes.addressof(program)) == 0
