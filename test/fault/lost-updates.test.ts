// 64 MCP clients change ONE note at once, through the tools and through the agent: every acknowledged change must be in it.
// MEMA_FULL=1 runs the whole load (95 + 5 changes a client, 6,400 in all); without it fewer changes a client, as many clients.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { callTool } from '../helpers/call-tool.ts';
import { startEngine } from '../helpers/engine/start-engine.ts';
import { checkLedger, EMPTY_LEDGER, END_MARKER, factLine, factUpdate, NO_FAULTS } from '../helpers/fact-ledger.ts';
import { startDaemon, type DaemonProcess } from '../helpers/start-daemon.ts';

const CLIENTS = 64;
const IS_FULL = process.env['MEMA_FULL'] === '1';
const BY_TOOLS = IS_FULL ? 90 : 40;
const BY_VERSION = IS_FULL ? 5 : 2;
const BY_AGENT = IS_FULL ? 5 : 1;
/** So few at once, because of those who read the same version only one wins. */
const VERSIONED_AT_ONCE = 4;
const PLANTED_ROUNDS = 50;
const NOTE = 'facts.md';
/** Short lines: every change writes the whole note. */
const PADDING = 8;

const SCRIPT = {
  rules: [
    {
      pattern: String.raw`STORE (- \S+ \S+ \S+)`,
      replies: [
        `<think>Store it.</think>\n<python>\nstored = update_file("${NOTE}", "${END_MARKER}", "$1\\n${END_MARKER}")\nassert stored is True, stored\n</python>`,
        '<reply>stored</reply>',
      ],
    },
  ],
};

test('no update of one note is lost among 64 clients', { timeout: 900_000 }, async (context) => {
  await using engine = await startEngine({ script: SCRIPT });
  await using daemon = await startDaemon({
    flags: ['--model.base-url', engine.baseUrl, '--memory.max-file-bytes', '4194304'],
  });
  const target = { url: daemon.url, key: daemon.keys.client };
  assert.ok((await callTool(target, 'create_file', { path: NOTE, content: EMPTY_LEDGER })).ok);

  const startedMs = performance.now();
  const acknowledged = new Set<string>();
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => connect(daemon)));
  try {
    const byTools = clients.map(async (client, number) => {
      for (let index = 0; index < BY_TOOLS; index++) {
        const name = `tool-${number}-${index}`;
        await call(client, 'update_file', factUpdate(NOTE, name, PADDING));
        acknowledged.add(name);
      }
    });
    const byAgent = clients.map(async (client, number) => {
      for (let index = 0; index < BY_AGENT; index++) {
        const name = `agent-${number}-${index}`;
        await call(client, 'use_memory_agent', { question: `STORE ${factLine(name, PADDING)}` });
        acknowledged.add(name);
      }
    });
    await Promise.all([...byTools, ...byAgent]);
    const { conflicts } = await updateByVersion(clients, acknowledged);
    context.diagnostic(
      `${acknowledged.size} updates in ${Math.round(performance.now() - startedMs)} ms, ${conflicts} version conflicts`,
    );
    assert.ok(conflicts > 0, 'nobody collided: the test proves nothing');
  } finally {
    await Promise.all(clients.map((client) => client.close()));
  }
  assert.equal(acknowledged.size, CLIENTS * (BY_TOOLS + BY_VERSION + BY_AGENT));
  const text = readFileSync(join(daemon.memoryDir, NOTE), 'utf8');
  assert.deepEqual(checkLedger(text, acknowledged, acknowledged), NO_FAULTS);
  const verified = await daemon.cli('audit', 'verify', '--json');
  assert.equal(verified.code, 0, verified.stdout + verified.stderr);
});

test('planted: without the write lock updates are lost, and the ledger shows it', { timeout: 120_000 }, async () => {
  await using daemon = await startDaemon({ flags: ['--sandbox.standby', '0'], plantedBug: 'no write lock' });
  const target = { url: daemon.url, key: daemon.keys.client };
  assert.ok((await callTool(target, 'create_file', { path: NOTE, content: EMPTY_LEDGER })).ok);
  const acknowledged = new Set<string>();
  const lost = (): readonly string[] =>
    checkLedger(readFileSync(join(daemon.memoryDir, NOTE), 'utf8'), acknowledged, acknowledged).lost;
  for (let round = 0; round < PLANTED_ROUNDS && lost().length === 0; round++) {
    const updates = Array.from({ length: CLIENTS }, async (_, number) => {
      const name = `planted-${round}-${number}`;
      // Most are refused by the look at the version just before the rename; what counts is what was acknowledged.
      if ((await callTool(target, 'update_file', factUpdate(NOTE, name, PADDING))).ok) acknowledged.add(name);
    });
    await Promise.all(updates);
  }
  assert.ok(lost().length > 0, `nothing was lost of ${acknowledged.size} acknowledged updates`);
});

/** Read, change, write with the version that was read; again whenever somebody was faster. */
async function updateByVersion(clients: readonly Client[], acknowledged: Set<string>): Promise<{ conflicts: number }> {
  let conflicts = 0;
  // One iterator for all workers: each takes the next client that nobody has taken.
  const left = clients.entries();
  const worker = async (): Promise<void> => {
    for (const [number, client] of left) {
      for (let index = 0; index < BY_VERSION; index++) {
        const name = `version-${number}-${index}`;
        while (!(await replaceSeenVersion(client, name))) conflicts++;
        acknowledged.add(name);
      }
    }
  };
  await Promise.all(Array.from({ length: VERSIONED_AT_ONCE }, worker));
  return { conflicts };
}

/** False if somebody changed the note in between. */
async function replaceSeenVersion(client: Client, name: string): Promise<boolean> {
  const fetched = await client.callTool({ name: 'fetch', arguments: { id: NOTE } });
  const { metadata } = fetched.structuredContent as { metadata: { version: string } };
  const update = { ...factUpdate(NOTE, name, PADDING), expected_version: metadata.version };
  const result = await client.callTool({ name: 'update_file', arguments: update });
  if (result.isError === true) assert.match(JSON.stringify(result.content), /VERSION_CONFLICT/);
  return result.isError !== true;
}

async function connect(daemon: DaemonProcess): Promise<Client> {
  const client = new Client({ name: 'fault test', version: '1' });
  const transport: unknown = new StreamableHTTPClientTransport(new URL(daemon.url), {
    requestInit: { headers: { authorization: `Bearer ${daemon.keys.client}` } },
  });
  await client.connect(transport as Parameters<typeof client.connect>[0]);
  return client;
}

async function call(client: Client, name: string, args: Record<string, unknown>): Promise<void> {
  const result = await client.callTool({ name, arguments: args }, undefined, { timeout: 600_000 });
  assert.notEqual(result.isError, true, `${name}: ${JSON.stringify(result.content)}`);
}
