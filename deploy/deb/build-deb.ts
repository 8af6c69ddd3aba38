// `npm run package:deb`: the installed tree, its maintainer scripts and documents as one .deb in dist/.
// Guarantees: everything in it belongs to root, and the same commit gives the same bytes.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { globSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { buildTree, compress, copy, put } from '../bundle/build-tree.ts';
import { PROJECT, readManifest } from '../bundle/project.ts';

const DOCUMENTATION = 'usr/share/doc/mem-agent';

/** Where the package was put. */
export function buildDeb(outDirectory: string): string {
  const { version } = readManifest();
  const architecture = run('dpkg', ['--print-architecture']);
  const epoch = process.env['SOURCE_DATE_EPOCH'] ?? commitTime();
  const work = mkdtempSync(join(tmpdir(), 'mem-agent-deb-'));
  try {
    const root = join(work, 'root');
    buildTree(root);
    addDocuments(root, version, Number(epoch));
    addControl(root, version, architecture);
    mkdirSync(outDirectory, { recursive: true });
    const file = join(outDirectory, `mem-agent_${version}_${architecture}.deb`);
    run('dpkg-deb', ['--root-owner-group', '-Zzstd', '-z12', '--build', root, file], { SOURCE_DATE_EPOCH: epoch });
    return file;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function addDocuments(root: string, version: string, epoch: number): void {
  for (const name of ['README.Debian', 'copyright'])
    copy(join(import.meta.dirname, name), root, `${DOCUMENTATION}/${name}`);
  const runtime = join(PROJECT, 'node_modules', `node-linux-${process.arch}`, 'LICENSE');
  put(root, `${DOCUMENTATION}/LICENSE.node.gz`, compress(readFileSync(runtime, 'utf8')));
  const date = new Date(epoch * 1000).toUTCString().replace('GMT', '+0000');
  const changes = `mem-agent (${version}) unstable; urgency=medium\n\n  * See NEWS.gz.\n\n -- mem-agent developers <mem-agent@localhost>  ${date}\n`;
  put(root, `${DOCUMENTATION}/changelog.gz`, compress(changes));
  put(root, `${DOCUMENTATION}/NEWS.gz`, compress(readFileSync(join(PROJECT, 'CHANGELOG.md'), 'utf8')));
}

function addControl(root: string, version: string, architecture: string): void {
  const files = globSync('**/*', { cwd: root })
    .filter((path) => lstatSync(join(root, path)).isFile())
    .toSorted();
  const bytes = files.reduce((sum, path) => sum + lstatSync(join(root, path)).size, 0);
  const control = readFileSync(join(import.meta.dirname, 'control'), 'utf8')
    .replace('@VERSION@', version)
    .replace('@ARCHITECTURE@', architecture)
    .replace('@INSTALLED_KIB@', String(Math.ceil(bytes / 1024)));
  put(root, 'DEBIAN/control', control);
  put(
    root,
    'DEBIAN/md5sums',
    files
      .filter((path) => !path.startsWith('etc/'))
      .map((path) => sumLine(root, path))
      .join(''),
  );
  put(root, 'DEBIAN/conffiles', '/etc/mem-agent/config.toml\n');
  for (const script of ['postinst', 'prerm', 'postrm'])
    copy(join(import.meta.dirname, script), root, `DEBIAN/${script}`, 0o755);
}

function sumLine(root: string, path: string): string {
  return `${createHash('md5')
    .update(readFileSync(join(root, path)))
    .digest('hex')}  ${path}\n`;
}

function commitTime(): string {
  const log = spawnSync('git', ['log', '-1', '--format=%ct'], { cwd: PROJECT, encoding: 'utf8' });
  return log.status === 0 ? log.stdout.trim() : String(Math.floor(Date.now() / 1000));
}

function run(command: string, args: readonly string[], environment: Readonly<Record<string, string>> = {}): string {
  const result = spawnSync(command, args, { encoding: 'utf8', env: { ...process.env, ...environment } });
  if (result.error !== undefined) throw result.error;
  if (result.status !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${result.stdout}${result.stderr}`);
  return result.stdout.trim();
}

if (import.meta.main) {
  const file = buildDeb(join(PROJECT, 'dist'));
  const { size } = lstatSync(file);
  process.stdout.write(`${relative(process.cwd(), file)}  ${(size / 1024 / 1024).toFixed(1)} MiB\n`);
}
