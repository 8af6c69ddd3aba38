// The whole path with a model server: a daemon, a real engine process behind it, and what clients see when it dies.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { block, reply } from '../helpers/agent-run.ts';
import { callTool } from '../helpers/call-tool.ts';
import { startEngine } from '../helpers/engine/start-engine.ts';
import { startDaemon } from '../helpers/start-daemon.ts';

test('the model answers over MCP; when it dies builtin answers and says so; metrics count both', async () => {
  const replies = [block('user = read_file("user.md")'), reply('Nothing is known yet.')];
  await using engine = await startEngine({ script: { rules: [{ pattern: '.', replies }] } });
  await using daemon = await startDaemon({ flags: ['--model.base_url', engine.baseUrl] });
  const target = { url: daemon.url, key: daemon.keys.client };
  const ask = { question: 'Where do I live?' };

  const answered = await callTool(target, 'use_memory_agent', ask);
  assert.deepEqual(answered.structured, {
    reply: 'Nothing is known yet.',
    backend: 'openai',
    model: 'mem-agent',
    degraded: false,
    turns: 2,
  });
  const [, second] = await engine.requests();
  assert.match(
    second?.body.messages.at(-1)?.content ?? '',
    /^<result>\n{'user': '# User Information\\n.*}\n<\/result>$/s,
  );

  await engine.stop();
  const fallen = await callTool(target, 'use_memory_agent', ask);
  assert.equal(fallen.ok, true, fallen.text);
  assert.deepEqual([fallen.structured['backend'], fallen.structured['degraded']], ['builtin', true]);

  const metrics = await (await fetch(new URL('/metrics', daemon.opsUrl))).text();
  assert.match(metrics, /^memagent_model_requests_total\{backend="openai",outcome="ok"\} 2$/m);
  assert.match(metrics, /^memagent_model_requests_total\{backend="builtin",outcome="ok"\} [1-9]/m);
  assert.match(metrics, /^memagent_agent_turns_count 2$/m);
});
