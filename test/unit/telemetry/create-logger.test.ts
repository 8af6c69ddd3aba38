// The logger: JSON lines, one gate for all children, redaction of the finished line, journal priorities.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createLogger } from '../../../src/telemetry/create-logger.ts';

const directory = mkdtempSync(join(tmpdir(), 'mem-agent-logger-'));
after(() => rmSync(directory, { recursive: true, force: true }));

function linesOf(file: string): Record<string, unknown>[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

test('a change of level reaches children that were made before it', () => {
  const file = join(directory, 'level.log');
  using logger = createLogger({ level: 'info', destination: { file } });
  const child = logger.child({ component: 'http' }).child({ requestId: 'r1' });
  child.debug({}, 'unseen');
  logger.setLevel('debug');
  child.debug({ port: 1 }, 'seen');
  logger.setLevel('error');
  child.warn({}, 'unseen too');
  child.error({}, 'last');
  const lines = linesOf(file);
  assert.deepEqual(
    lines.map((line) => [line['level'], line['component'], line['requestId'], line['msg']]),
    [
      ['debug', 'http', 'r1', 'seen'],
      ['error', 'http', 'r1', 'last'],
    ],
  );
  assert.equal(lines[0]?.['port'], 1);
  assert.equal(statSync(file).mode & 0o777, 0o600);
});

test('secrets are taken out of fields, messages and errors', () => {
  const file = join(directory, 'secret.log');
  const key = `mema_admin_${'Q7'.repeat(24)}x`;
  using logger = createLogger({
    level: 'info',
    destination: { file },
    redact: (text) => text.replaceAll('Alice', 'someone'),
  });
  logger.info(
    { headers: { authorization: `Bearer ${key}` }, err: new Error(`refused ${key}`) },
    `called with ${key} by Alice`,
  );
  const text = readFileSync(file, 'utf8');
  assert.ok(!text.includes('Q7Q7'), text);
  assert.ok(!text.includes('Alice'));
  const logged = linesOf(file)[0]?.['err'] as { message: string } | undefined;
  assert.match(logged?.message ?? '', /refused mema_admin_\[redacted\]/);
});

test('reopen follows a rotated file', () => {
  const file = join(directory, 'rotate.log');
  using logger = createLogger({ level: 'info', destination: { file } });
  logger.info({}, 'one');
  renameSync(file, `${file}.1`);
  logger.reopen();
  logger.info({}, 'two');
  assert.equal(linesOf(`${file}.1`)[0]?.['msg'], 'one');
  assert.equal(linesOf(file)[0]?.['msg'], 'two');
});

test('a full disk under the log stops nothing: lines are held, a bounded part of them, and the loss is told', async () => {
  const file = join(directory, 'full.log');
  symlinkSync('/dev/full', file);
  using logger = createLogger({ level: 'info', destination: { file } });
  logger.info({}, 'first');
  const [count, text] = [3000, 'x'.repeat(1000)];
  for (let index = 0; index < count; index++) logger.info({ index }, text);
  rmSync(file);
  logger.reopen();
  await nextTurn();
  logger.info({}, 'last');
  const lines = linesOf(file);
  assert.equal(lines[0]?.['msg'], 'first');
  assert.equal(lines.at(-1)?.['msg'], 'last');
  const told = lines.find(({ msg }) => msg === 'the log can be written again');
  assert.equal(told?.['level'], 'warn');
  assert.equal(told['lostLines'], count + 3 - lines.length);
  assert.ok(statSync(file).size < 1.1 * 1024 * 1024);
});

test('a rotation that cannot open the new file writes on into the old one', () => {
  const folder = join(directory, 'gone');
  const file = join(folder, 'a.log');
  mkdirSync(folder);
  using logger = createLogger({ level: 'info', destination: { file } });
  renameSync(folder, `${folder}.away`);
  writeFileSync(folder, 'a file where the directory was');
  logger.reopen();
  logger.info({}, 'still here');
  assert.equal(linesOf(join(`${folder}.away`, 'a.log')).at(-1)?.['msg'], 'still here');
});

test('a log that cannot be opened names the setting', () => {
  const parent = join(directory, 'no-directory');
  writeFileSync(parent, '');
  const file = join(parent, 'a.log');
  assert.throws(() => createLogger({ level: 'info', destination: { file } }), {
    code: 'CONFIG_INVALID',
    message: `log.file: can't write ${file} (EEXIST)`,
  });
});

test('under systemd each line has its priority; a stream that is not the journal has none', () => {
  const module = new URL('../../../src/telemetry/create-logger.ts', import.meta.url).href;
  const script = (announced: string): string => `
    import { fstatSync } from 'node:fs';
    import { createLogger } from '${module}';
    const stat = fstatSync(2);
    const logger = createLogger({ level: 'info', destination: 'stderr', environment: { JOURNAL_STREAM: ${announced} } });
    logger.info({}, 'i'); logger.warn({}, 'w'); logger.error({}, 'e');`;
  const run = (announced: string): string[] => {
    const result = spawnSync(process.execPath, ['--input-type=module', '-e', script(announced)], { encoding: 'utf8' });
    assert.equal(result.status, 0, result.stderr);
    return result.stderr
      .trim()
      .split('\n')
      .map((line) => line.slice(0, 4));
  };
  assert.deepEqual(run('`${stat.dev}:${stat.ino}`'), ['<6>{', '<4>{', '<3>{']);
  assert.deepEqual(run('"1:1"'), ['{"le', '{"le', '{"le']);
});
