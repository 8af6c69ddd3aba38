// Signals: the first SIGTERM finishes what is in flight, a second one two seconds later forces, SIGHUP reads the
// configuration again and keeps the old one if the new one is wrong.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { callTool, postJson, type ToolTarget } from '../helpers/call-tool.ts';
import { startEngine, type Engine } from '../helpers/engine/start-engine.ts';
import type { EngineReply } from '../helpers/engine/script.ts';
import type { PlantedBug } from '../helpers/planted-bugs/planted-bugs.ts';
import { tempDirectory } from '../helpers/run-main.ts';
import { startDaemon, type DaemonProcess } from '../helpers/start-daemon.ts';

const SLOW: EngineReply = { text: '<reply>Selma is a boat.</reply>', chunkCharacters: 4, chunkDelayMs: 150 };

test('SIGTERM: calls in flight finish, new ones are refused, exit code 0', { timeout: 60_000 }, async () => {
  await using engine = await startEngine({ script: { rules: [{ pattern: '.', replies: [SLOW] }] } });
  await using daemon = await startWith(engine);
  const target = { url: daemon.url, key: daemon.keys.client };
  const asked = Array.from({ length: 3 }, (_, index) =>
    callTool(target, 'use_memory_agent', { question: `What is Selma? (${index})` }),
  );
  await untilAsked(engine, 3);
  daemon.kill('SIGTERM');
  await until(() => daemon.stderr().includes('"state":"draining"'), 'the daemon did not drain');
  assert.match(await outcomeOfNewCall(target), /refused|DRAINING/);
  for (const answer of await Promise.all(asked)) {
    assert.ok(answer.ok, answer.text);
    assert.match(answer.text, /Selma is a boat/);
  }
  assert.deepEqual(await daemon.exited, { code: 0, signal: null }, daemon.stderr());
  assert.match(daemon.stderr(), /"state":"stopped"/);
});

test('SIGTERM: who had connected and not yet asked is answered, also by the agent', { timeout: 60_000 }, async () => {
  await using daemon = await startDaemon({ flags: ['--sandbox.standby', '0'] });
  const url = new URL(daemon.url);
  const socket = connect(Number(url.port), url.hostname);
  await once(socket, 'connect');
  // Accepted, not only in the queue of the kernel.
  await sleep(100);
  daemon.kill('SIGTERM');
  await until(() => daemon.stderr().includes('"state":"draining"'), 'the daemon did not drain');
  await sleep(200);
  const body = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: 'use_memory_agent', arguments: { question: 'Remember that my boat is called Selma.' } },
  });
  socket.write(
    [
      'POST /mcp HTTP/1.1',
      `Host: ${url.host}`,
      `Authorization: Bearer ${daemon.keys.client}`,
      'Content-Type: application/json',
      'Accept: application/json, text/event-stream',
      `Content-Length: ${Buffer.byteLength(body)}`,
      '',
      body,
    ].join('\r\n'),
  );
  const answer = await text(socket);
  assert.match(answer, /^HTTP\/1\.1 200 OK/);
  assert.match(answer, /Selma/);
  assert.deepEqual(await daemon.exited, { code: 0, signal: null }, daemon.stderr());
});

test('planted: a drain that waits for nobody cuts calls off', { timeout: 60_000 }, async () => {
  await using engine = await startEngine({ script: { rules: [{ pattern: '.', replies: [SLOW] }] } });
  await using daemon = await startWith(engine, 'a drain waits for nobody');
  const target = { url: daemon.url, key: daemon.keys.client };
  const asked = callTool(target, 'use_memory_agent', { question: 'What is Selma?' }).then(
    ({ ok }) => ok,
    () => false,
  );
  await untilAsked(engine, 1);
  daemon.kill('SIGTERM');
  assert.equal(await asked, false);
});

test('planted: a second signal that forces at once ends a drain', { timeout: 60_000 }, async () => {
  const hangs: EngineReply = { text: 'never', fault: 'hang' };
  await using engine = await startEngine({ script: { rules: [{ pattern: '.', replies: [hangs] }] } });
  await using daemon = await startWith(engine, 'a second signal forces at once');
  const asked = callTool({ url: daemon.url, key: daemon.keys.client }, 'use_memory_agent', { question: 'What?' });
  const cutOff = assert.rejects(asked);
  await untilAsked(engine, 1);
  daemon.kill('SIGTERM');
  await sleep(300);
  daemon.kill('SIGTERM');
  assert.deepEqual(await daemon.exited, { code: 1, signal: null }, daemon.stderr());
  await cutOff;
});

