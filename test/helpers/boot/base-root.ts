// A Debian 12 with systemd as a directory, made once by debootstrap and kept in the temp directory: it takes a minute or more.
// Guarantee: a root that is there is whole; one that is half made has another name.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where roots and packages are kept between tests. */
export const BOOT_CACHE = join(tmpdir(), 'mem-agent-boot');

const SUITE = 'bookworm';
/** What a small server has, and what the package depends on and recommends: inside there is no network. */
const PACKAGES = ['systemd', 'systemd-sysv', 'dbus', 'procps', 'curl', 'python3', 'libatomic1', 'libstdc++6', 'nginx'];

export function debianRoot(): string {
  const key = createHash('sha256')
    .update([SUITE, ...PACKAGES].join(' '))
    .digest('hex')
    .slice(0, 12);
  const root = join(BOOT_CACHE, `${SUITE}-${key}`);
  if (existsSync(root)) return root;
  mkdirSync(BOOT_CACHE, { recursive: true });
  const making = `${root}.${process.pid}`;
  const args = ['--variant=minbase', `--include=${PACKAGES.join(',')}`, SUITE, making, findMirror()];
  const run = spawnSync('debootstrap', args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  if (run.error !== undefined) throw run.error;
  if (run.status !== 0) {
    rmSync(making, { recursive: true, force: true });
    throw new Error(`debootstrap failed:\n${run.stdout.slice(-2000)}${run.stderr.slice(-2000)}`);
  }
  renameSync(making, root);
  return root;
}

/** The machine's own mirror, which it can reach. */
function findMirror(): string {
  const sources = ['/etc/apt/sources.list', ...globSync('/etc/apt/sources.list.d/*.{list,sources}')]
    .filter((file) => existsSync(file))
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n\n');
  return (
    /^(?:URIs:|deb(?:\s+\[[^\]]*\])?)\s+(\S+\/debian\/?)(?:\s|$)/m.exec(sources)?.[1] ?? 'http://deb.debian.org/debian'
  );
}
