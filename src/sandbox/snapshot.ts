// The interpreter's memory after boot and imports, kept in a file: a start takes 0.4 s with it and 3 s without.
// Guarantee: only a file that this version wrote, with the hash its name carries, is ever loaded.
import { createHash, randomUUID } from 'node:crypto';
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { AppError } from '../lib/app-error.ts';
import type { KernelWall } from './kernel-wall.ts';
import { guestArguments, guestDirectory, launch, locateInterpreter } from './launcher.ts';
import { killTree } from './process-tree.ts';

const MAX_SNAPSHOT_BYTES = 256 * 1024 * 1024;
const BUILD_TIMEOUT_MS = 60_000;
const CHUNK_BYTES = 1024 * 1024;
const FILE_PREFIX = 'sandbox-';
const FILE_SUFFIX = '.snapshot';

export interface SnapshotOptions {
  cacheDirectory: string;
  memoryBytes: number;
  wall: KernelWall;
  /** Ends the build; the promise then rejects. */
  signal: AbortSignal;
}

/** Path of a verified snapshot, built now if there is none. Throws `SANDBOX_FAILED` when it cannot be built. */
export async function ensureSnapshot(options: SnapshotOptions): Promise<string> {
  const { cacheDirectory } = options;
  const prefix = `${FILE_PREFIX}${snapshotKey()}-`;
  mkdirSync(cacheDirectory, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(cacheDirectory)) {
    const file = `${cacheDirectory}/${name}`;
    if (name.startsWith(prefix) && name === `${prefix}${hashOfFile(file)}${FILE_SUFFIX}`) return file;
    // Of another version, half written or damaged: of no use to anyone.
    if (name.startsWith(FILE_PREFIX) && name.endsWith(FILE_SUFFIX)) rmSync(file, { force: true });
  }
  const temporary = `${cacheDirectory}/${prefix}${process.pid}-${randomUUID()}.tmp`;
  try {
    // The name carries the hash: file and hash appear in one step, and two daemons that build at once cannot mix theirs.
    const file = `${cacheDirectory}/${prefix}${await build(options, temporary)}${FILE_SUFFIX}`;
    renameSync(temporary, file);
    return file;
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** Everything a snapshot depends on: interpreter, runtime, processor, and our own files inside. */
export function snapshotKey(): string {
  const hash = createHash('sha256').update(`${process.version} ${process.arch} `);
  hash.update(readFileSync(`${locateInterpreter()}/package.json`));
  const python = `${guestDirectory()}/python`;
  for (const name of readdirSync(python).sort()) hash.update(readFileSync(`${python}/${name}`));
  for (const name of readdirSync(guestDirectory()).sort())
    if (name.startsWith('guest.')) hash.update(readFileSync(`${guestDirectory()}/${name}`));
  return hash.digest('hex').slice(0, 16);
}

function hashOfFile(file: string): string | null {
  try {
    const hash = createHash('sha256');
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    const descriptor = openSync(file, 'r');
    try {
      for (let size = readSync(descriptor, chunk); size > 0; size = readSync(descriptor, chunk))
        hash.update(chunk.subarray(0, size));
    } finally {
      closeSync(descriptor);
    }
    return hash.digest('hex');
  } catch {
    // Unreadable or gone is the same as wrong: it is built again.
    return null;
  }
}

/** Streams the snapshot into `file` (in one piece it would stay in the daemon's memory) and resolves with its hash. */
function build(options: SnapshotOptions, file: string): Promise<string> {
  const descriptor = openSync(file, 'wx', 0o600);
  const hash = createHash('sha256');
  const child = launch({
    wall: options.wall,
    permissionWall: true,
    entry: 'guest',
    snapshotFile: null,
    arguments: guestArguments({ snapshotFile: null, memoryBytes: options.memoryBytes, mode: 'snapshot' }),
  });
  let sizeBytes = 0;
  let stderr = '';
  /** A full disk, or a child that never stops writing. */
  let failure: unknown;
  const end = (): void => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) killTree(child.pid);
  };
  const timer = setTimeout(end, BUILD_TIMEOUT_MS);
  options.signal.addEventListener('abort', end, { once: true });
  child.stdin.on('error', () => undefined);
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-2000);
  });
  child.stdout.on('data', (chunk: Buffer) => {
    sizeBytes += chunk.length;
    if (failure !== undefined) return;
    try {
      if (sizeBytes > MAX_SNAPSHOT_BYTES) throw new RangeError(`over ${MAX_SNAPSHOT_BYTES} bytes`);
      hash.update(chunk);
      writeAll(descriptor, chunk);
    } catch (error) {
      failure = error;
      end();
    }
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      closeSync(descriptor);
      clearTimeout(timer);
      options.signal.removeEventListener('abort', end);
      if (code === 0 && sizeBytes > 0 && failure === undefined) resolve(hash.digest('hex'));
      else
        reject(
          new AppError(
            'SANDBOX_FAILED',
            `The interpreter's snapshot could not be built: ${failure instanceof Error ? failure.message : stderr.trim().slice(0, 300)}`,
            { cause: failure },
          ),
        );
    });
  });
}

function writeAll(descriptor: number, bytes: Buffer): void {
  for (let from = 0; from < bytes.length;) from += writeSync(descriptor, bytes, from);
}
