// A body far larger than allowed, sent by a process of its own as clients are: whoever still sends it gets the answer that says
// what to do, not a connection that breaks off.
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { startDaemon } from '../helpers/start-daemon.ts';

const BODY = Buffer.alloc(8 * 1024 * 1024, 'x');
const TIMES = 20;

test('a body far too large is answered, declared or chunked', async () => {
  await using daemon = await startDaemon({ flags: ['--sandbox.standby', '0'] });
  const post = (framing: Record<string, string>): Promise<{ status: number; text: string }> =>
    new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${daemon.keys.client}`, 'content-type': 'application/json', ...framing };
      const outgoing = request(daemon.url, { method: 'POST', headers });
      outgoing.once('error', reject);
      outgoing.once('response', (incoming) => {
        let text = '';
        incoming.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        incoming.once('end', () => resolve({ status: incoming.statusCode ?? 0, text }));
      });
      outgoing.end(BODY);
    });
  for (const framing of [{ 'content-length': String(BODY.length) }, { 'transfer-encoding': 'chunked' }]) {
    for (let time = 0; time < TIMES; time += 1) {
      const { status, text } = await post(framing);
      assert.equal(status, 413);
      assert.match(text, /http\.max_body_bytes/);
    }
  }
});
