// Traces as a collector gets them: a daemon with `telemetry.otlp_endpoint`, a program that speaks OTLP over HTTP, one question.
// And without one that listens: the answer comes all the same, and the log says once that traces are not taken.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { callTool } from '../helpers/call-tool.ts';
import { startDaemon } from '../helpers/start-daemon.ts';
import { until } from '../helpers/until.ts';

const QUESTION = 'Remember that my parrot is called Kiwi.';
const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
const CLIENT_SPAN = 'b7ad6b7169203331';

interface OtlpSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  attributes: { key: string; value: Record<string, unknown> }[];
}

interface OtlpBody {
  resourceSpans: { scopeSpans: { spans: OtlpSpan[] }[] }[];
}

async function startCollector(): Promise<
  AsyncDisposable & { url: string; spans: OtlpSpan[]; bodies: string[]; authorizations: (string | undefined)[] }
> {
  const spans: OtlpSpan[] = [];
  const bodies: string[] = [];
  const authorizations: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    void request
      .setEncoding('utf8')
      .toArray()
      .then((pieces) => {
        const body = pieces.join('');
        bodies.push(body);
        authorizations.push(request.headers.authorization);
        const { resourceSpans } = JSON.parse(body) as OtlpBody;
        spans.push(...resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)));
        response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/v1/traces`,
    spans,
    bodies,
    authorizations,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

test('request, turn, model and sandbox are one trace below the client’s, and say nothing of what was asked', async () => {
  await using collector = await startCollector();
  await using daemon = await startDaemon({
    flags: ['--telemetry.otlp_endpoint', collector.url],
    env: { MEM_AGENT_TELEMETRY_OTLP_TOKEN: 'collector-secret' },
  });
  const response = await fetch(daemon.url, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${daemon.keys.client}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      traceparent: `00-${TRACE_ID}-${CLIENT_SPAN}-01`,
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name: 'use_memory_agent', arguments: { question: QUESTION } },
    }),
  });
  assert.match(await response.text(), /Kiwi/);
  // What was not sent yet is sent at the end.
  await daemon.stop();

  const byId = new Map(collector.spans.map((span) => [span.spanId, span]));
  const [request] = collector.spans.filter(({ name }) => name === 'tools/call use_memory_agent');
  assert.deepEqual([request?.traceId, request?.parentSpanId], [TRACE_ID, CLIENT_SPAN]);
  const parentOf = (span: OtlpSpan): string | undefined => byId.get(span.parentSpanId ?? '')?.name;
  const named = (name: string): OtlpSpan[] => collector.spans.filter((span) => span.name === name);
  assert.ok(named('agent.turn').length >= 2 && named('sandbox.block').length >= 1);
  assert.deepEqual(new Set(named('agent.turn').map(parentOf)), new Set(['tools/call use_memory_agent']));
  for (const name of ['chat', 'sandbox.block'])
    assert.deepEqual(new Set(named(name).map(parentOf)), new Set(['agent.turn']), name);
  assert.deepEqual(new Set(collector.spans.map(({ traceId }) => traceId)), new Set([TRACE_ID]));

  const sent = collector.bodies.join('\n');
  for (const secret of ['Kiwi', 'parrot', daemon.keys.client, 'user.md', 'collector-secret'])
    assert.ok(!sent.includes(secret), secret);
  assert.deepEqual(new Set(collector.authorizations), new Set(['Bearer collector-secret']));
  assert.doesNotMatch(daemon.stderr(), /collector-secret/);
});

test('a collector that is not there costs no answer and is said once', async () => {
  await using daemon = await startDaemon({
    // Nobody listens on the discard port.
    flags: ['--telemetry.otlp_endpoint', 'http://127.0.0.1:9/v1/traces'],
  });
  for (let index = 0; index < 3; index += 1) {
    const answer = await callTool({ url: daemon.url, key: daemon.keys.client }, 'search', { query: 'anything' });
    assert.equal(answer.ok, true);
  }
  await until('the warning', () => /traces are not taken/.test(daemon.stderr()), 30_000);
  assert.equal((await daemon.stop()).code, 0);
  assert.equal(daemon.stderr().match(/traces are not taken/g)?.length, 1);
});
