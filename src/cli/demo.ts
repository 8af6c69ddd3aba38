// `mem-agent demo`: the whole product in half a minute. A daemon on sample notes, a key, questions and a fact over MCP, then
// what the audit and the metrics say of it. Nothing of it stays; exit 1 if an answer is wrong.
import { adminOver } from './admin-client.ts';
import { auditTable } from './audit.ts';
import { openChildDaemon } from './child-daemon.ts';
import type { CliContext } from './cli-context.ts';
import { openMcpClient, type McpClient } from './mcp-client.ts';
import { faultsOf, readSampleQuestions, SAMPLE_MEMORY, type SampleQuestion } from './sample-questions.ts';
import { EXIT, formatTable, type Terminal } from './terminal.ts';

interface DemoAnswer {
  question: string;
  answer: string;
  isRight: boolean;
  faults: string[];
  durationMs: number;
}

const AUDIT_ROWS_SHOWN = 16;
const QUESTIONS = 5;
const FACTS = 1;

export async function runDemo(context: CliContext): Promise<number> {
  const { terminal } = context;
  const all = readSampleQuestions();
  const questions = [
    ...all.filter(({ kind }) => kind === 'retrieval').slice(0, QUESTIONS),
    ...all.filter(({ kind }) => kind === 'update').slice(0, FACTS),
  ];
  const say = (text: string): void => (terminal.json ? undefined : terminal.write(`${text}\n`));
  say('Starting a daemon on sample notes, in a temporary directory …');
  await using daemon = await openChildDaemon({ sampleMemory: SAMPLE_MEMORY });
  const admin = adminOver(daemon.admin);
  const status = await admin.call('GET /status');
  const { http = '', ops = '' } = status.listeners;
  const created = await admin.call('POST /keys', {
    body: { name: 'demo', scopes: ['agent', 'memory:read', 'memory:write'] },
  });
  say(`It answers on ${http}/mcp; made the key ${created.id}.\n`);

  const before = await readMetrics(ops);
  const answers: DemoAnswer[] = [];
  {
    await using client = await openMcpClient({ url: `${http}/mcp`, key: created.key });
    for (const question of questions) answers.push(await ask(client, question, terminal));
  }
  const { items } = await admin.call('GET /audit', { query: { limit: AUDIT_ROWS_SHOWN } });
  const audit = items.reverse();
  const metrics = difference(before, await readMetrics(ops));
  const ok = answers.every((answer) => answer.isRight);
  terminal.show({ ok, answers, audit, metrics }, () =>
    [
      `The last ${audit.length} audit records:`,
      auditTable(audit),
      '\nMetrics that moved:',
      formatTable(
        ['METRIC', 'BY'],
        Object.entries(metrics).map(([name, by]) => [name, String(by)]),
      ),
      `\n${ok ? '✓' : '✗'} ${answers.filter((answer) => answer.isRight).length} of ${answers.length} right. Everything is cleaned up; "npm start" runs it for real.`,
    ].join('\n'),
  );
  return ok ? EXIT.ok : EXIT.finding;
}

async function ask(client: McpClient, question: SampleQuestion, terminal: Terminal): Promise<DemoAnswer> {
  const startedMs = performance.now();
  const { text, isError, structured } = await client.callTool('use_memory_agent', { question: question.question });
  const durationMs = Math.round(performance.now() - startedMs);
  const reply = typeof structured?.['reply'] === 'string' ? structured['reply'] : text;
  const faults = [
    ...faultsOf(reply, { contains: question.mustContain, without: question.mustNotContain ?? [] }),
    ...(await faultsOfNotes(client, question)),
  ];
  const isRight = !isError && faults.length === 0;
  if (!terminal.json) {
    terminal.write(
      `? ${question.question}\n${isRight ? '✓' : '✗'} ${reply.trim().replaceAll('\n', '\n  ')}  (${durationMs} ms)\n`,
    );
    if (faults.length > 0) terminal.write(`  not right: ${faults.join(', ')}\n`);
    terminal.write('\n');
  }
  return { question: question.question, answer: reply, isRight, faults, durationMs };
}

/** A stored fact is right when the note has it, read back over MCP. */
async function faultsOfNotes(client: McpClient, { files = [] }: SampleQuestion): Promise<string[]> {
  const faults: string[] = [];
  for (const { file, contains } of files) {
    const note = await client.callTool('fetch', { id: file });
    faults.push(...faultsOf(note.text, { contains }).map((fault) => `${file} ${fault}`));
  }
  return faults;
}

/** Counters and gauges of ours; a histogram by its count. */
async function readMetrics(opsUrl: string): Promise<Map<string, number>> {
  const text = await (await fetch(`${opsUrl}/metrics`)).text();
  const values = new Map<string, number>();
  for (const line of text.split('\n')) {
    const match = /^(memagent_\w+(?:\{[^}]*\})?) (\S+)$/.exec(line);
    if (match?.[1] === undefined || /_bucket\{|_sum(\{|$)|event_loop_lag/.test(match[1])) continue;
    values.set(match[1], Number(match[2]));
  }
  return values;
}

function difference(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): Record<string, number> {
  const moved: Record<string, number> = {};
  for (const [name, value] of after) {
    const by = value - (before.get(name) ?? 0);
    if (by !== 0) moved[name] = Number(by.toPrecision(6));
  }
  return moved;
}
