// Python that goes for a canary, one way out a vector; `reached` holds what it got.
import type { CanaryName, PlantedCanaries } from '../../src/sandbox/canaries.ts';

export interface EscapeVector {
  name: string;
  canary: CanaryName;
  code(canaries: PlantedCanaries): string;
}

const CONSTRUCTOR = 'from pyodide.ffi import to_js\nrun = lambda js: to_js([1]).constructor.constructor(js)()';

/** A JavaScript expression inside a Python string literal. */
function js(source: string): string {
  return JSON.stringify(source);
}

export const ESCAPE_VECTORS: readonly EscapeVector[] = [
  {
    name: 'mountNodeFS',
    canary: 'file',
    code: ({ file }) =>
      `import pyodide_js, posixpath\nf = ${js(file)}\npyodide_js.mountNodeFS("/h", posixpath.dirname(f))\nreached = open("/h/" + posixpath.basename(f)).read()`,
  },
  {
    name: 'constructor chain to fs',
    canary: 'file',
    code: ({ file }) =>
      `${CONSTRUCTOR}\nreached = run(${js(`return process.getBuiltinModule('fs').readFileSync(${js(file)}, 'utf8')`)})`,
  },
  {
    name: 'constructor chain to the environment',
    canary: 'environment',
    code: () => `${CONSTRUCTOR}\nreached = run("return JSON.stringify(process.env)")`,
  },
  {
    name: 'run_js to the environment',
    canary: 'environment',
    code: () => `from pyodide.code import run_js\nreached = run_js("JSON.stringify(process.env)")`,
  },
  {
    name: 'import js to the environment',
    canary: 'environment',
    code: () => `import js\nreached = js.JSON.stringify(js.process.env)`,
  },
  {
    name: 'constructor chain to a child process with a socket',
    canary: 'port',
    code: ({ port }) =>
      `${CONSTRUCTOR}\nreached = run(${js(
        `return process.getBuiltinModule('child_process').execFileSync(process.execPath, ['-e', "require('net').connect(${port}, '127.0.0.1').pipe(process.stdout)"], { encoding: 'utf8' })`,
      )})`,
  },
  {
    name: 'constructor chain to a signal',
    canary: 'process',
    code: ({ pid }) => `${CONSTRUCTOR}\nreached = run("return process.kill(${pid}, 'SIGKILL')")`,
  },
  {
    name: 'os.system to a signal',
    canary: 'process',
    code: ({ pid }) => `import os\nreached = os.system("kill -9 ${pid}")`,
  },
  {
    name: 'ctypes to a signal',
    canary: 'process',
    code: ({ pid }) =>
      `import ctypes\nreached = ctypes.CDLL(None).emscripten_run_script(b"process.kill(${pid}, 'SIGKILL')")`,
  },
];

/** Ways of the Python original and of the class-walk kind; they have no way out even in a bare interpreter. */
export const CLOSED_VECTORS: Readonly<Record<string, (canaries: PlantedCanaries) => string>> = {
  'open by text': ({ file }) => `reached = open(${js(file)}).read()`,
  'open by bytes': ({ file }) => `reached = open(${js(file)}.encode()).read()`,
  'open by Path': ({ file }) => `from pathlib import Path\nreached = open(Path(${js(file)})).read()`,
  'Path.read_text': ({ file }) => `from pathlib import Path\nreached = Path(${js(file)}).read_text()`,
  'open by traversal': ({ file }) => `reached = open("../../../../../.." + ${js(file)}).read()`,
  'open by descriptor': () => 'reached = [open(n, closefd=False).read() for n in range(3, 20)]',
  'io.open_code': ({ file }) => `import io\nreached = io.open_code(${js(file)}).read()`,
  'io.FileIO': ({ file }) => `import io\nreached = io.FileIO(${js(file)}).read()`,
  'posix.open': ({ file }) => `import posix\nreached = posix.read(posix.open(${js(file)}, 0), 999)`,
  'prefix sibling': ({ file }) => `reached = open("/memory/../memory-secret" + ${js(file)}).read()`,
  symlink: ({ file }) => `import os\nos.symlink(${js(file)}, "link.md")\nreached = read_file("link.md")`,
  'read_file absolute': ({ file }) => `reached = read_file(${js(file)})`,
  'read_file traversal': ({ file }) => `reached = read_file("../../../../../../.." + ${js(file)})`,
  'go_to_link absolute': ({ file }) => `reached = go_to_link("[[" + ${js(file)} + "]]")`,
  'get_size of a host path': ({ file }) => `reached = get_size(${js(file)})`,
  'create_dir outside': () => 'assert create_dir("/tmp/mem-agent-escaped") is False\nreached = None',
  'os.chdir then list': () => 'import os\nos.chdir("/")\nreached = os.listdir()',
  'os.environ': () => 'import os\nreached = dict(os.environ)',
  '/proc/self/environ': () => 'reached = open("/proc/self/environ", "rb").read()',
  'pickle that runs a command': () =>
    'import os\nclass Evil:\n    def __reduce__(self):\n        return (os.system, ("true",))\nreached = Evil()',
  'class walk': () =>
    'reached = [c for c in ().__class__.__base__.__subclasses__() if c.__name__ in ("Popen", "_wrap_close")]\nreached = [c("id") for c in reached]',
  'globals of a function': () => 'reached = read_file.__globals__["os"].popen("id").read()',
  'builtins of a frame': () => 'import sys\nreached = sys._getframe(1).f_globals["posix"].system("true")',
  'frames of a traceback': () =>
    'try:\n    1/0\nexcept ZeroDivisionError as e:\n    f = e.__traceback__.tb_frame\n    while f.f_back:\n        f = f.f_back\n    reached = f.f_globals["__builtins__"]["__import__"]("js")',
  'code object': () => 'reached = type((lambda: 0).__code__)',
  'closing the channel': () => 'import posix\nposix.close(0)\nreached = None',
  kill: ({ pid }) => `import posix\nreached = posix.kill(${pid}, 9)`,
  'kill everything': () => 'import posix\nreached = posix.kill(-1, 9)',
  fork: () => 'import posix\nreached = posix.fork()',
  socket: ({ port }) =>
    `import _socket\ns = _socket.socket(2, 1)\ns.connect(("127.0.0.1", ${port}))\nreached = s.recv(99)`,
  urllib: ({ port }) => `import urllib.request\nreached = urllib.request.urlopen("http://127.0.0.1:${port}/").read()`,
  'audit hook rewritten': () =>
    'import sys\nfor m in list(sys.modules.values()):\n    g = getattr(m, "_guard", None)\n    if g: g.__code__ = (lambda *a: None).__code__\nimport ctypes\nreached = ctypes.CDLL(None)',
};
