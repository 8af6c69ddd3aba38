// What runs inside the sandbox process: CPython as WebAssembly, with two pipes and nothing else.
// Arguments: interpreter directory, snapshot file or `-`, memory ceiling in bytes, time zone, `run` or `snapshot`.
import fs from 'node:fs';
import { pathToFileURL } from 'node:url';
import { capWebAssemblyMemory, hardenProcess } from './harden-process.ts';

interface Interpreter {
  runPython(code: string): unknown;
  setStdin(options: { read: (buffer: Uint8Array) => number; isatty: boolean }): void;
  setStdout(options: { write: (buffer: Uint8Array) => number; isatty: boolean }): void;
  setStderr(options: { write: (buffer: Uint8Array) => number; isatty: boolean }): void;
  makeMemorySnapshot(): Uint8Array;
}

const MODULES = ['walls', 'memory_files', 'functions', 'runner'];

/** Imported before the snapshot is taken, because models use them and an import costs milliseconds. */
const PREPARED =
  'abc base64 bisect calendar collections contextlib copy csv dataclasses datetime decimal difflib enum errno fnmatch fractions functools glob ' +
  'hashlib heapq html io itertools json linecache math operator os pathlib pprint random re shutil statistics string textwrap time traceback ' +
  'types typing unicodedata urllib.parse uuid';

const [interpreterDirectory, snapshotFile, memoryBytes, timeZone, mode] = process.argv.slice(2);
if (interpreterDirectory === undefined || snapshotFile === undefined)
  throw new Error('guest.ts is started by the launcher only');

hardenProcess();
capWebAssemblyMemory(Number(memoryBytes));
process.env['TZ'] = timeZone ?? 'UTC';

const glue: unknown = await import(pathToFileURL(`${interpreterDirectory}/pyodide.mjs`).href);
const { loadPyodide } = glue as { loadPyodide: (options: object) => Promise<Interpreter> };
const interpreter = await loadPyodide({
  indexURL: `${interpreterDirectory}/`,
  jsglobals: Object.create(null),
  env: {
    HOME: '/memory',
    PWD: '/memory',
    USER: 'agent',
    LOGNAME: 'agent',
    PATH: '/',
    LANG: 'C.UTF-8',
    TZ: timeZone ?? 'UTC',
  },
  ...(mode === 'snapshot' ? { _makeSnapshot: true } : {}),
  ...(snapshotFile === '-' ? {} : { _loadSnapshot: fs.readFileSync(snapshotFile) }),
});

if (snapshotFile === '-') loadGuestModules(interpreter);
if (mode === 'snapshot') {
  writeAll(interpreter.makeMemorySnapshot());
} else {
  interpreter.setStdin({ read: (buffer) => fs.readSync(0, buffer), isatty: false });
  interpreter.setStdout({ write: (buffer) => fs.writeSync(1, buffer), isatty: false });
  // What the C side prints is nobody's output.
  interpreter.setStderr({ write: (buffer) => buffer.length, isatty: false });
  interpreter.runPython('from mem_agent_guest.runner import serve\nserve()');
}
process.exit(0);

function loadGuestModules(target: Interpreter): void {
  target.runPython(
    `import ${PREPARED.split(' ').join(', ')}\nimport sys as _sys, types as _types\n_sys.modules["mem_agent_guest"] = _types.ModuleType("mem_agent_guest")`,
  );
  for (const name of MODULES) {
    const source = fs.readFileSync(new URL(`python/${name}.py`, import.meta.url), 'utf8');
    const full = `mem_agent_guest.${name}`;
    target.runPython(
      `_m = _types.ModuleType("${full}")\n_sys.modules["${full}"] = _m\nexec(compile(${JSON.stringify(source)}, "<${full}>", "exec"), _m.__dict__)`,
    );
  }
}

function writeAll(bytes: Uint8Array): void {
  for (let offset = 0; offset < bytes.length;) offset += fs.writeSync(1, bytes, offset);
}
