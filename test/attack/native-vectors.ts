// Python that goes for a canary from the system's own CPython, one way out a vector; `reached` holds what it got.
import type { CanaryName, PlantedCanaries } from '../../src/sandbox/canaries.ts';

export interface NativeVector {
  name: string;
  canary: CanaryName;
  code(canaries: PlantedCanaries): string;
}

const text = (value: string): string => JSON.stringify(value);

/** Each file name of the running processes that can be read, joined. */
const ALL_ENVIRONMENTS = `
import posix
reached = b""
for number in posix.listdir("/proc"):
    if number.isdigit():
        try:
            d = posix.open(f"/proc/{number}/environ", 0)
            reached += posix.read(d, 1 << 16)
            posix.close(d)
        except OSError:
            pass`;

export const NATIVE_VECTORS: readonly NativeVector[] = [
  { name: 'io.FileIO', canary: 'file', code: ({ file }) => `import io\nreached = io.FileIO(${text(file)}).read()` },
  {
    name: 'posix.open',
    canary: 'file',
    code: ({ file }) => `import posix\nreached = posix.read(posix.open(${text(file)}, 0), 999)`,
  },
  {
    name: 'open of another module',
    canary: 'file',
    code: ({ file }) => `import tokenize\nreached = tokenize._builtin_open(${text(file)}).read()`,
  },
  {
    name: 'linecache',
    canary: 'file',
    code: ({ file }) => `import linecache\nreached = linecache.getlines(${text(file)})`,
  },
  {
    name: 'loader of a module',
    canary: 'file',
    code: ({ file }) =>
      `import importlib.machinery as m\nreached = m.SourceFileLoader("x", ${text(file)}).get_data(${text(file)})`,
  },
  {
    name: 'class walk to FileIO',
    canary: 'file',
    code: ({ file }) =>
      `walk = [object]\nfor c in walk:\n    walk += [s for s in type.__subclasses__(c) if s not in walk]\nreached = [c for c in walk if c.__name__ == "FileIO"][0](${text(file)}).read()`,
  },
  {
    name: 'root of another process',
    canary: 'file',
    code: ({ file }) => `import posix\nreached = posix.read(posix.open("/proc/self/root" + ${text(file)}, 0), 999)`,
  },
  {
    name: 'ctypes to open',
    canary: 'file',
    code: ({ file }) =>
      `import ctypes\nc = ctypes.CDLL(None)\nreached = ctypes.create_string_buffer(999)\nc.read(c.open(${text(file)}.encode(), 0), reached, 999)\nreached = reached.value`,
  },
  {
    name: 'C module loaded past the finder',
    canary: 'file',
    code: ({ file }) =>
      `import _imp, importlib.machinery as m, sys\nfor p in sys.path:\n    s = m.FileFinder(p, (m.ExtensionFileLoader, m.EXTENSION_SUFFIXES)).find_spec("_ctypes")\n    if s: break\ns = m.ModuleSpec("json._ctypes", s.loader, origin=s.origin)\ns.loader.name = "json._ctypes"\nc = _imp.create_dynamic(s)\nf = c.dlsym(c.dlopen(None, 2), "open")\nimport posix\nreached = posix.read(c.call_function(f, (${text(file)}.encode(), 0)), 999)`,
  },
  {
    name: 'subprocess to cat',
    canary: 'file',
    code: ({ file }) => `import subprocess\nreached = subprocess.check_output(["/bin/cat", ${text(file)}])`,
  },
  { name: 'os.environ', canary: 'environment', code: () => 'import os\nreached = dict(os.environ)' },
  { name: 'environments in /proc', canary: 'environment', code: () => ALL_ENVIRONMENTS },
  {
    name: 'ctypes to environ',
    canary: 'environment',
    code: () =>
      'import ctypes\np = ctypes.POINTER(ctypes.c_char_p).in_dll(ctypes.CDLL(None), "environ")\nreached, i = [], 0\nwhile p[i]:\n    reached.append(p[i])\n    i += 1',
  },
  {
    name: 'socket',
    canary: 'port',
    code: ({ port }) => `import socket\nreached = socket.create_connection(("127.0.0.1", ${port}), 2).recv(99)`,
  },
  {
    name: '_socket',
    canary: 'port',
    code: ({ port }) =>
      `import _socket\ns = _socket.socket(2, 1)\ns.connect(("127.0.0.1", ${port}))\nreached = s.recv(99)`,
  },
  {
    name: 'urllib',
    canary: 'port',
    code: ({ port }) =>
      `import urllib.request\nreached = urllib.request.urlopen("http://127.0.0.1:${port}/", timeout=2).read()`,
  },
  {
    name: 'a shell with a connection',
    canary: 'port',
    code: ({ port }) => `import os\nreached = os.popen("bash -c 'cat < /dev/tcp/127.0.0.1/${port}'").read()`,
  },
  {
    name: 'os.kill',
    canary: 'process',
    code: ({ pid }) => `import os\nreached = os.kill(${pid}, 9) is None`,
  },
  {
    name: 'posix.kill',
    canary: 'process',
    code: ({ pid }) => `import posix\nreached = posix.kill(${pid}, 9) is None`,
  },
  {
    name: 'signal through a descriptor',
    canary: 'process',
    code: ({ pid }) => `import os, signal\nreached = signal.pidfd_send_signal(os.pidfd_open(${pid}), 9) is None`,
  },
  {
    name: 'ctypes to kill',
    canary: 'process',
    code: ({ pid }) => `import ctypes\nreached = ctypes.CDLL(None).kill(${pid}, 9) == 0`,
  },
  {
    name: 'posix.system',
    canary: 'process',
    code: ({ pid }) => `import posix\nreached = posix.system("kill -9 ${pid}") == 0`,
  },
  {
    name: 'posix_spawn',
    canary: 'process',
    code: ({ pid }) =>
      `import os\nreached = os.waitpid(os.posix_spawn("/bin/sh", ["sh", "-c", "kill -9 ${pid}"], {}), 0)[1] == 0`,
  },
  {
    name: 'fork and exec in C',
    canary: 'process',
    code: ({ pid }) => `import subprocess\nreached = subprocess.Popen(["/bin/sh", "-c", "kill -9 ${pid}"]).wait() == 0`,
  },
];
