// The channel under the worker's socket: a peer that hangs is given up, one that lives is not, and the end is told once.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { openLineChannel } from '../../../src/worker/line-channel.ts';
import { tempDirectory } from '../../helpers/run-main.ts';
import { until } from '../../helpers/until.ts';

test('a silent peer is given up after 25 s, one that only beats is kept', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  using directory = tempDirectory();
  const path = join(directory.path, 's');
  const server = createServer().listen(path);
  await once(server, 'listening');
  const pair = async (): Promise<[Socket, Socket]> => {
    const client = connect(path);
    const [accepted] = (await once(server, 'connection')) as [Socket];
    return [client, accepted];
  };
  const ends: string[] = [];
  const heard: unknown[] = [];
  const open = (socket: Socket): ReturnType<typeof openLineChannel> =>
    openLineChannel(socket, {
      onMessage: (message) => heard.push(message),
      onClose: (reason) => ends.push(reason),
    });
  const [silent, quiet] = await pair();
  let got = '';
  silent.setEncoding('utf8').on('data', (text: string) => (got += text));
  open(quiet);
  const [one, other] = await pair();
  const living = [open(one), open(other)];
  for (let beat = 1; beat <= 5; beat++) {
    assert.deepEqual(ends, []);
    t.mock.timers.tick(5000);
    await until('both have beaten', () => heard.length === 2 * beat);
  }
  await until('the silent one is given up', () => ends.length === 1);
  assert.deepEqual(ends, ['it is silent']);
  assert.equal(got, '{"type":"beat"}\n'.repeat(4));
  living[0]?.close('done');
  living[0]?.close('done twice');
  living[0]?.send({ type: 'too late' });
  await until('both ends are told', () => ends.length === 3);
  assert.deepEqual(ends.toSorted(), ['done', 'it has gone', 'it is silent']);
  server.close();
});
