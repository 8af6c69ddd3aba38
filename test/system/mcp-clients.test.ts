// The clients of the wild (v1 SDK, v2 SDK in both eras) list and use everything, over HTTP, with real keys in the header.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Client as ModernClient, StreamableHTTPClientTransport as ModernTransport } from '@modelcontextprotocol/client';
import { Client as V1Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as V1Transport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { SCOPES } from '../../src/auth/principal.ts';
import { startHarness, type Harness } from '../helpers/http-harness.ts';

const TOOL_NAMES = [
  'use_memory_agent',
  'search',
  'fetch',
  'list_files',
  'memory_status',
  'create_file',
  'update_file',
  'delete_file',
];

/** The part of the three clients that the test uses. */
interface AnyClient {
  listTools(): Promise<{ tools: { name: string; outputSchema?: unknown; annotations?: unknown }[] }>;
  callTool(params: { name: string; arguments: Record<string, unknown> }): Promise<Record<string, unknown>>;
  listPrompts(): Promise<{ prompts: { name: string }[] }>;
  getPrompt(params: { name: string; arguments: Record<string, string> }): Promise<{ messages: { content: unknown }[] }>;
  listResources(): Promise<{ resources: { uri: string }[] }>;
  readResource(params: { uri: string }): Promise<{ contents: Record<string, unknown>[] }>;
  getInstructions(): string | undefined;
  close(): Promise<void>;
}

type Connect = (harness: Harness, key: string) => Promise<AnyClient>;

const withKey = (key: string): { requestInit: RequestInit } => ({
  requestInit: { headers: { authorization: `Bearer ${key}` } },
});

const CLIENTS: Record<string, Connect> = {
  'v1 client': async (harness, key) => {
    const client = new V1Client({ name: 'test', version: '1' });
    const transport: unknown = new V1Transport(new URL(harness.url), withKey(key));
    await client.connect(transport as Parameters<typeof client.connect>[0]);
    return client;
  },
  'v2 client, 2025': async (harness, key) => {
    const client = new ModernClient({ name: 'test', version: '1' });
    await client.connect(new ModernTransport(new URL(harness.url), withKey(key)));
    return client;
  },
  'v2 client, 2026-07-28': async (harness, key) => {
    const client = new ModernClient(
      { name: 'test', version: '1' },
      { versionNegotiation: { mode: { pin: '2026-07-28' } } },
    );
    await client.connect(new ModernTransport(new URL(harness.url), withKey(key)));
    return client;
  },
};

for (const [name, connect] of Object.entries(CLIENTS)) {
  for (const sessions of [false, true]) {
    describe(`${name}, legacy sessions ${sessions ? 'on' : 'off'}`, () => {
      test('lists and calls every tool, the prompt and the resources', async () => {
        await using harness = await startHarness({ apps: sessions ? { legacySessions: {} } : {} });
        const client = await connect(harness, harness.keyOf(...SCOPES));
        try {
          const { tools } = await client.listTools();
          assert.deepEqual(
            tools.map((tool) => tool.name),
            TOOL_NAMES,
          );
          for (const tool of tools)
            assert.ok(tool.outputSchema !== undefined && tool.annotations !== undefined, tool.name);
          assert.match(client.getInstructions() ?? '', /use_memory_agent/);

          const call = async (tool: string, args: Record<string, unknown>): Promise<Record<string, unknown>> => {
            const result = await client.callTool({ name: tool, arguments: args });
            assert.notEqual(result['isError'], true, JSON.stringify(result));
            return result['structuredContent'] as Record<string, unknown>;
          };
          assert.equal(
            (await call('use_memory_agent', { question: 'Where is Anna?' }))['reply'],
            'You asked: Where is Anna?',
          );
          const search = await client.callTool({ name: 'search', arguments: { query: 'Lisbon' } });
          assert.deepEqual(search['structuredContent'], {
            results: [{ id: 'entities/anna.md', title: 'Anna', url: 'memory:///entities/anna.md' }],
          });
          assert.deepEqual(search['content'], [{ type: 'text', text: JSON.stringify(search['structuredContent']) }]);
          const fetched = await call('fetch', { id: 'entities/anna.md' });
          assert.equal(fetched['title'], 'Anna');
          assert.match(String(fetched['text']), /Lisbon/);
          assert.match(String((await call('list_files', {}))['tree']), /user\.md/);
          assert.equal((await call('memory_status', {}))['notes'], 2);
          const created = await call('create_file', { path: 'entities/bo.md', content: '# Bo\n' });
          assert.equal(created['created'], true);
          const updated = await call('update_file', {
            path: 'entities/bo.md',
            old_content: 'Bo',
            new_content: 'Bodil',
            expected_version: created['version'],
          });
          assert.notEqual(updated['version'], created['version']);
          const stale = await client.callTool({
            name: 'delete_file',
            arguments: { path: 'entities/bo.md', expected_version: created['version'] },
          });
          assert.equal(stale['isError'], true);
          assert.match(JSON.stringify(stale['content']), /VERSION_CONFLICT/);
          assert.equal((await call('delete_file', { path: 'entities/bo.md' }))['deleted'], true);

          assert.deepEqual(
            (await client.listPrompts()).prompts.map((prompt) => prompt.name),
            ['recall'],
          );
          assert.match(
            JSON.stringify((await client.getPrompt({ name: 'recall', arguments: { topic: 'Anna' } })).messages),
            /Anna/,
          );
          const { resources } = await client.listResources();
          assert.deepEqual(
            resources.map((resource) => resource.uri),
            ['memory:///entities/anna.md', 'memory:///user.md'],
          );
          assert.match(String((await client.readResource({ uri: 'memory:///user.md' })).contents[0]?.['text']), /Kim/);
          await assert.rejects(client.readResource({ uri: 'memory:///nobody.md' }), /not found/i);
          for (const entry of harness.audit)
            assert.ok(entry.outcome !== undefined, `no outcome for ${entry.intent.action}`);
        } finally {
          await client.close();
        }
      });

      test('no key is 401, a key of too few scopes is 403', async () => {
        await using harness = await startHarness({ apps: sessions ? { legacySessions: {} } : {} });
        await assert.rejects(connect(harness, 'mema_client_wrong'), /401|Unauthorized|valid API key/i);
        const client = await connect(harness, harness.keyOf('memory:read'));
        try {
          await client.callTool({ name: 'search', arguments: { query: 'Lisbon' } });
          const before = harness.audit.length;
          await assert.rejects(
            client.callTool({ name: 'create_file', arguments: { path: 'x.md', content: 'x' } }),
            /403|memory:write|Forbidden/,
          );
          await assert.rejects(
            client.callTool({ name: 'use_memory_agent', arguments: { question: 'x' } }),
            /403|agent|Forbidden/,
          );
          assert.equal(harness.audit.length, before);
        } finally {
          await client.close();
        }
      });
    });
  }
}
