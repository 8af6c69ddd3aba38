// The interpreter's memory after boot and imports, kept in a file: a start takes 0.4 s with it and 3 s without.
// Guarantee: only a file that this version wrote, with the hash its name carries, is ever loaded.
import { spawn, type ChildProcess } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { closeSync, fstatSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { AppError } from '../lib/app-error.ts';
import { findTool, type KernelWall } from './kernel-wall.ts';
import { guestArguments, guestDirectory, launchInto, locateInterpreter, type PipedSandboxChild } from './launcher.ts';
import { killTree } from './process-tree.ts';

const MAX_SNAPSHOT_BYTES = 256 * 1024 * 1024;
const BUILD_TIMEOUT_MS = 60_000;
const SIZE_WATCH_MS = 200;
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
    if (name.startsWith(prefix) && name === `${prefix}${await hashOfFile(file)}${FILE_SUFFIX}`) return file;
    // Of another version, half written or damaged: of no use to anyone.
    if (name.startsWith(FILE_PREFIX) && name.endsWith(FILE_SUFFIX)) rmSync(file, { force: true });
  }
  const temporary = `${cacheDirectory}/${prefix}${process.pid}-${randomUUID()}.tmp`;
  try {
    // The name carries the hash: file and hash appear in one step, and two daemons that build at once cannot mix theirs.
    await build(options, temporary);
    const file = `${cacheDirectory}/${prefix}${await hashOfFile(temporary)}${FILE_SUFFIX}`;
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

async function hashOfFile(path: string): Promise<string | null> {
  try {
    await using file = await open(path);
    const hash = createHash('sha256');
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    for (;;) {
      const { bytesRead } = await file.read(chunk);
      if (bytesRead === 0) return hash.digest('hex');
      hash.update(chunk.subarray(0, bytesRead));
    }
  } catch {
    // Unreadable or gone is the same as wrong: it is built again.
    return null;
  }
}

/**
 * Lets the child write the snapshot into `file`, through `cat`: it may write no file itself, and 30 MB that pass through the
 * daemon stay in its memory for hours.
 */
async function build(options: SnapshotOptions, file: string): Promise<void> {
  const descriptor = openSync(file, 'wx', 0o600);
  try {
    const sink = spawn(findTool('cat') ?? 'cat', [], { cwd: '/', env: {}, stdio: ['pipe', descriptor, 'ignore'] });
    if (sink.stdin === null) throw new AppError('SANDBOX_FAILED', 'The snapshot has no pipe to its file');
    const child = launchInto(sink.stdin, {
      wall: options.wall,
      permissionWall: true,
      entry: 'guest',
      snapshotFile: null,
      arguments: guestArguments({ snapshotFile: null, memoryBytes: options.memoryBytes, mode: 'snapshot' }),
    });
    const end = (): void => {
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) killTree(child.pid);
    };
    const timer = setTimeout(end, BUILD_TIMEOUT_MS);
    const watch = setInterval(() => {
      if (fstatSync(descriptor).size > MAX_SNAPSHOT_BYTES) end();
    }, SIZE_WATCH_MS);
    options.signal.addEventListener('abort', end, { once: true });
    try {
      await finished(child, sink);
    } finally {
      clearTimeout(timer);
      clearInterval(watch);
      options.signal.removeEventListener('abort', end);
    }
  } finally {
    closeSync(descriptor);
  }
}

async function finished(child: PipedSandboxChild, sink: ChildProcess): Promise<void> {
  let stderr = '';
  child.stdin.on('error', () => undefined);
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-2000);
  });
  const [childCode, sinkCode] = await Promise.all([exitCodeOf(child), exitCodeOf(sink)]);
  if (childCode === 0 && sinkCode === 0) return;
  const why = sinkCode === 0 ? stderr.trim().slice(0, 300) : 'it could not be written; is the disk full?';
  throw new AppError('SANDBOX_FAILED', `The interpreter's snapshot could not be built: ${why}`);
}

function exitCodeOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
}
