// A sandbox process that the system refuses to start: an error of ours with the fix, and nothing that ends the daemon afterwards.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

test('without a free file descriptor the error says so, and the process lives on', () => {
  const launcher = new URL('../../../src/sandbox/launcher.ts', import.meta.url).href;
  const script = `
    import { closeSync, openSync } from 'node:fs';
    import { spawnGuest } from '${launcher}';
    const taken = [];
    try { for (;;) taken.push(openSync('/dev/null')); } catch {}
    let said = '';
    try { spawnGuest(['/bin/true']); } catch (error) { said = error.code + ': ' + error.userMessage; }
    taken.forEach((descriptor) => closeSync(descriptor));
    setImmediate(() => console.log(said));`;
  const limited = ['-c', 'ulimit -n 64; exec "$@"', 'sh', process.execPath, '--input-type=module', '-e', script];
  const run = spawnSync('/bin/sh', limited, { encoding: 'utf8' });
  assert.equal(run.status, 0, run.stderr);
  assert.match(run.stdout, /^SANDBOX_FAILED: No process can be started: .*open files.*LimitNOFILE/);
});
