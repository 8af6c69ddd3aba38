// Calls per second of the product (key, durable audit, usage, metrics, log) beside a bare SDK server, in pairs A B A B … in
// one run; the medians and their ratio. Servers and load are processes of their own.
// `node test/bench/mcp-bench.ts [--notes 10000] [--pairs 5] [--seconds 2] [--only fetch,search,list_files] [--legacy] [--connections 16]`

import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fdatasyncSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { BenchServerStats } from './mcp/bench-server.ts';
import type { LoadOrder, LoadReport } from './mcp/load-client.ts';
import { writeZipfCorpus } from './mcp/zipf-corpus.ts';

type Era = '2026-07-28' | '2025-11-25';

interface BenchServer {
  child: ChildProcess;
  port: number;
  keys: Record<string, string>;
}

const { values } = parseArgs({
  options: {
    notes: { type: 'string', default: '10000' },
    pairs: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    only: { type: 'string', default: 'fetch,search,list_files' },
    legacy: { type: 'boolean', default: false },
    connections: { type: 'string', default: '16' },
    /** Flags of node, for the product; the baseline is then the product without them. */
    'product-flags': { type: 'string', default: '' },
    /** Must lie on a real disk: on tmpfs an fsync costs nothing. */
    directory: { type: 'string', default: '/var/tmp' },
  },
});

function startServer(kind: string, directory: string, execArgv: readonly string[] = []): Promise<BenchServer> {
  const child = fork(join(import.meta.dirname, 'mcp/bench-server.ts'), [kind, directory], { execArgv: [...execArgv] });
  return new Promise((resolve, reject) => {
    child.once('message', (ready: Omit<BenchServer, 'child'>) => resolve({ child, ...ready }));
    child.once('exit', (code) => reject(new Error(`the ${kind} server ended with ${code}`)));
  });
}

async function statsOf(server: BenchServer): Promise<BenchServerStats> {
  const answer = once(server.child, 'message');
  server.child.send('stats');
  const [stats] = (await answer) as [BenchServerStats];
  return stats;
}

async function runLoad(load: ChildProcess, order: LoadOrder): Promise<LoadReport> {
  const answer = once(load, 'message');
  load.send(order);
  const [message] = (await answer) as [{ report?: LoadReport; error?: string }];
  if (message.report === undefined) throw new Error(message.error ?? 'the load ended');
  return message.report;
}

