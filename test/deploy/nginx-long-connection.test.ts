// A client's connection lives longer than a thousand requests: nginx's default ends it then, and an HTTP/2 client that has just
// asked (undici, hence every fetch of Node) takes this for a failed request. Needs nginx and openssl.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { test } from 'node:test';
import { startNginx } from '../helpers/nginx.ts';

const REQUESTS = 1200;

/** Asked one after another; how many were answered before the server said that it wants no more. */
async function answeredBeforeGoaway(withLimit: boolean): Promise<number> {
  // Nobody behind it: its own refusals are answers too.
  await using nginx = await startNginx(['127.0.0.1:9'], (site) =>
    withLimit ? site : site.replace(/^ *keepalive_requests .*\n/m, ''),
  );
  const session = connect(`https://localhost:${nginx.port}`, { ca: nginx.certificate });
  const ending = new AbortController();
  session.on('goaway', () => ending.abort());
  let answered = 0;
  try {
    while (answered < REQUESTS && !ending.signal.aborted) {
      const stream = session.request({ ':path': '/health' });
      stream.resume();
      await once(stream, 'end');
      answered += 1;
    }
  } finally {
    session.destroy();
  }
  return answered;
}

test('a connection outlives a thousand requests', { timeout: 60_000 }, async () => {
  assert.ok((await answeredBeforeGoaway(false)) < REQUESTS, 'the default of nginx ends it: this test would see it');
  assert.equal(await answeredBeforeGoaway(true), REQUESTS);
});
