// Lays out everything that is installed under one directory, as it will stand under `/`; the Debian package and install.sh
// are two ways to put it there. Run as a program: `node deploy/bundle/build-tree.ts DIRECTORY`.
import { chmodSync, copyFileSync, cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { renderExampleConfig } from '../../src/config/example-config.ts';
import { describeCommands } from './command-list.ts';
import { compileSource } from './compile-source.ts';
import { copyDependencies } from './copy-dependencies.ts';
import { renderCompletion } from './render-completion.ts';
import { renderConfigManual, renderProgramManual } from './render-manuals.ts';
import { renderSbom } from './render-sbom.ts';
import { PROJECT, readManifest } from './project.ts';

const UNITS = 'usr/lib/systemd/system';

export function buildTree(root: string): void {
  const { version, license, name } = readManifest();
  const app = join(root, 'usr/lib/mem-agent/app');
  rmSync(root, { recursive: true, force: true });
  mkdirSync(root, { recursive: true, mode: 0o755 });

  compileSource(join(app, 'dist'));
  copyDependencies(app);
  put(root, 'usr/lib/mem-agent/app/package.json', `${JSON.stringify({ name, version, license, type: 'module' })}\n`);
  cpSync(join(PROJECT, 'config/sample-memory'), join(app, 'config/sample-memory'), { recursive: true });
  copyFileSync(join(PROJECT, 'config/sample-memory-questions.json'), join(app, 'config/sample-memory-questions.json'));
  copy(process.execPath, root, 'usr/lib/mem-agent/bin/node', 0o755);
  copy(join(import.meta.dirname, 'mem-agent'), root, 'usr/bin/mem-agent', 0o755);

  const systemd = join(PROJECT, 'systemd');
  for (const unit of readdirSync(systemd).filter((file) => /\.(service|socket)$/.test(file)))
    copy(join(systemd, unit), root, `${UNITS}/${unit}`);
  copy(join(systemd, 'mem-agent.service.d/notify-reload.conf'), root, 'usr/lib/mem-agent/systemd/notify-reload.conf');
  copy(join(systemd, 'sysusers.d/mem-agent.conf'), root, 'usr/lib/sysusers.d/mem-agent.conf');
  copy(join(systemd, 'tmpfiles.d/mem-agent.conf'), root, 'usr/lib/tmpfiles.d/mem-agent.conf');

  const commands = describeCommands();
  put(root, 'usr/share/man/man8/mem-agent.8.gz', compress(renderProgramManual(commands, version)));
  put(root, 'usr/share/man/man5/mem-agent.toml.5.gz', compress(renderConfigManual(version)));
  put(root, 'usr/share/bash-completion/completions/mem-agent', renderCompletion(commands));
  const documentation = 'usr/share/doc/mem-agent';
  put(root, `${documentation}/sbom.cdx.json`, renderSbom());
  put(root, `${documentation}/examples/mem-agent.toml`, renderExampleConfig());
  for (const example of readdirSync(join(systemd, 'examples')))
    copy(join(systemd, 'examples', example), root, `${documentation}/examples/${example}`);
  copy(join(PROJECT, 'deploy/logging/mem-agent.logrotate'), root, `${documentation}/examples/mem-agent.logrotate`);
  for (const folder of ['nginx', 'deploy/monitoring'])
    cpSync(join(PROJECT, folder), join(root, documentation, 'examples', basename(folder)), { recursive: true });
  copy(join(import.meta.dirname, 'config.toml'), root, 'etc/mem-agent/config.toml');
}

export function put(root: string, path: string, content: string | Uint8Array, mode = 0o644): void {
  const target = join(root, path);
  mkdirSync(dirname(target), { recursive: true, mode: 0o755 });
  writeFileSync(target, content);
  chmodSync(target, mode);
}

export function copy(source: string, root: string, path: string, mode = 0o644): void {
  const target = join(root, path);
  mkdirSync(dirname(target), { recursive: true, mode: 0o755 });
  copyFileSync(source, target);
  chmodSync(target, mode);
}

/** Without a time inside, so that the same source gives the same file. */
export function compress(text: string): Uint8Array {
  return gzipSync(text, { level: 9 });
}

if (import.meta.main) {
  const [target] = process.argv.slice(2);
  if (target === undefined) throw new Error('usage: node deploy/bundle/build-tree.ts DIRECTORY');
  buildTree(target);
}