test('planted: a reload whose failure is not caught ends the daemon', { timeout: 60_000 }, async () => {
  using home = tempDirectory();
  const file = join(home.path, 'config.toml');
  writeFileSync(file, '[log]\nlevel = "info"\n');
  await using daemon = await startDaemon({
    flags: ['--config', file, '--sandbox.standby', '0'],
    plantedBug: 'a reload that fails is not caught',
  });
  writeFileSync(file, '[log]\nlevel = "loud"\n');
  daemon.kill('SIGHUP');
  const { code } = await daemon.exited;
  assert.notEqual(code, 0);
});

test('a second SIGTERM at once is the same wish, one after two seconds forces', { timeout: 60_000 }, async () => {
  const hangs: EngineReply = { text: 'never', fault: 'hang' };
  await using engine = await startEngine({ script: { rules: [{ pattern: '.', replies: [hangs] }] } });
  await using daemon = await startWith(engine);
  const target = { url: daemon.url, key: daemon.keys.client };
  const asked = callTool(target, 'use_memory_agent', { question: 'What is Selma?' }).then(
    () => 'answered',
    () => 'cut off',
  );
  await untilAsked(engine, 1);
  daemon.kill('SIGTERM');
  await sleep(300);
  daemon.kill('SIGTERM');
  assert.equal(await Promise.race([daemon.exited, sleep(1000, 'still draining')]), 'still draining');
  await sleep(1000);
  daemon.kill('SIGTERM');
  assert.deepEqual(await daemon.exited, { code: 1, signal: null }, daemon.stderr());
  assert.equal(await asked, 'cut off');
  // The kernel gave the lock back, and nothing of what was recorded is damaged.
  const verified = await daemon.cli('audit', 'verify', '--json');
  assert.equal(verified.code, 0, verified.stdout + verified.stderr);
});

test('SIGHUP changes the log level; a wrong file changes nothing and is told', { timeout: 60_000 }, async () => {
  using home = tempDirectory();
  const file = join(home.path, 'config.toml');
  writeFileSync(file, '[log]\nlevel = "info"\n');
  await using daemon = await startDaemon({ flags: ['--config', file, '--sandbox.standby', '0'] });
  const reload = async (text: string, expected: RegExp): Promise<void> => {
    writeFileSync(file, text);
    const seen = daemon.stderr().length;
    daemon.kill('SIGHUP');
    await until(
      () => expected.test(daemon.stderr().slice(seen)),
      `no ${expected} after: ${readFileSync(file, 'utf8')}`,
    );
  };
  await reload('[log]\nlevel = "debug"\n', /"to":"debug"/);
  await reload('[log]\nlevel = "loud"\n', /log\.level.*the old one stays/);
  await reload('[log]\nlevle = "info"\n', /levle.*the old one stays/);
  await reload('[log]\nlevel = "info"\n', /"to":"info"/);
  assert.doesNotMatch(daemon.stderr(), /^ {4}at /m);
  assert.ok((await callTool({ url: daemon.url, key: daemon.keys.client }, 'memory_status', {})).ok);
  assert.deepEqual(await daemon.stop(), { code: 0, signal: null });
});

function startWith(engine: Engine, plantedBug?: PlantedBug): Promise<DaemonProcess> {
  const flags = ['--model.base-url', engine.baseUrl, '--sandbox.standby', '0'];
  return startDaemon({ flags, ...(plantedBug !== undefined && { plantedBug }) });
}

async function untilAsked(engine: Engine, count: number): Promise<void> {
  await until(async () => (await engine.requests()).length >= count, `the model was not asked ${count} times`);
}

async function until(condition: () => boolean | Promise<boolean>, message: string): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!(await condition())) {
    assert.ok(performance.now() < deadline, message);
    await sleep(20);
  }
}

/** A daemon that drains no longer listens; a connection that is still open is answered with a code. */
async function outcomeOfNewCall(target: ToolTarget): Promise<string> {
  const body = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"memory_status","arguments":{}}}';
  try {
    return await (await postJson(target, body)).text();
  } catch (error) {
    assert.ok(error instanceof TypeError);
    return 'refused';
  }
}
