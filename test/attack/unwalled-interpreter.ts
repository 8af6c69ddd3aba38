// The control of the escape tests: the same interpreter with no wall of ours around it. Runs one block, prints `reached`.
// Arguments: directory of the interpreter, the Python code.
import fs from 'node:fs';
import { pathToFileURL } from 'node:url';

const [directory, code] = process.argv.slice(2);
const { constants } = fs;
Object.defineProperty(process, 'binding', { value: () => ({ fs: constants, os: {} }) });
const glue: unknown = await import(pathToFileURL(`${directory}/pyodide.mjs`).href);
const { loadPyodide } = glue as {
  loadPyodide: (options: object) => Promise<{ runPython: (code: string) => unknown }>;
};
const interpreter = await loadPyodide({ indexURL: `${directory}/` });
fs.writeSync(1, `${String(interpreter.runPython(`${code ?? ''}\nstr(reached)`))}\n`);
process.exit(0);
