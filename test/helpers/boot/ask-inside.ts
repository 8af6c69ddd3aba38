// A client inside the booted machine: a tool call over HTTP with curl, as a script of its user would make it.
import assert from 'node:assert/strict';
import type { BootedDebian, Ran } from './booted-debian.ts';

export interface Answer {
  /** HTTP status; 000 when there was no connection. */
  status: string;
  reply: string;
  backend: string;
  degraded: boolean;
}

export interface AskOptions {
  key: string;
  url?: string;
  /** More arguments of curl. */
  curl?: string;
}

export const LOOPBACK_URL = 'http://127.0.0.1:8081/mcp';

export async function askInside(debian: BootedDebian, question: string, options: AskOptions): Promise<Answer> {
  const { stdout, stderr } = await callInside(debian, question, options);
  const [, body = '', status = '000'] = /^([\s\S]*)\n(\d{3})$/.exec(stdout.trim()) ?? [];
  const result = body
    .split('\n')
    .map(resultIn)
    .find((found) => found !== undefined);
  if (result === undefined) return { status, reply: `${body}${stderr}`, backend: '', degraded: false };
  const { reply = '', backend = '', degraded = false } = result;
  return { status, reply, backend, degraded };
}

/** Of a line of the stream or of the plain answer. */
function resultIn(line: string): Partial<Answer> | undefined {
  const text = line.replace(/^data: /, '');
  if (!text.startsWith('{')) return undefined;
  return (JSON.parse(text) as { result?: { structuredContent?: Partial<Answer> } }).result?.structuredContent;
}

/** Asks and insists on an answer. */
export async function mustAsk(debian: BootedDebian, question: string, options: AskOptions): Promise<Answer> {
  const answer = await askInside(debian, question, options);
  assert.deepEqual([answer.status, answer.backend !== ''], ['200', true], JSON.stringify(answer));
  return answer;
}

function callInside(debian: BootedDebian, question: string, { key, url, curl }: AskOptions): Promise<Ran> {
  const body = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: 'use_memory_agent', arguments: { question } },
  });
  const script = `curl -sS -m 60 -w '\\n%{http_code}' ${curl ?? ''} -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' -d "$BODY" "$URL"`;
  return debian.run(script, { KEY: key, BODY: body, URL: url ?? LOOPBACK_URL });
}
