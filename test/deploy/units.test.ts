// The units as systemd reads them: no complaint of `systemd-analyze verify`, and an exposure that stays where it is, also with
// the drop-ins of the examples. Needs systemd-analyze (Debian's package systemd), but no running systemd.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { tempDirectory } from '../helpers/run-main.ts';
import { projectRoot } from '../helpers/source-files.ts';

const UNITS = join(projectRoot, 'systemd');
const names = readdirSync(UNITS).filter((name) => /\.(service|socket)$/.test(name));

function analyze(...args: string[]): { code: number | null; output: string } {
  const run = spawnSync('systemd-analyze', args, { encoding: 'utf8' });
  if (run.error !== undefined) throw run.error;
  return { code: run.status, output: run.stdout + run.stderr };
}

/** A copy in which what the package installs stands for itself: verify asks whether the executable is there. */
function installInto(directory: string, dropIns: Readonly<Record<string, string>> = {}): string[] {
  for (const name of names) {
    const text = readFileSync(join(UNITS, name), 'utf8').replaceAll(/^(Exec\w+=)\/usr\/bin\/[\w-]+/gm, '$1/bin/true');
    writeFileSync(join(directory, name), text);
  }
  for (const [unit, dropIn] of Object.entries(dropIns)) {
    mkdirSync(join(directory, `${unit}.d`));
    copyFileSync(join(UNITS, dropIn), join(directory, `${unit}.d`, 'test.conf'));
  }
  return names.map((name) => join(directory, name));
}

function exposureOf(unitFile: string): number {
  const { output } = analyze('security', '--offline=yes', '--no-pager', unitFile);
  const found = /Overall exposure level for \S+: ([\d.]+)/.exec(output)?.[1];
  assert.notEqual(found, undefined, output);
  return Number(found);
}

test('systemd finds nothing to complain about', () => {
  using directory = tempDirectory();
  assert.ok(names.includes('mem-agent.service') && names.includes('mem-agent.socket'));
  assert.deepEqual(analyze('verify', '--man=no', ...installInto(directory.path)), { code: 0, output: '' });
});

test('nor with the drop-ins that are offered', () => {
  const dropIns = readdirSync(join(UNITS, 'examples')).filter((name) => name.endsWith('.conf'));
  assert.ok(dropIns.length > 0);
  for (const dropIn of dropIns) {
    using directory = tempDirectory();
    const unit = /^\[Socket\]$/m.test(readFileSync(join(UNITS, 'examples', dropIn), 'utf8'))
      ? 'mem-agent.socket'
      : 'mem-agent.service';
    const files = installInto(directory.path, { [unit]: `examples/${dropIn}` });
    assert.deepEqual(analyze('verify', '--man=no', ...files), { code: 0, output: '' }, dropIn);
  }
});

test('the exposure of each unit stays where it is', () => {
  using directory = tempDirectory();
  installInto(directory.path);
  const limits = { 'mem-agent.service': 1.2, 'mem-agent-worker.service': 1.5, 'mem-agent-py@.service': 0.5 };
  for (const [name, limit] of Object.entries(limits)) {
    const exposure = exposureOf(join(directory.path, name));
    assert.ok(exposure <= limit, `${name}: ${exposure} > ${limit}`);
  }
});

test('loopback only is better still, notes in a home not worse than the gate', () => {
  const limits = { 'loopback-only.conf': 0.9, 'memory-in-home.conf': 1.5 };
  for (const [dropIn, limit] of Object.entries(limits)) {
    using directory = tempDirectory();
    installInto(directory.path, { 'mem-agent.service': `examples/${dropIn}` });
    const exposure = exposureOf(join(directory.path, 'mem-agent.service'));
    assert.ok(exposure <= limit, `${dropIn}: ${exposure} > ${limit}`);
  }
});

test('every directive stands under a reason, its own or its group’s', () => {
  for (const name of names) {
    const lines = readFileSync(join(UNITS, name), 'utf8').split('\n');
    let isExplained = true;
    lines.forEach((line, index) => {
      if (line.startsWith('#')) isExplained = true;
      else if (line === '') isExplained = false;
      else if (/^\[(Unit|Install|Service|Socket)\]$/.test(line)) isExplained = true;
      else assert.ok(isExplained, `${name}:${index + 1}: ${line}`);
    });
  }
});

test('users and directories are declared in a form that systemd takes', () => {
  using directory = tempDirectory();
  for (const [tool, file] of [
    ['systemd-sysusers', 'sysusers.d/mem-agent.conf'],
    ['systemd-tmpfiles', 'tmpfiles.d/mem-agent.conf'],
  ] as const) {
    const args = tool === 'systemd-tmpfiles' ? ['--create'] : [];
    mkdirSync(join(directory.path, 'etc'), { recursive: true });
    const run = spawnSync(tool, [...args, `--root=${directory.path}`, join(UNITS, file)], { encoding: 'utf8' });
    assert.equal(run.status, 0, run.stderr);
  }
  const users = readFileSync(join(directory.path, 'etc/passwd'), 'utf8');
  assert.match(users, /^mem-agent:.*^mem-agent-worker:/ms);
  assert.match(readFileSync(join(directory.path, 'etc/group'), 'utf8'), /^mem-agent-py:[^\n]*:mem-agent$/m);
});
