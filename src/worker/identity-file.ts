// Who was started, on disk, so that the next start finds an engine that outlived its supervisor.
// Guarantees: written before there is a process, and again before it counts as started, each time as a whole; a record of
// another boot, or that can't be read, accuses nobody.
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { AppError, systemErrorCode } from '../lib/app-error.ts';
import { readBootId, readProcess } from './process-table.ts';

const identitySchema = z.object({
  bootId: z.string(),
  mark: z.uuid(),
  pid: z.int().positive().nullable(),
  /** Of the process, as `process-table.ts` reads it. */
  startToken: z.string(),
  /** Who started it: while that process lives, the engine is nobody else's to end. */
  supervisor: z.object({ pid: z.int().positive(), startToken: z.string() }),
  /** Of all GPUs together before the start: what has to come back when it ended. */
  gpuUsedBytes: z.number(),
  /** For a person who looks into the file. */
  profile: z.string(),
  baseUrl: z.string(),
  startedIso: z.string(),
});
export type WorkerIdentity = z.infer<typeof identitySchema>;

export interface IdentityFile {
  /** Null when there is none, or none that means anything now. */
  read(): WorkerIdentity | null;
  /** Throws WORKER_FAILED when it can't be written: what can't be found again must not be started. */
  write(identity: Omit<WorkerIdentity, 'bootId' | 'supervisor'>): void;
  remove(): void;
}

export function createIdentityFile(runtimeDirectory: string, workerName: string): IdentityFile {
  const path = `${runtimeDirectory}/${workerName}.worker.json`;
  const supervisor = { pid: process.pid, startToken: readProcess(process.pid)?.startToken ?? '' };
  return {
    read() {
      const parsed = identitySchema.safeParse(readJson(path));
      return parsed.success && parsed.data.bootId === readBootId() ? parsed.data : null;
    },
    write(identity) {
      // Not synced: a crash of the machine loses the engine with the file.
      try {
        mkdirSync(runtimeDirectory, { recursive: true, mode: 0o700 });
        const whole: WorkerIdentity = { bootId: readBootId(), supervisor, ...identity };
        writeFileSync(`${path}.tmp`, `${JSON.stringify(whole)}\n`, { mode: 0o600 });
        renameSync(`${path}.tmp`, path);
      } catch (error) {
        throw new AppError('WORKER_FAILED', `The identity of the worker can't be written to ${path}`, {
          hint: `Make ${runtimeDirectory} writable for mem-agent (${systemErrorCode(error) ?? 'unknown reason'})`,
          cause: error,
        });
      }
    },
    remove: () => rmSync(path, { force: true }),
  };
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    // Not there, or half a file after a crash of the machine: both mean that nobody is known.
    return null;
  }
}
