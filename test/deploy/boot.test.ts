// The package in a Debian 12 that boots: installed, used, reloaded, restarted, killed, frozen, misconfigured, with a worker, with
// sealed secrets, upgraded, removed, purged. One machine for all, in this order. Needs root, debootstrap and systemd-nspawn.
import assert from 'node:assert/strict';
import { copyFileSync, cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { askInside, LOOPBACK_URL, mustAsk } from '../helpers/boot/ask-inside.ts';
import { bootDebian, type BootedDebian } from '../helpers/boot/booted-debian.ts';
import { builtPackage, nextVersion } from '../helpers/boot/built-package.ts';
import { sandboxHealth } from '../helpers/boot/sandbox-health.ts';
import { mistypedKey } from '../helpers/mistyped-key.ts';
import { makeCertificate } from '../helpers/nginx.ts';
import { tempDirectory } from '../helpers/run-main.ts';
import { projectRoot } from '../helpers/source-files.ts';
import { until } from '../helpers/until.ts';

const WAIT_S = 60;
const FACT = 'Remember that my cat is called Pepper.';
const FIRST_KEY = `sed -n 's/^ *client key *//p' /var/lib/mem-agent/first-keys`;
const LEFT_FILES = "find /etc /run /usr /var -xdev -path /usr/share/doc -prune -o -name '*mem-agent*' -print | sort";
const QUESTION = 'What is my cat called?';
const SERVER_NAME = 'localhost';

let debian: BootedDebian;
let key = '';

before(async () => {
  const file = builtPackage();
  debian = await bootDebian();
  copyFileSync(file, join(debian.root, 'root', basename(file)));
});
after(() => debian[Symbol.asyncDispose]());

let broken: string | undefined;

/** One machine, one story: after a failure the rest would only fail slowly. */
function step(name: string, action: (t: TestContext) => Promise<void>): void {
  void test(name, async (t) => {
    assert.equal(broken, undefined, `not tried after the failure of "${broken}"`);
    broken = name;
    await action(t);
    broken = undefined;
  });
}

const show = (property: string, unit = 'mem-agent.service'): Promise<string> =>
  debian.must(`systemctl show -P ${property} ${unit}`);
const mainPid = async (): Promise<number> => Number(await show('MainPID'));
const isActive = async (unit: string): Promise<string> =>
  (await debian.run(`systemctl is-active ${unit}`)).stdout.trim();
const status = async (): Promise<string> => (await debian.run('systemctl status -l mem-agent')).stdout;
const apt = (words: string): Promise<string> =>
  debian.must(
    `DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o APT::Sandbox::User=root -o Dpkg::Options::=--force-unsafe-io ${words} 2>&1`,
  );
const write = (path: string, text: string): void => writeFileSync(join(debian.root, path), text);
const waitFor = (what: string, isSo: () => Promise<boolean>): Promise<void> => until(what, isSo, WAIT_S * 1000);
/** Manual starts count against the limit too; a test makes many. */
const resetLimit = (): Promise<string> =>
  debian.must('systemctl reset-failed mem-agent.service mem-agent.socket || true');

async function waitForNewPid(old: number): Promise<number> {
  let pid = old;
  await waitFor(`another process than ${old}`, async () => {
    pid = await mainPid();
    return pid !== 0 && pid !== old && (await isActive('mem-agent')) === 'active';
  });
  return pid;
}

/** Four clients ask without a pause until `change` is over; the answers that were none. */
async function askMeanwhile(change: () => Promise<unknown>): Promise<{ asked: number; failed: string[] }> {
  await debian.must('rm -f /tmp/over');
  const script = `while [ ! -e /tmp/over ]; do
    curl -sS -m 60 -o /dev/null -w '%{http_code}\n' http://127.0.0.1:8081/health 2>&1; sleep 0.05; done`;
  const asking = Promise.all(Array.from({ length: 4 }, () => debian.run(script)));
  try {
    await change();
  } finally {
    await debian.must('touch /tmp/over');
  }
  const answers = (await asking).flatMap(({ stdout }) => stdout.trim().split('\n'));
  return { asked: answers.length, failed: answers.filter((answer) => answer !== '200') };
}

step('apt installs it: users, units, first keys, and it runs', async (t) => {
  const said = await apt(`install /root/${basename(builtPackage())}`);
  assert.match(said, /mem-agent runs, and clients of this machine reach it at http:\/\/127\.0\.0\.1:8081\/mcp/);
  assert.match(said, /cat \/var\/lib\/mem-agent\/first-keys/);
  assert.equal(
    await debian.must(
      'systemctl start mem-agent && systemctl is-active mem-agent mem-agent.socket mem-agent-py.socket',
    ),
    'active\nactive\nactive',
  );
  assert.equal(
    await debian.must('systemctl is-enabled mem-agent mem-agent.socket mem-agent-py.socket'),
    'enabled\nenabled\nenabled',
  );
  assert.equal((await debian.run('systemctl is-enabled mem-agent-worker')).stdout.trim(), 'disabled');
  assert.equal(await debian.must('systemctl --failed --no-legend'), '');
  assert.equal(await debian.must('id -nG mem-agent'), 'mem-agent mem-agent-py');
  assert.match(await debian.must('id -nG mem-agent-worker'), /video render|render video/);
  assert.equal(
    await debian.must('stat -Lc "%a %U" /var/lib/mem-agent /var/lib/mem-agent/first-keys'),
    '700 mem-agent\n600 mem-agent',
  );
  assert.equal(await debian.must('stat -c "%a %U %G" /run/mem-agent-http.sock'), '660 root www-data');
  assert.match(await debian.must('systemd-analyze security --threshold=12 --no-pager mem-agent.service'), /OK/);
  assert.match(await status(), /Status: "ready; 0 running, 0 waiting/);
  assert.match(await debian.must('mem-agent status'), /memory +ok/);
  const [exec, active] = await Promise.all([
    show('ExecMainStartTimestampMonotonic'),
    show('ActiveEnterTimestampMonotonic'),
  ]);
  const startMs = (Number(active) - Number(exec)) / 1000;
  const residentKib = Number(await debian.must(`awk '/VmRSS/ {print $2}' /proc/${await mainPid()}/status`));
  t.diagnostic(`start to READY ${Math.round(startMs)} ms, ${Math.round(residentKib / 1024)} MiB resident`);
  key = await debian.must(FIRST_KEY);
});

step(
  'a question with a key over loopback and over the socket for nginx; without a key, and as somebody else, nothing',
  async () => {
    await mustAsk(debian, FACT, { key });
    assert.match((await mustAsk(debian, QUESTION, { key })).reply, /Pepper/);
    assert.match(await debian.must('cat /var/lib/mem-agent/memory/*.md'), /Pepper/);
    assert.equal((await askInside(debian, QUESTION, { key: mistypedKey(key) })).status, '401');
    // nginx, TLS and the public routes come in front of this socket.
    const socket = "--unix-socket /run/mem-agent-http.sock -H 'Host: localhost' http://localhost/health";
    const asUser = (user: string): string =>
      `setpriv --reuid ${user} --regid ${user} --clear-groups curl -sS -o /dev/null -w '%{http_code}' ${socket}`;
    assert.equal(await debian.must(asUser('www-data')), '200');
    assert.notEqual((await debian.run(asUser('nobody').replace('--regid nobody', '--regid nogroup'))).code, 0);
  },
);

step('the Python runs in a unit of its own, behind walls of the kernel that the canaries have proven', async () => {
  await waitFor('the end of the self-test', async () => (await sandboxHealth(debian)).state !== 'starting');
  const sandbox = await sandboxHealth(debian);
  assert.equal(sandbox.state, 'ok', JSON.stringify(sandbox));
  const { engine, walls, systemCalls } = sandbox.details;
  assert.match(engine, /^CPython .*in its unit/);
  assert.deepEqual([walls.interpreter, walls.kernel, systemCalls], ['proven', 'proven', 'filtered']);
  assert.match(await debian.must('mem-agent config print --explain | grep ^sandbox.require'), /kernel/);
  // One that is ready for the next run: nothing of the daemon's is in its reach.
  const units = await debian.must("systemctl list-units --no-legend 'mem-agent-py@*' | awk '{print $1}'");
  const [unit = ''] = units.split('\n');
  const pid = await show('MainPID', unit);
  const status = await debian.must(`cat /proc/${pid}/status`);
  assert.match(status, /^NoNewPrivs:\s1$/m);
  assert.match(status, /^Seccomp:\s2$/m);
  assert.match(status, /^CapBnd:\s0+$/m);
  const devices = await debian.must(`nsenter -t ${pid} -n sed -n 's/^ *\\([a-z0-9]*\\):.*/\\1/p' /proc/self/net/dev`);
  assert.equal(devices, 'lo', 'no network but a loopback of its own');
  // Without the unit there is no wall that this daemon could put up itself: no Python runs, and the answers still come.
  await debian.must('systemctl stop mem-agent-py.socket && systemctl restart mem-agent');
  // The restart wants the socket again; without it for good, its unit is masked.
  await debian.must('systemctl mask --runtime mem-agent-py.socket && systemctl stop mem-agent-py.socket');
  await debian.must('systemctl restart mem-agent');
  await waitFor('the refusal', async () => (await sandboxHealth(debian)).state === 'degraded');
  assert.match((await sandboxHealth(debian)).reason, /kernel/);
  assert.match((await mustAsk(debian, QUESTION, { key })).reply, /Pepper/);
  await debian.must('systemctl unmask --runtime mem-agent-py.socket && systemctl restart mem-agent');
  await waitFor('the sandbox again', async () => (await sandboxHealth(debian)).state === 'ok');
  await resetLimit();
});

step('nginx in front, with TLS: a question with a key is answered, and nothing else is published', async () => {
  await debian.must('mkdir -p /etc/mem-agent/tls');
  using directory = tempDirectory();
  makeCertificate(directory.path);
  copyFileSync(join(directory.path, 'cert.pem'), join(debian.root, 'etc/mem-agent/tls/fullchain.pem'));
  copyFileSync(join(directory.path, 'key.pem'), join(debian.root, 'etc/mem-agent/tls/privkey.pem'));
  write('etc/mem-agent/conf.d/nginx.toml', `http.allowed_hosts = ["${SERVER_NAME}"]\n`);
  await debian.must(`systemctl restart mem-agent
    mem-agent nginx render --server-name ${SERVER_NAME} > /etc/nginx/sites-available/mem-agent
    ln -s ../sites-available/mem-agent /etc/nginx/sites-enabled/
    mem-agent nginx check && nginx -t && systemctl restart nginx`);
  const https = { key, url: `https://${SERVER_NAME}/mcp`, curl: '--cacert /etc/mem-agent/tls/fullchain.pem' };
  assert.match((await mustAsk(debian, QUESTION, https)).reply, /Pepper/);
  assert.equal((await askInside(debian, QUESTION, { ...https, key: mistypedKey(key) })).status, '401');
  assert.equal((await askInside(debian, QUESTION, { ...https, curl: '' })).status, '000', 'nobody vouches for it');
  const get = (path: string): string =>
    `curl -sS -o /dev/null -w '%{http_version} %{http_code}' --cacert /etc/mem-agent/tls/fullchain.pem https://${SERVER_NAME}${path}`;
  assert.equal(await debian.must(get('/health')), '2 200');
  for (const path of ['/', '/metrics', '/readyz', '/livez', '/admin/v1/status'])
    assert.equal(await debian.must(get(path)), '2 404', path);
  const { asked, failed } = await askMeanwhile(async () => {
    await debian.must('systemctl restart mem-agent');
    assert.match((await mustAsk(debian, QUESTION, https)).reply, /Pepper/);
  });
  assert.ok(asked > 0);
  assert.deepEqual(failed, []);
  // The site is the operator's: no purge takes it.
  await debian.must(`rm /etc/nginx/sites-*/mem-agent && systemctl restart nginx && rm /var/log/nginx/mem-agent*`);
  await resetLimit();
});

step('reload: what changed counts, the process stays; a mistake fails the reload and changes nothing', async () => {
  const pid = await mainPid();
  write('etc/mem-agent/conf.d/test.toml', 'log.level = "debug"\n');
  await debian.must('systemctl reload mem-agent');
  assert.equal(await debian.must('mem-agent log-level'), 'debug');
  write('etc/mem-agent/conf.d/test.toml', 'log.level = "loud"\n');
  const refused = await debian.run('systemctl reload mem-agent');
  assert.notEqual(refused.code, 0);
  await waitFor('the reason in the status', async () =>
    /Status: "ready.*config degraded.*log\.level/.test(await status()),
  );
  write('etc/mem-agent/conf.d/test.toml', 'log.level = "info"\n');
  await debian.must('systemctl reload mem-agent');
  assert.equal(await debian.must('mem-agent log-level'), 'info');
  assert.equal(await mainPid(), pid);
});

step('restart: who asks meanwhile waits and is answered', async (t) => {
  const { asked, failed } = await askMeanwhile(async () => {
    for (let round = 0; round < 5; round++) {
      const old = await mainPid();
      await debian.must('systemctl restart mem-agent');
      assert.notEqual(await mainPid(), old);
    }
  });
  t.diagnostic(`5 restarts, ${asked} requests`);
  assert.deepEqual(failed, []);
  assert.match((await mustAsk(debian, QUESTION, { key })).reply, /Pepper/);
  await resetLimit();
});

step('kill -9: it is back by itself, and knows what it knew', async () => {
  const [old, restarts] = [await mainPid(), Number(await show('NRestarts'))];
  await debian.must(`kill -9 ${old}`);
  assert.match((await mustAsk(debian, QUESTION, { key })).reply, /Pepper/);
  await waitForNewPid(old);
  assert.equal(Number(await show('NRestarts')), restarts + 1);
  assert.match(await debian.must('mem-agent audit verify'), /./);
});

step('frozen: the watchdog kills it and it is back', async () => {
  await debian.must(
    'mkdir -p /run/systemd/system/mem-agent.service.d && printf "[Service]\\nWatchdogSec=4\\n" > /run/systemd/system/mem-agent.service.d/quick.conf && systemctl daemon-reload && systemctl restart mem-agent',
  );
  const old = await mainPid();
  await sleep(6000);
  assert.equal(await mainPid(), old, 'it beats');
  await debian.must(`kill -STOP ${old}`);
  await waitForNewPid(old);
  assert.match(await debian.must('journalctl -u mem-agent --no-pager'), /Watchdog timeout \(limit 4s\)/);
  assert.match((await mustAsk(debian, QUESTION, { key })).reply, /Pepper/);
  await debian.must(
    'rm -r /run/systemd/system/mem-agent.service.d && systemctl daemon-reload && systemctl restart mem-agent',
  );
  await resetLimit();
});

step('a wrong configuration: failed once with 78, the reason in the status, no restart', async () => {
  write('etc/mem-agent/conf.d/test.toml', 'memory.max_file_byts = 5\n');
  assert.notEqual((await debian.run('systemctl restart mem-agent')).code, 0);
  assert.equal(await isActive('mem-agent'), 'failed');
  const seen = await status();
  assert.match(seen, /Main PID: .*status=78/);
  assert.match(seen, /Status: "The configuration is wrong: .*max_file_byts/);
  const begun = await show('ExecMainStartTimestampMonotonic');
  await sleep(6000);
  assert.deepEqual([await isActive('mem-agent'), await show('NRestarts')], ['failed', '0']);
  assert.equal(await show('ExecMainStartTimestampMonotonic'), begun, 'it was not tried again');
  assert.notEqual((await debian.run('mem-agent config check')).code, 0);
  rmSync(join(debian.root, 'etc/mem-agent/conf.d/test.toml'));
  await debian.must('systemctl restart mem-agent');
  await mustAsk(debian, QUESTION, { key });
});

step('stop: in order and quick; a request starts it again, unless the sockets are stopped too', async (t) => {
  const startedMs = performance.now();
  await debian.must('systemctl stop mem-agent');
  t.diagnostic(`stop took ${Math.round(performance.now() - startedMs)} ms`);
  assert.deepEqual([await isActive('mem-agent'), await show('Result')], ['inactive', 'success']);
  await mustAsk(debian, QUESTION, { key });
  assert.equal(await isActive('mem-agent'), 'active');
  await debian.must('systemctl stop mem-agent.socket mem-agent');
  assert.equal((await askInside(debian, QUESTION, { key })).status, '000');
  assert.equal(await isActive('mem-agent'), 'inactive');
  await debian.must('systemctl start mem-agent');
  assert.equal(await isActive('mem-agent.socket'), 'active', 'the daemon brings its sockets');
  await resetLimit();
});

step('secrets: a credential in the clear, then a sealed one', async () => {
  await debian.must(
    'printf clear-secret > /etc/credstore/openrouter.api_key && chmod 600 /etc/credstore/openrouter.api_key',
  );
  await debian.must('systemctl restart mem-agent');
  const explain = 'mem-agent config print --explain --running | grep ^openrouter.api_key';
  assert.match(await debian.must(explain), /\/run\/credentials\/mem-agent\.service\/openrouter\.api_key/);
  await debian.must('rm /etc/credstore/openrouter.api_key && systemctl restart mem-agent');
  assert.doesNotMatch(await debian.must(explain), /credentials/);
  await debian.must(`printf sealed-secret | systemd-creds encrypt --with-key=host --name=openrouter.api_key - /etc/credstore.encrypted/openrouter.api_key
    mkdir -p /etc/systemd/system/mem-agent.service.d
    cp /usr/share/doc/mem-agent/examples/encrypted-credentials.conf /etc/systemd/system/mem-agent.service.d/
    systemctl daemon-reload && systemctl restart mem-agent`);
  assert.match(await debian.must(explain), /\/run\/credentials\/mem-agent\.service\/openrouter\.api_key/);
  // An ordinary reload, with secrets that only the daemon may read.
  await debian.must('systemctl reload mem-agent');
  await debian.must(`rm -r /etc/systemd/system/mem-agent.service.d /etc/credstore.encrypted/openrouter.api_key
    systemctl daemon-reload && systemctl restart mem-agent`);
  await resetLimit();
});

step('the worker in its own unit: killed as the kernel would kill it, the daemon goes on and has it back', async () => {
  cpSync(join(projectRoot, 'test/helpers/engine'), join(debian.root, 'opt/engine'), { recursive: true });
  write('opt/engine/package.json', '{"type":"module"}');
  write('opt/engine/vllm', '#!/bin/sh\nexec /usr/lib/mem-agent/bin/node /opt/engine/vllm.ts "$@"\n');
  write('etc/mem-agent/conf.d/worker.toml', '[worker]\nprofile = "vllm"\ncommand = "/opt/engine/vllm"\n');
  await debian.must(
    'chmod 755 /opt/engine/vllm && systemctl enable --now mem-agent-worker && systemctl restart mem-agent',
  );
  assert.match(await show('StatusText', 'mem-agent-worker'), /^mem-agent: (ready|busy)/);
  const isWell = async (): Promise<boolean> => (await debian.run('mem-agent worker status')).code === 0;
  await waitFor('the daemon has its worker', isWell);
  assert.equal((await mustAsk(debian, QUESTION, { key })).backend, 'worker');

  const [daemon, worker] = [await mainPid(), await show('MainPID', 'mem-agent-worker')];
  await debian.must('systemctl restart mem-agent');
  assert.equal(await show('MainPID', 'mem-agent-worker'), worker, 'a loaded model survives a restart of the daemon');
  const second = await waitForNewPid(daemon);
  await debian.must('systemctl kill -s KILL --kill-whom=all mem-agent-worker');
  assert.equal((await mustAsk(debian, QUESTION, { key })).status, '200');
  await waitFor(
    'the worker is back',
    async () => (await isActive('mem-agent-worker')) === 'active' && (await isWell()),
  );
  assert.notEqual(await show('MainPID', 'mem-agent-worker'), worker);
  await waitFor('it answers again', async () => (await askInside(debian, QUESTION, { key })).backend === 'worker');
  assert.equal(await mainPid(), second, 'the daemon never noticed more than an error');
  rmSync(join(debian.root, 'etc/mem-agent/conf.d/worker.toml'));
  await debian.must('systemctl disable --now mem-agent-worker && systemctl restart mem-agent');
  await resetLimit();
});

step('upgrade: changed settings, notes and keys stay, nobody is refused meanwhile', async (t) => {
  using directory = tempDirectory();
  const { file, version } = nextVersion(builtPackage(), directory.path);
  copyFileSync(file, join(debian.root, 'root/next.deb'));
  write('etc/mem-agent/config.toml', `${readFileSync(join(debian.root, 'etc/mem-agent/config.toml'), 'utf8')}# mine\n`);
  const old = await mainPid();
  const { asked, failed } = await askMeanwhile(() => apt('install /root/next.deb'));
  t.diagnostic(`${asked} requests during the upgrade`);
  assert.deepEqual(failed, []);
  assert.notEqual(await mainPid(), old);
  assert.match(await debian.must('mem-agent status'), new RegExp(`^mem-agent ${RegExp.escape(version)}: ready`));
  assert.match(await debian.must('cat /etc/mem-agent/config.toml'), /# mine/);
  assert.match((await mustAsk(debian, QUESTION, { key })).reply, /Pepper/);
});

step('remove: the programs go, what is the operator’s stays, and an installation later goes on with it', async () => {
  await apt('remove mem-agent');
  assert.equal((await askInside(debian, QUESTION, { key })).status, '000');
  assert.equal(await debian.must('pgrep -fc ^/usr/lib/mem-agent || true'), '0');
  await debian.must(
    'test ! -e /usr/bin/mem-agent && test ! -e /usr/lib/mem-agent && test -f /etc/mem-agent/config.toml',
  );
  assert.equal(await debian.must('systemctl --failed --no-legend'), '');
  await apt('install /root/next.deb');
  assert.match((await mustAsk(debian, QUESTION, { key })).reply, /Pepper/);
});

step('purge: all goes but the notes', async () => {
  const said = await apt('purge mem-agent');
  assert.match(said, /The notes stay in \/var\/lib\/private\/mem-agent\/memory/);
  const left = await debian.must(LEFT_FILES);
  assert.deepEqual(left.split('\n'), ['/var/lib/mem-agent', '/var/lib/private/mem-agent']);
  assert.equal(await debian.must('ls /var/lib/mem-agent/'), 'memory');
  assert.match(await debian.must('cat /var/lib/mem-agent/memory/*.md'), /Pepper/);
  assert.equal(await debian.must('systemctl --failed --no-legend'), '');
  assert.equal((await askInside(debian, QUESTION, { key, url: LOOPBACK_URL })).status, '000');
});

step('install.sh does the same without a package manager, and takes it away again', async () => {
  copyFileSync(join(projectRoot, 'deploy/install.sh'), join(debian.root, 'root/install.sh'));
  await debian.must('dpkg-deb -x /root/next.deb /root/tree');
  const said = await debian.must('sh /root/install.sh --tree /root/tree');
  assert.match(said, /mem-agent runs/);
  const own = await debian.must(FIRST_KEY);
  assert.notEqual(own, key);
  assert.match((await mustAsk(debian, QUESTION, { key: own })).reply, /Pepper/, 'the notes were still there');
  assert.equal(await debian.must('stat -c %U:%G /usr/bin /usr/bin/mem-agent'), 'root:root\nroot:root');
  await debian.must('sh /root/install.sh --tree /root/tree');
  await mustAsk(debian, QUESTION, { key: own });
  await debian.must('sh /root/install.sh --purge');
  assert.equal(await debian.must(LEFT_FILES), '/var/lib/mem-agent\n/var/lib/private/mem-agent');
  assert.equal(await debian.must('systemctl --failed --no-legend'), '');
});
