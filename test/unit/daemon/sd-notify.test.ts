// The protocol of sd_notify(3): what travels in which datagram, over real datagram sockets, and what happens without a manager.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { openSdNotify, type SdNotify } from '../../../src/daemon/sd-notify.ts';
import { openNotifySocket } from '../../helpers/notify-socket.ts';
import { tempDirectory } from '../../helpers/run-main.ts';

interface Opened extends Disposable {
  notify: SdNotify;
  problems: unknown[];
  environment: Record<string, string | undefined>;
}

function open(environment: Record<string, string | undefined>): Opened {
  const problems: unknown[] = [];
  const notify = openSdNotify({ environment, pid: 42, onProblem: (error) => problems.push(error) });
  return { notify, problems, environment, [Symbol.dispose]: () => notify[Symbol.dispose]() };
}

test('a life from ready to stop, over a socket with a path and over an abstract one', async () => {
  using directory = tempDirectory();
  for (const address of [join(directory.path, 'notify'), `@mem-agent-test-${process.pid}`]) {
    using manager = openNotifySocket(address);
    using opened = open({ NOTIFY_SOCKET: address });
    const { notify } = opened;
    const beforeUs = process.hrtime.bigint() / 1000n;
    notify.status('starting');
    notify.extendTimeout(30_000);
    notify.ready('ready; nothing\nto do');
    notify.reloading('reads');
    notify.ready('ready again');
    notify.watchdog();
    notify.stopping('received SIGTERM', 45_000);
    notify.ready('must not be heard');
    notify.reloading('must not be heard');
    notify.status('draining');
    await manager.waitFor((message) => message['STATUS'] === 'draining');
    const { messages } = manager;
    assert.deepEqual(messages.toSpliced(3, 1), [
      { STATUS: 'starting' },
      { EXTEND_TIMEOUT_USEC: '30000000' },
      { READY: '1', STATUS: 'ready; nothing to do' },
      { READY: '1', STATUS: 'ready again' },
      { WATCHDOG: '1' },
      { STOPPING: '1', EXTEND_TIMEOUT_USEC: '45000000', STATUS: 'received SIGTERM' },
      { STATUS: 'draining' },
    ]);
    // systemd takes a reload for finished only if it knows when it began: both in one datagram.
    const reload = messages[3] ?? {};
    assert.deepEqual(Object.keys(reload), ['RELOADING', 'MONOTONIC_USEC', 'STATUS']);
    const beganUs = BigInt(reload['MONOTONIC_USEC'] ?? '0');
    assert.ok(beganUs >= beforeUs && beganUs <= process.hrtime.bigint() / 1000n);
    assert.deepEqual(opened.problems, []);
  }
});

test('the same status is said once; a broken invariant says why and asks for action in one datagram', async () => {
  using manager = openNotifySocket(`@mem-agent-test-status-${process.pid}`);
  using opened = open({ NOTIFY_SOCKET: manager.address });
  opened.notify.status('ready;  1 running');
  opened.notify.status('ready; 1 running');
  opened.notify.triggerWatchdog('the database writer stands still');
  await manager.waitFor((message) => message['WATCHDOG'] !== undefined);
  assert.deepEqual(manager.messages, [
    { STATUS: 'ready; 1 running' },
    { STATUS: 'the database writer stands still', WATCHDOG: 'trigger' },
  ]);
});

test('what is meant for this process is taken out of the environment and obeyed only if it is', () => {
  using manager = openNotifySocket(`@mem-agent-test-env-${process.pid}`);
  const environment = { NOTIFY_SOCKET: manager.address, WATCHDOG_USEC: '30000000', WATCHDOG_PID: '42', PATH: '/bin' };
  using mine = open({ ...environment });
  assert.deepEqual(mine.environment, { PATH: '/bin' });
  assert.equal(mine.notify.watchdogMs, 30_000);
  using others = open({ ...environment, WATCHDOG_PID: '43' });
  assert.equal(others.notify.watchdogMs, undefined);
  using unnamed = open({ ...environment, WATCHDOG_PID: undefined });
  assert.equal(unnamed.notify.watchdogMs, 30_000);
});

test('no manager, no socket, an address that is none: nothing happens, and a problem is told once', () => {
  using none = open({});
  none.notify.ready('ready');
  none.notify.stopping('bye', 1);
  assert.deepEqual(none.problems, []);
  using gone = open({ NOTIFY_SOCKET: '/nonexistent/notify', WATCHDOG_USEC: '1000000' });
  gone.notify.ready('ready');
  gone.notify.watchdog();
  assert.equal(gone.problems.length, 1);
  assert.match(String(gone.problems), /\/nonexistent\/notify took no datagram \(ENOENT\)/);
  using wrong = open({ NOTIFY_SOCKET: 'vsock:2:1234' });
  wrong.notify.ready('ready');
  assert.match(String(wrong.problems), /vsock:2:1234 is no address of a Unix socket/);
});
