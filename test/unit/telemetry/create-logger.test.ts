// The logger: JSON lines, one gate for all children, redaction of the finished line, journal priorities.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
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
