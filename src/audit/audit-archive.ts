// Removed records as a file that proves itself: NDJSON behind gzip, first a line that says where the chain stood, then every
// record, last the signed checkpoint it ends with. It appears under its name only when it is complete and on disk.

import { createReadStream, createWriteStream, type WriteStream } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { AppError, systemErrorCode } from '../lib/app-error.ts';
import type { ChainHead } from './audit-head-file.ts';
import { GENESIS_HASH, linkFault } from './audit-record.ts';
import type { AuditRecord } from './audit-record.ts';
import { createCheckpointTrust } from './checkpoint-trust.ts';
import { parseCheckpoint, type Checkpoint } from './checkpoint.ts';

export interface AuditArchive extends AsyncDisposable {
  add(records: readonly AuditRecord[]): Promise<void>;
  /** Returns the file's name. */
  finish(checkpoint: string): Promise<string>;
}

interface ArchiveOptions {
  directory: string;
  origin: string;
  after: ChainHead;
  lastSeq: number;
}

/** Disposed before `finish`, it leaves nothing behind. */
export async function openAuditArchive({ directory, origin, after, lastSeq }: ArchiveOptions): Promise<AuditArchive> {
  const name = `audit-${origin.slice(0, 8)}-${after.seq + 1}-${lastSeq}.ndjson.gz`;
  const path = join(directory, name);
  const temporary = `${path}.${process.pid}.part`;
  const gzip = createGzip();
  let file: WriteStream;
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    file = createWriteStream(temporary, { mode: 0o600, flush: true });
  } catch (error) {
    throw archiveFailed(path, error);
  }
  const written = pipeline(gzip, file);
  let problem: unknown;
  written.catch((error: unknown) => (problem = error));
  /** Resolves when it is compressed, so that a slow disk holds up the reader; a failure shows in `problem`. */
  const addLines = (lines: readonly unknown[]): Promise<void> =>
    new Promise((resolve) => {
      gzip.write(lines.map((line) => `${JSON.stringify(line)}\n`).join(''), () => resolve());
    });
  await addLines([{ archive: 'mem-agent-audit/1', origin, after }]);

  return {
    async add(records) {
      await addLines(records);
      if (problem !== undefined) throw archiveFailed(path, problem);
    },
    async finish(checkpoint) {
      await addLines([{ checkpoint }]);
      gzip.end();
      try {
        await written;
        await rename(temporary, path);
        await using parent = await open(directory);
        await parent.sync();
      } catch (error) {
        throw archiveFailed(path, error);
      }
      return name;
    },
    async [Symbol.asyncDispose]() {
      gzip.destroy();
      await written.catch(() => undefined);
      await rm(temporary, { force: true });
    },
  };
}

export interface ArchiveVerification {
  ok: boolean;
  records: number;
  reason?: string;
  after?: ChainHead;
  /** The checkpoint it ends with; the next archive, or the chain, begins behind it. */
  last?: Checkpoint;
}

/** `publicKeys` as for the chain; without them the archive's own checkpoint counts as signed if its signature fits. */
export async function verifyAuditArchive(path: string, publicKeys: readonly string[]): Promise<ArchiveVerification> {
  let previous: ChainHead | undefined;
  let after: ChainHead | undefined;
  let origin: unknown;
  let last: Checkpoint | undefined;
  let records = 0;
  const bad = (reason: string): ArchiveVerification => ({ ok: false, records, reason });
  try {
    const lines = createInterface({ input: createReadStream(path).pipe(createGunzip()), crlfDelay: Infinity });
    for await (const line of lines) {
      const entry = JSON.parse(line) as Partial<AuditRecord> & Partial<Header> & { checkpoint?: string };
      if (last !== undefined) return bad('something follows its checkpoint');
      if (previous === undefined) {
        if (entry.archive !== 'mem-agent-audit/1' || entry.after === undefined) return bad('it is no audit archive');
        ({ after, origin } = entry);
        previous = after;
      } else if (typeof entry.checkpoint === 'string') {
        last = parseCheckpoint(entry.checkpoint);
        if (last === undefined) return bad('its checkpoint cannot be read');
      } else {
        const record = entry as AuditRecord;
        if (linkFault(record, previous) !== undefined) {
          return bad(`record ${previous.seq + 1} was changed or is missing`);
        }
        previous = { seq: record.seq, hash: record.hash };
        records += 1;
      }
    }
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') throw archiveFailed(path, error);
    return bad('the file is damaged');
  }
  if (previous === undefined || after === undefined || last === undefined) return bad('its end is missing');
  if (after.seq === 0 && after.hash !== GENESIS_HASH) return bad('it does not begin where the chain began');
  if (last.seq !== previous.seq || last.hash !== previous.hash) return bad('its checkpoint knows another last record');
  if (last.origin !== origin) return bad('its checkpoint is of another audit');
  const fault = createCheckpointTrust({ given: publicKeys }, [last]).findFault(last);
  if (fault !== undefined) return bad(`its checkpoint: ${fault}`);
  return { ok: true, records, after, last };
}

interface Header {
  archive: string;
  origin: string;
  after: ChainHead;
}

function archiveFailed(path: string, cause: unknown): AppError {
  return new AppError('STORE_FAILED', `Can't use the archive ${path} (${systemErrorCode(cause) ?? 'unknown error'})`, {
    hint: 'Make audit.archive_dir writable for the user mem-agent runs as, with free space; no audit record was removed',
    cause,
  });
}
