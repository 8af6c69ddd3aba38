// Python that tries to leave the interpreter, one attempt a string; each sets `reached` to something true if it could.
// Used by the self-test for wall 1 and by the attack tests behind every combination of walls.

export const INTERPRETER_PROBES: Readonly<Record<string, string>> = {
  'import js': 'import js; reached = True',
  'import pyodide_js': 'import pyodide_js; reached = True',
  'pyodide.code.run_js': 'from pyodide.code import run_js; reached = run_js("1") == 1',
  'to_js constructor chain':
    'from pyodide.ffi import to_js; reached = to_js([1]).constructor.constructor("return process")().pid',
  'import _pyodide_core': 'import _pyodide_core; reached = True',
  'import ctypes': 'import ctypes; reached = True',
  'import _ctypes': 'import _ctypes; reached = True',
  'builtin importer': 'import importlib.machinery as m, importlib\nreached = importlib.import_module("_ctypes").dlopen',
  mountNodeFS: 'import pyodide_js; pyodide_js.mountNodeFS("/h", "/"); reached = True',
  'sys.modules':
    'import sys; reached = [n for n in sys.modules if n in ("js", "pyodide_js", "_pyodide_core", "pyodide", "ctypes")]',
  'class walk to a proxy':
    'reached = [c for c in object.__subclasses__() if c.__name__ == "JsProxy" and c.__module__ == "js"]',
  'garbage collector': 'import gc; reached = [o for o in gc.get_objects() if type(o).__name__ == "JsProxy"]',
  'os.system': 'import os; reached = os.system("true") == 0',
  'os.popen': 'import os; reached = os.popen("id").read()',
  subprocess: 'import subprocess; reached = subprocess.run(["true"]).returncode == 0',
  fork: 'import os; reached = os.fork() >= 0',
  socket: 'import socket; reached = bool(socket.socket())',
  'host file by open': 'reached = open("/etc/passwd").read()',
  'host file by bytes path': 'reached = open(b"/etc/passwd").read()',
  'host file by pathlib': 'from pathlib import Path; reached = Path("/etc/passwd").read_text()',
  'host file by io': 'import io; reached = io.FileIO("/etc/passwd").read()',
  'host file by posix': 'import posix; reached = posix.open("/etc/passwd", 0) >= 0',
  'closure of open': 'reached = open.__closure__ or open.__func__.__closure__',
  'process information': 'import posix; reached = posix.open("/proc/self/environ", 0) >= 0',
};

/** One block that runs every probe and leaves the names of those that got through in `escaped`. */
export function probeBlock(): string {
  return `
probes = ${JSON.stringify(INTERPRETER_PROBES)}
escaped = []
for name, source in probes.items():
    scope = {}
    try:
        exec(source, scope)
    except BaseException:
        pass
    if scope.get("reached"):
        escaped.append(name)
`;
}
