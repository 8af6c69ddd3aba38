# Wall 1 where the interpreter is the system's own: besides what walls.py refuses, every file but the standard library's.
# A seat belt, not the boundary: the kernel's walls are what holds, and they alone are relied on.
import os
import sys

READS = ("open", "os.listdir", "os.scandir")
HARMLESS = ("os.walk", "os.fwalk")
REFUSED_EVENTS = (
    "os.",
    "resource.",
    "fcntl.",
    "pty.",
    "syslog.",
    "signal.",
    "sqlite3.",
    "sys.addaudithook",
    "cpython.remote_debugger",
    "sys.remote_exec",
)
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def raise_native_walls():
    library = tuple({os.path.dirname(os.__file__), *(path for path in sys.path if os.path.isabs(path))})
    inside = tuple(f"{path}/" for path in library)

    def is_library(path):
        return isinstance(path, str) and (path in library or path.startswith(inside)) and "/.." not in path

    def guard(event, arguments):
        if event in READS:
            flags = arguments[2] if event == "open" else 0
            if is_library(arguments[0]) and not (isinstance(flags, int) and flags & WRITES):
                return
            raise PermissionError(1, f"Not permitted in the sandbox: {event}")
        if event.startswith(REFUSED_EVENTS) and event not in HARMLESS:
            raise PermissionError(1, f"Not permitted in the sandbox: {event}")

    sys.addaudithook(guard)
