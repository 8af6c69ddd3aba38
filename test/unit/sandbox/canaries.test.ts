// Planted canaries: they see who reaches them, and go when they are told to, whoever holds on to them.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { plantCanaries } from '../../../src/sandbox/canaries.ts';

test('an attacker that sends something and waits does not hold the canaries', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'mem-agent-canaries-'));
  try {
    const canaries = await plantCanaries(directory);
    const attacker = connect({ host: '127.0.0.1', port: canaries.port, allowHalfOpen: true });
    attacker.on('error', () => undefined);
    attacker.write('GET / HTTP/1.1\r\n\r\n');
    const [answer] = await new Promise<[Buffer]>((resolve) => {
      attacker.once('data', (data: Buffer) => resolve([data]));
    });
    assert.ok(answer.toString().includes(canaries.token));
    assert.deepEqual(canaries.touched(), { port: true, process: false });
    await canaries[Symbol.asyncDispose]();
    attacker.destroy();
    assert.deepEqual(readdirSync(directory), []);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
