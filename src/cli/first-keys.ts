// The keys of a first start: one client key and one admin key, shown once with lines to paste.
// Guarantees: only while no key was ever made and only this machine can connect; on a terminal, else in a 0600 file.
import { randomUUID } from 'node:crypto';
import { closeSync, openSync, writeSync, fsyncSync, rmSync } from 'node:fs';
import type { AuditLog } from '../audit/audit-log.ts';
import type { CreatedKey, KeyStore } from '../auth/open-key-store.ts';
import { AppError, systemErrorCode } from '../lib/app-error.ts';

export interface FirstKeysOptions {
  keys: Pick<KeyStore, 'list' | 'create' | 'revoke'>;
  audit: AuditLog;
  /** False when another machine could connect. */
  isPrivate: boolean;
  /** `http://127.0.0.1:8081`, or undefined when no HTTP is served. */
  httpUrl: string | undefined;
  /** Where the keys go without a terminal. */
  file: string;
  /** Set when a person is watching. */
  showOnTerminal: ((text: string) => void) | undefined;
}

export type FirstKeysResult = 'none' | 'shown' | 'written';

export async function makeFirstKeys(options: FirstKeysOptions): Promise<FirstKeysResult> {
  const { keys, isPrivate, httpUrl, file, showOnTerminal } = options;
  // Revoked keys stay in the table, so an empty list means that there never was one.
  if (!isPrivate || httpUrl === undefined || keys.list().length > 0) return 'none';
  if (showOnTerminal !== undefined) {
    showOnTerminal(describeFirstKeys(await makePair(options), httpUrl));
    return 'shown';
  }
  // The file first: a key that nobody can read would be the first and last of its kind.
  const descriptor = openPrivate(file);
  try {
    writeSync(descriptor, describeFirstKeys(await makePair(options), httpUrl));
    fsyncSync(descriptor);
  } catch (error) {
    rmSync(file, { force: true });
    throw error;
  } finally {
    closeSync(descriptor);
  }
  return 'written';
}

interface KeyPair {
  client: CreatedKey;
  admin: CreatedKey;
}

async function makePair({ keys, audit }: FirstKeysOptions): Promise<KeyPair> {
  const make = async (name: string, kind: 'client' | 'admin'): Promise<CreatedKey> => {
    const startedMs = performance.now();
    const call = await audit.begin({
      requestId: randomUUID(),
      actor: { kind: 'system', id: 'first-start' },
      transport: 'internal',
      action: 'key.create',
      args: { name, kind },
    });
    const created = await keys.create({ name, kind });
    await call.finish({ outcome: 'ok', durationMs: performance.now() - startedMs });
    return created;
  };
  return { client: await make('first client', 'client'), admin: await make('first admin', 'admin') };
}

/** Also what the file holds: comments and lines that can be pasted as they are. */
export function describeFirstKeys(
  { client, admin }: { client: { key: string }; admin: { key: string } },
  httpUrl: string,
): string {
  const url = `${httpUrl}/mcp`;
  const cursor = JSON.stringify({
    mcpServers: { 'mem-agent': { url, headers: { Authorization: `Bearer ${client.key}` } } },
  });
  const question = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: 'use_memory_agent', arguments: { question: 'What do you know about me?' } },
  });
  return `
mem-agent made its first two keys. They are shown only this once; "mem-agent keys list" shows what there is.

  client key  ${client.key}
  admin key   ${admin.key}

Try it:
  curl -sS ${url} -H 'Authorization: Bearer ${client.key}' -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' -d '${question}'

Claude Code:
  claude mcp add --transport http mem-agent ${url} --header "Authorization: Bearer ${client.key}"

Cursor (~/.cursor/mcp.json):
  ${cursor}

`;
}

function openPrivate(file: string): number {
  try {
    return openSync(file, 'wx', 0o600);
  } catch (error) {
    const code = systemErrorCode(error) ?? 'unknown error';
    throw new AppError('STORE_FAILED', `The first keys cannot be written to ${file} (${code})`, {
      hint: code === 'EEXIST' ? 'Move that file away and start again' : 'Make its directory writable and start again',
      cause: error,
    });
  }
}
