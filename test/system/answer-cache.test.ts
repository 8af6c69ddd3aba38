// agent.cache_ms: the same question over unchanged notes costs the model nothing; a change of a note ends that.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { callTool } from '../helpers/call-tool.ts';
import { startEngine } from '../helpers/engine/start-engine.ts';
import { tempDirectory } from '../helpers/run-main.ts';
import { startDaemon } from '../helpers/start-daemon.ts';

test('asked twice, the model is asked once; after a write it is asked again; each call has its audit', async () => {
  using home = tempDirectory();
  const memoryDir = join(home.path, 'memory');
  mkdirSync(memoryDir);
  writeFileSync(join(memoryDir, 'user.md'), '# User\n- name: Ada\n');
  const replies = [
    '<think>x</think>\n<python>note = read_file("user.md")</python>',
    '<think>x</think>\n<python></python>\n<reply>Ada</reply>',
  ];
  await using engine = await startEngine({ script: { rules: [{ pattern: '.', replies }] } });
  await using daemon = await startDaemon({
    memoryDir,
    flags: ['--model.base-url', engine.baseUrl, '--agent.cache-ms', '60000'],
  });
  const target = { url: daemon.url, key: daemon.keys.client };
  const ask = async (): Promise<string> => (await callTool(target, 'use_memory_agent', { question: 'my name?' })).text;
  assert.equal(await ask(), 'Ada');
  assert.equal((await engine.requests()).length, 2);
  assert.equal(await ask(), 'Ada');
  assert.equal((await engine.requests()).length, 2, 'the second answer cost nothing');
  const tail = await daemon.cli('audit', 'tail', '--json');
  const reads = (JSON.parse(tail.stdout) as { operation?: string }[]).filter(
    ({ operation }) => operation === 'note.read',
  );
  assert.equal(reads.length, 2, 'what the shared answer was read from is recorded for each caller');
  const written = await callTool(target, 'update_file', { path: 'user.md', old_content: 'Ada', new_content: 'Eve' });
  assert.ok(written.ok, written.text);
  await ask();
  assert.equal((await engine.requests()).length, 4);
});
