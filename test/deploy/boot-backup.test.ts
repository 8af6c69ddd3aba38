// The backup and the restore of the operations manual (deploy/README.md), its own commands, on a Debian that boots: after the
// machine has lost everything, notes, keys, audit and settings are back. Needs root, debootstrap and systemd-nspawn.
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { askInside, mustAsk } from '../helpers/boot/ask-inside.ts';
import { bootDebian } from '../helpers/boot/booted-debian.ts';
import { builtPackage } from '../helpers/boot/built-package.ts';
import { projectRoot } from '../helpers/source-files.ts';

const APT = 'DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o APT::Sandbox::User=root';
const QUESTION = 'What is my cat called?';

/** The shell blocks below a heading of the manual, in order. */
function commandsOf(heading: string): string[] {
  const manual = readFileSync(join(projectRoot, 'deploy/README.md'), 'utf8');
  const section = manual.split(`## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  return [...section.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, commands = '']) => commands);
}

test('what the manual says brings everything back', async () => {
  const [backup = '', restore = ''] = commandsOf('Backup and restore');
  assert.match(backup, /tar .*-czf/);
  await using debian = await bootDebian();
  const file = builtPackage();
  copyFileSync(file, join(debian.root, 'root', basename(file)));
  const install = `${APT} install /root/${basename(file)}`;
  await debian.must(install);
  const key = await debian.must("sed -n 's/^ *client key *//p' /var/lib/mem-agent/first-keys");
  writeFileSync(join(debian.root, 'etc/mem-agent/conf.d/mine.toml'), 'log.level = "debug"\n');
  await mustAsk(debian, 'Remember that my cat is called Pepper.', { key });
  const records = await auditRecords();
  await debian.must(`cd /root; set -e\n${backup}`);
  assert.match((await mustAsk(debian, QUESTION, { key })).reply, /Pepper/);

  await debian.must(`${APT} purge mem-agent && rm -rf /var/lib/private/mem-agent /var/lib/mem-agent /etc/mem-agent`);
  await debian.must(install);
  assert.equal((await askInside(debian, QUESTION, { key })).status, '401', 'another machine, other keys');

  const date = await debian.must("ls /root/mem-agent-2*.tar.gz | sed 's/.*agent-\\(.*\\).tar.gz/\\1/'");
  const said = await debian.must(`cd /root; set -e\n${restore.replaceAll('DATE', date)}`);
  assert.match(said, /: ready/);
  assert.match((await mustAsk(debian, QUESTION, { key })).reply, /Pepper/);
  assert.equal(await debian.must('mem-agent log-level'), 'debug');
  assert.ok((await auditRecords()) > records, 'the chain goes on where it was');

  async function auditRecords(): Promise<number> {
    const verdict = JSON.parse(await debian.must('mem-agent audit verify --json')) as { ok: boolean; records: number };
    assert.equal(verdict.ok, true);
    return verdict.records;
  }
});
