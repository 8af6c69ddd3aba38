// A core that is about to be killed: one run of the system's CPython in an endless loop. Prints `running` once it is.
// Argument: the options of the sandbox, as JSON.
import { createSandbox, type SandboxOptions } from '../../src/sandbox/create-sandbox.ts';

const options = JSON.parse(process.argv[2] ?? '{}') as SandboxOptions;
const { signal } = new AbortController();
const sandbox = createSandbox(options);
const run = await sandbox.openRun({
  onCall: () => {
    process.stdout.write('running\n');
    return Promise.resolve(null);
  },
  signal,
});
await run.execute('list_files()\nwhile True:\n    try:\n        while True: pass\n    except BaseException: pass', {
  timeoutMs: 60_000,
  signal,
});
