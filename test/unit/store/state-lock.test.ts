// The lock of a state directory: one holder, told who it is, and gone when that process dies by SIGKILL.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { lockState } from '../../../src/store/state-lock.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'mema-lock-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const moduleUrl = new URL('../../../src/store/state-lock.ts', import.meta.url).href;

/** Another process that takes the lock, says what came of it, and waits. */
async function lockElsewhere() {
  const script = `
    const { lockState } = await import(${JSON.stringify(moduleUrl)});
    try { globalThis.lock = lockState(${JSON.stringify(directory)}); console.log('locked'); setInterval(() => {}, 1e6); }
    catch (error) { console.log(error.code); }`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [chunk] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, answer: chunk.toString().trim() };
}

async function killHard(child: ReturnType<typeof spawn>) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  child.kill('SIGKILL');
  await closed;
}

describe('state lock', () => {
  test('another process has it: refused with its pid and the fix; free once it is killed', async () => {
    const { child, answer } = await lockElsewhere();
    try {
      assert.equal(answer, 'locked');
      assert.throws(() => lockState(directory), {
        code: 'STATE_LOCKED',
        message: new RegExp(`process ${child.pid}\\)`),
        hint: /state\.dir/,
      });
    } finally {
      await killHard(child);
    }
    lockState(directory).release();
  });

  test('a refused second try in this process does not loosen the lock for others', async () => {
    using _lock = lockState(directory);
    assert.throws(() => lockState(directory), { code: 'STATE_LOCKED' });
    const { child, answer } = await lockElsewhere();
    await killHard(child);
    assert.equal(answer, 'STATE_LOCKED');
  });

  test('released and taken again; the file is private', () => {
    lockState(directory).release();
    using lock = lockState(directory);
    assert.equal(statSync(join(directory, 'lock.db')).mode & 0o777, 0o600);
    lock.release();
  });

  test('a state directory that is a file is an error that names the fix', () => {
    const path = join(directory, 'file');
    writeFileSync(path, '');
    assert.throws(() => lockState(path), { code: 'STORE_FAILED', hint: /state\.dir/ });
  });
});
