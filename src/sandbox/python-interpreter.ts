// The system's own CPython: which one, which version, and the few paths it needs to see to run.
// Guarantee: asked of the interpreter itself; a Python that is too old or lacks parts is a problem that is said, never a try.
import { execFile } from 'node:child_process';
import { findTool } from './kernel-wall.ts';

export interface PythonInterpreter {
  executable: string;
  version: string;
  /** Its own files: the executable, the standard library, its shared library. */
  readPaths: readonly string[];
}

const OLDEST: readonly [number, number] = [3, 11];
const ASK_TIMEOUT_MS = 10_000;
/** What blocks use of the standard library and Debian's python3-minimal lacks, and what the walls need. */
const NEEDED = ['calendar', 'csv', 'decimal', 'html', 'statistics', 'uuid', 'resource', '_ctypes', 'select'];

const QUESTION = `
import json, os, sys, sysconfig
paths = {os.path.realpath(sys.executable), *map(sysconfig.get_path, ("stdlib", "platstdlib"))}
library = os.path.join(sysconfig.get_config_var("LIBDIR") or "/", sysconfig.get_config_var("INSTSONAME") or "/")
if os.path.isfile(library) and library.find(".so") > 0:
    paths |= {library, os.path.realpath(library)}
missing = []
for name in ${JSON.stringify(NEEDED)}:
    try:
        __import__(name)
    except ImportError:
        missing.append(name)
print(json.dumps([list(sys.version_info[:3]), os.path.realpath(sys.executable), sorted(filter(os.path.exists, paths)), missing]))
`;

/** `configured`: a path, or empty for the one on the system. */
export async function findPython(configured: string): Promise<PythonInterpreter | { problem: string }> {
  const executable = configured === '' ? findTool('python3', process.env['PATH']) : configured;
  if (executable === null) return { problem: 'python3 was not found' };
  let answer: unknown;
  try {
    answer = JSON.parse(await ask(executable));
  } catch (error) {
    const reason = error instanceof Error ? error.message.trim().split('\n').at(-1) : String(error);
    return { problem: `${executable} does not answer: ${reason?.slice(0, 200)}` };
  }
  const [version, path, readPaths, missing] = answer as [[number, number, number], string, string[], string[]];
  const [major, minor] = version;
  if (major !== OLDEST[0] || minor < OLDEST[1])
    return { problem: `${executable} is Python ${version.join('.')}, ${OLDEST.join('.')} or newer is needed` };
  if (missing.length > 0)
    return { problem: `${executable} lacks ${missing.join(', ')} (on Debian and Ubuntu: apt install python3)` };
  return { executable: path, version: version.join('.'), readPaths };
}

function ask(executable: string): Promise<string> {
  const options = { cwd: '/', env: { PATH: process.env['PATH'] ?? '' }, timeout: ASK_TIMEOUT_MS };
  return new Promise((resolve, reject) => {
    execFile(executable, ['-I', '-S', '-B', '-c', QUESTION], options, (error, stdout) => {
      if (error === null) resolve(stdout);
      else reject(error);
    });
  });
}
