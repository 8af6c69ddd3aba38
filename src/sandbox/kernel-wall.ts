// Wall 3: the kernel's own isolation around the sandbox process, the strongest that this machine offers.
// Guarantee: inside, only the system's libraries and the paths named here exist, read-only; no network, no other process.
import { accessSync, constants } from 'node:fs';
import { delimiter } from 'node:path';

export type KernelWallName = 'bwrap' | 'unshare' | 'sandbox-exec' | 'none';

export interface KernelWall {
  name: KernelWallName;
  /** Command line that runs `argv` inside the wall; `readPaths` are what must be there. */
  wrap(argv: readonly string[], readPaths: readonly string[]): string[];
}

const SYSTEM_PATHS = ['/usr', '/lib', '/lib64', '/lib32', '/bin', '/sbin'];
const TOOL_DIRECTORIES = ['/usr/bin', '/bin', '/usr/sbin', '/sbin', '/usr/local/bin'];

export function findTool(name: string, searchPath = ''): string | null {
  const directories = [
    ...TOOL_DIRECTORIES,
    ...searchPath.split(delimiter).filter((directory) => directory.startsWith('/')),
  ];
  for (const directory of directories) {
    const file = `${directory}/${name}`;
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not here; the next directory may have it.
    }
  }
  return null;
}

/** No isolation by the kernel, but limits, and an end with the daemon where the system can promise it. */
export function createNoWall(): KernelWall {
  return { name: 'none', wrap: (argv) => withParentDeath(withLimits(argv)) };
}

/** Candidates, strongest first. Whether one works is for the self-test to find out. */
export function listKernelWalls(options: { scratchDirectory: string; platform?: NodeJS.Platform }): KernelWall[] {
  const platform = options.platform ?? process.platform;
  if (platform === 'darwin') return listDarwinWalls();
  if (platform !== 'linux') return [];
  const walls: KernelWall[] = [];
  const bwrap = findTool('bwrap');
  if (bwrap !== null) walls.push({ name: 'bwrap', wrap: (argv, readPaths) => wrapWithBwrap(bwrap, argv, readPaths) });
  const unshare = findTool('unshare');
  const setpriv = findTool('setpriv');
  if (unshare !== null && setpriv !== null) {
    walls.push({
      name: 'unshare',
      wrap: (argv, readPaths) =>
        wrapWithUnshare({ unshare, setpriv, scratchDirectory: options.scratchDirectory }, argv, readPaths),
    });
  }
  return walls;
}

/** What is there with the system's own paths needs no place of its own, and a read-only place can be given none. */
function besidesSystem(readPaths: readonly string[]): string[] {
  return readPaths.filter((path) => !SYSTEM_PATHS.some((own) => path.startsWith(`${own}/`)));
}

function wrapWithBwrap(bwrap: string, argv: readonly string[], readPaths: readonly string[]): string[] {
  const binds = [
    ...SYSTEM_PATHS.flatMap((path) => ['--ro-bind-try', path, path]),
    ...besidesSystem(readPaths).flatMap((path) => ['--ro-bind', path, path]),
  ];
  const isolation = [
    '--unshare-all',
    '--unshare-user',
    '--die-with-parent',
    '--new-session',
    '--clearenv',
    '--cap-drop',
    'ALL',
  ];
  return withParentDeath([
    bwrap,
    ...isolation,
    ...binds,
    '--remount-ro',
    '/',
    '--chdir',
    '/',
    '--',
    ...withLimits(argv),
  ]);
}

// A root of its own on a small tmpfs, the named paths bound read-only into it, the old root let go, no capability kept.
// `umount` reads its table from /proc, which goes as well once it has served.
const UNSHARE_SCRIPT = `set -e
root=$1; setpriv=$2; shift 2
mount -t tmpfs -o size=1m,mode=0755,nosuid,nodev mem-agent "$root"
bind() {
  if [ -L "$1" ]; then mkdir -p "$root\${1%/*}"; cp -P "$1" "$root$1"; return; fi
  if [ -d "$1" ]; then mkdir -p "$root$1"; else mkdir -p "$root\${1%/*}"; : > "$root$1"; fi
  mount --rbind "$1" "$root$1"
  mount -o remount,bind,ro,nosuid,nodev "$root$1"
}
while [ "$1" != -- ]; do if [ -e "$1" ]; then bind "$1"; fi; shift; done
shift
mkdir "$root/.old" "$root/proc"
mount -t proc proc "$root/proc"
cd "$root"
pivot_root . .old
cd /
umount -l /.old
mount -o remount,bind,ro /
umount -l /proc
exec "$setpriv" --no-new-privs --bounding-set=-all --inh-caps=-all --ambient-caps=-all -- "$@"`;

function wrapWithUnshare(
  tools: { unshare: string; setpriv: string; scratchDirectory: string },
  argv: readonly string[],
  readPaths: readonly string[],
): string[] {
  const namespaces = [
    '--user',
    '--map-root-user',
    '--net',
    '--mount',
    '--pid',
    '--fork',
    '--kill-child',
    '--ipc',
    '--uts',
  ];
  const inside = ['/bin/sh', '-c', UNSHARE_SCRIPT, 'sh', tools.scratchDirectory, tools.setpriv];
  return withParentDeath([
    tools.unshare,
    ...namespaces,
    '--',
    ...inside,
    ...SYSTEM_PATHS,
    ...besidesSystem(readPaths),
    '--',
    ...withLimits(argv),
  ]);
}

function listDarwinWalls(): KernelWall[] {
  const tool = findTool('sandbox-exec');
  if (tool === null) return [];
  return [
    {
      name: 'sandbox-exec',
      wrap: (argv, readPaths) => [tool, '-p', darwinProfile(readPaths), ...withLimits(argv)],
    },
  ];
}

function darwinProfile(readPaths: readonly string[]): string {
  const readable = ['/usr/lib', '/System', '/private/var/db/dyld', '/dev/urandom', '/dev/null', ...readPaths];
  const rules = readable.map((path) => `(subpath ${JSON.stringify(path)})`).join(' ');
  return `(version 1)(deny default)(allow process-exec (literal "/bin/sh") ${rules})(allow file-read* (literal "/") (literal "/bin/sh") ${rules})(allow file-read-metadata)(allow sysctl-read)(allow mach-lookup)(allow signal (target self))`;
}

// A unit that may not set capabilities can't run setpriv at all; there the manager ends what is left of the unit.
const PARENT_DEATH_SCRIPT =
  'setpriv=$0; if "$setpriv" --pdeathsig KILL -- true 2>/dev/null; then exec "$setpriv" --pdeathsig KILL -- "$@"; fi; exec "$@"';

/** The child gets SIGKILL when the daemon dies, even in an endless loop. */
function withParentDeath(argv: readonly string[]): string[] {
  const setpriv = findTool('setpriv');
  return setpriv === null ? [...argv] : ['/bin/sh', '-c', PARENT_DEATH_SCRIPT, setpriv, ...argv];
}

/** No core files, no files written, and an end by itself after ten minutes of CPU if nobody else ends it. */
function withLimits(argv: readonly string[]): string[] {
  return ['/bin/sh', '-c', 'ulimit -c 0; ulimit -f 0; ulimit -t 600; exec "$0" "$@"', ...argv];
}