function toolRequest(server: BenchServer, era: Era, key: string | undefined, name: string, args: object): string {
  const isModern = era === '2026-07-28';
  const meta = {
    'io.modelcontextprotocol/protocolVersion': era,
    'io.modelcontextprotocol/clientCapabilities': {},
    'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1' },
  };
  const params = { name, arguments: args, ...(isModern && { _meta: meta }) };
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params });
  const headers = [
    'POST /mcp HTTP/1.1',
    `Host: 127.0.0.1:${server.port}`,
    'Content-Type: application/json',
    'Accept: application/json, text/event-stream',
    `MCP-Protocol-Version: ${era}`,
    ...(isModern ? ['MCP-Method: tools/call', `MCP-Name: ${name}`] : []),
    ...(key === undefined ? [] : [`Authorization: Bearer ${key}`]),
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  return `${headers.join('\r\n')}\r\n\r\n${body}`;
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** What the disk takes for one commit of a few pages right now: two of them stand between a call and its answer. */
function medianSyncMs(directory: string): number {
  const file = openSync(join(directory, 'sync-probe'), 'w');
  const pages = Buffer.alloc(32_768);
  const times = Array.from({ length: 60 }, () => {
    const startedMs = performance.now();
    writeSync(file, pages, 0, pages.length, 0);
    fdatasyncSync(file);
    return performance.now() - startedMs;
  });
  closeSync(file);
  return median(times);
}

interface Contest {
  name: string;
  product: string[];
  bare: BenchServer;
  bareRequests: string[];
}

async function compare(load: ChildProcess, product: BenchServer, contest: Contest): Promise<Record<string, string>> {
  const sides = [
    { server: product, requests: contest.product },
    { server: contest.bare, requests: contest.bareRequests },
  ].map((side) => ({ ...side, reports: [] as LoadReport[], cpuUs: [] as number[], rssBytes: 0 }));
  const durationMs = Number(values.seconds) * 1000;
  for (let pair = -1; pair < Number(values.pairs); pair++) {
    for (const side of sides) {
      const before = await statsOf(side.server);
      const order = { port: side.server.port, requests: side.requests, connections: Number(values.connections) };
      const report = await runLoad(load, { ...order, warmUpMs: 300, durationMs });
      const after = await statsOf(side.server);
      // The first pair only warms up.
      if (pair < 0) continue;
      side.reports.push(report);
      side.cpuUs.push(((after.cpuMs - before.cpuMs) * 1000) / report.calls);
      side.rssBytes = Math.max(side.rssBytes, after.rssBytes);
    }
  }
  const [ours, bare] = sides;
  if (ours === undefined || bare === undefined) throw new Error('two sides');
  const rate = (side: typeof ours): number => median(side.reports.map((report) => report.callsPerSecond));
  const ratios = ours.reports.map((report, pair) => report.callsPerSecond / (bare.reports[pair]?.callsPerSecond ?? 0));
  return {
    call: contest.name,
    'product /s': rate(ours).toFixed(0),
    'bare /s': rate(bare).toFixed(0),
    ratio: (rate(ours) / rate(bare)).toFixed(2),
    'median of pairs': median(ratios).toFixed(2),
    'pairs from–to': `${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}`,
    'p50/p95 ms': `${median(ours.reports.map((r) => r.p50Ms)).toFixed(1)}/${median(ours.reports.map((r) => r.p95Ms)).toFixed(1)}`,
    'cpu us/call': `${median(ours.cpuUs).toFixed(0)}/${median(bare.cpuUs).toFixed(0)}`,
    'cpu ratio': (median(bare.cpuUs) / median(ours.cpuUs)).toFixed(2),
    'client cpu': median(ours.reports.map((r) => r.clientCpu)).toFixed(2),
    'rss MB': (ours.rssBytes / 1e6).toFixed(0),
    'fsync ms': medianSyncMs(directory).toFixed(2),
  };
}

/** The same requests to the product without the flags. */
function againstPlain(contest: Contest | undefined, plain: BenchServer, product: BenchServer): Contest | undefined {
  if (contest === undefined) return undefined;
  const keys = Object.entries(product.keys);
  const toPlain = (request: string): string =>
    keys
      .reduce((text, [root, key]) => text.replace(key, plain.keys[root] ?? ''), request)
      .replace(`127.0.0.1:${product.port}`, `127.0.0.1:${plain.port}`);
  return { ...contest, name: `${contest.name} (plain node)`, bare: plain, bareRequests: contest.product.map(toPlain) };
}

const directory = mkdtempSync(join(values.directory, 'mem-agent-bench-'));
const children: ChildProcess[] = [];
try {
  mkdirSync(join(directory, 'large'));
  mkdirSync(join(directory, 'small'));
  const large = writeZipfCorpus(join(directory, 'large'), Number(values.notes), 400);
  writeZipfCorpus(join(directory, 'small'), 100, 0);
  const start = async (kind: string, flags: readonly string[] = []): Promise<BenchServer> => {
    const server = await startServer(kind, directory, flags);
    children.push(server.child);
    return server;
  };
  const flags = values['product-flags'].split(' ').filter((flag) => flag !== '');
  const product = await start('product', flags);
  const plain = flags.length === 0 ? undefined : await start('plain-product');
  const echo = await start('echo');
  const search = await start('search');
  const load = fork(join(import.meta.dirname, 'mcp/load-client.ts'));
  children.push(load);
  const idle = await statsOf(product);

  const rows: Record<string, string>[] = [];
  for (const era of values.legacy ? (['2026-07-28', '2025-11-25'] as const) : (['2026-07-28'] as const)) {
    const ours = (root: string, name: string, args: object): string =>
      toolRequest(product, era, product.keys[root], name, args);
    const echoes = [toolRequest(echo, era, undefined, 'echo', { text: 'hello' })];
    const contests: Record<string, Contest> = {
      fetch: {
        name: `fetch ${era} : echo`,
        product: large.paths.filter((_, position) => position % 17 === 0).map((id) => ours('large', 'fetch', { id })),
        bare: echo,
        bareRequests: echoes,
      },
      search: {
        name: `search ${era} : same search`,
        product: large.queries.map((query) => ours('large', 'search', { query })),
        bare: search,
        bareRequests: large.queries.map((query) => toolRequest(search, era, undefined, 'search', { query })),
      },
      list_files: {
        name: `list_files (100) ${era} : echo`,
        product: [ours('small', 'list_files', {})],
        bare: echo,
        bareRequests: echoes,
      },
    };
    for (const name of values.only.split(',')) {
      const contest = plain === undefined ? contests[name] : againstPlain(contests[name], plain, product);
      if (contest === undefined) throw new Error(`no contest ${name}`);
      rows.push(await compare(load, product, contest));
    }
  }
  // oxlint-disable-next-line no-console
  console.table(rows);
  const after = await statsOf(product);
  process.stdout.write(
    `product RSS: ${(idle.rssBytes / 1e6).toFixed(0)} MB idle with ${values.notes} notes, ${(after.rssBytes / 1e6).toFixed(0)} MB after the load\n`,
  );
} finally {
  for (const child of children) child.disconnect();
  await Promise.all(children.filter((child) => child.exitCode === null).map((child) => once(child, 'exit')));
  rmSync(directory, { recursive: true, force: true });
}
