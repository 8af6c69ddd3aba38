# Wall 1, inside the interpreter: what leads from Python to JavaScript is taken away. A seat belt, not the boundary.
import _imp
import os
import posix
import sys

REFUSED_MODULES = frozenset(
    "js pyodide_js pyodide _pyodide _pyodide_core ctypes _ctypes _ctypes_test micropip webbrowser"
    " _posixsubprocess socket _socket multiprocessing _multiprocessing _testcapi _testinternalcapi".split()
)
REFUSED_EVENTS = (
    "ctypes.",
    "socket.",
    "subprocess.",
    "os.exec",
    "os.fork",
    "os.kill",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "gc.get_objects",
    "gc.get_referrers",
    "gc.get_referents",
    "code.__new__",
    "webbrowser.",
)


def _guard(event, arguments, refused=REFUSED_MODULES, events=REFUSED_EVENTS):
    # Audit hooks cannot be removed by Python code; the frozen defaults cannot be changed without raising an event.
    if event == "import":
        name = arguments[0]
        # A module of C code may be loaded under any package's name; the last part is what is loaded.
        if isinstance(name, str) and not refused.isdisjoint(name.split(".")):
            raise ImportError(f"No module named {name!r} in the sandbox", name=name)
    elif event.startswith(events):
        raise PermissionError(1, f"Not permitted in the sandbox: {event}")
    elif event == "object.__setattr__" and arguments[0] is _guard:
        raise PermissionError(1, "Not permitted in the sandbox")


def _refuse(name):
    if name.partition(".")[0] in REFUSED_MODULES:
        raise ImportError(f"No module named {name!r} in the sandbox", name=name)


class _RefusingFinder:
    # importlib.import_module raises no audit event, so a finder that comes first refuses as well.
    @staticmethod
    def find_spec(name, path=None, target=None):
        _refuse(name)


def _guard_builtin_modules():
    create = _imp.create_builtin

    def create_builtin(spec):
        _refuse(spec.name)
        return create(spec)

    _imp.create_builtin = create_builtin


def _keep_channel(*_arguments, **_options):
    raise PermissionError(1, "Not permitted in the sandbox")


def raise_walls():
    for name in list(sys.modules):
        if name.partition(".")[0] in REFUSED_MODULES:
            del sys.modules[name]
    sys.meta_path[:] = [finder for finder in sys.meta_path if "_pyodide" not in getattr(type(finder), "__module__", "") and "_pyodide" not in getattr(finder, "__module__", "")]
    sys.meta_path.insert(0, _RefusingFinder)
    _guard_builtin_modules()
    # The two pipes are the interpreter's life; closing one by accident would cost the next block its process.
    for name in ("close", "closerange", "dup2", "dup", "fcntl"):
        for module in (os, posix):
            if hasattr(module, name):
                setattr(module, name, _keep_channel)
    sys.addaudithook(_guard)
