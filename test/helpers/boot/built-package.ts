// The Debian package of this checkout as it is now, built once for the same sources.
import { createHash } from 'node:crypto';
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { spawnSync } from 'node:child_process';
import { basename, join } from 'node:path';
import { buildDeb } from '../../../deploy/deb/build-deb.ts';
import { projectRoot } from '../source-files.ts';
import { BOOT_CACHE } from './base-root.ts';

const SOURCES = [
  'src/**',
  'deploy/**',
  'systemd/**',
  'config/**',
  'nginx/**',
  'package.json',
  'package-lock.json',
  'CHANGELOG.md',
];

export function builtPackage(): string {
  const hash = createHash('sha256');
  for (const name of globSync(SOURCES, { cwd: projectRoot }).toSorted()) {
    const file = join(projectRoot, name);
    if (statSync(file).isFile()) hash.update(`${name}\0`).update(readFileSync(file));
  }
  const directory = join(BOOT_CACHE, `package-${hash.digest('hex').slice(0, 12)}`);
  mkdirSync(BOOT_CACHE, { recursive: true });
  if (!existsSync(directory)) {
    for (const old of globSync(join(BOOT_CACHE, 'package-*'))) rmSync(old, { recursive: true, force: true });
    const making = mkdtempSync(join(BOOT_CACHE, 'making-'));
    buildDeb(making);
    renameSync(making, directory);
  }
  const [file] = globSync(join(directory, '*.deb'));
  if (file === undefined) throw new Error(`no package in ${directory}`);
  return file;
}

/** The same package with a higher version, as the next release would have; made quickly, hence not packed. */
export function nextVersion(packageFile: string, targetDirectory: string): { file: string; version: string } {
  const tree = join(targetDirectory, 'next');
  run('dpkg-deb', ['--raw-extract', packageFile, tree]);
  const control = join(tree, 'DEBIAN/control');
  const version = `${/^Version: (.*)$/m.exec(readFileSync(control, 'utf8'))?.[1]}.1`;
  writeFileSync(control, readFileSync(control, 'utf8').replace(/^Version: .*$/m, `Version: ${version}`));
  const manifest = join(tree, 'usr/lib/mem-agent/app/package.json');
  const content = JSON.parse(readFileSync(manifest, 'utf8')) as object;
  writeFileSync(manifest, JSON.stringify({ ...content, version }));
  const file = join(targetDirectory, basename(packageFile).replace('.deb', '-next.deb'));
  run('dpkg-deb', ['--root-owner-group', '-Znone', '--build', tree, file]);
  rmSync(tree, { recursive: true });
  return { file, version };
}

function run(command: string, args: readonly string[]): void {
  const result = spawnSync(command, args, { encoding: 'utf8' });
  if (result.error !== undefined) throw result.error;
  if (result.status !== 0) throw new Error(`${command} failed:\n${result.stderr}`);
}
