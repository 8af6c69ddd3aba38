// The notes as MCP resources: a paged list, and reading one by its URI. Each access is audited like a tool call.
import {
  ProtocolError,
  ProtocolErrorCode,
  ResourceNotFoundError,
  type ListResourcesResult,
  type ReadResourceResult,
  type Resource,
  type ResourceTemplateType,
} from '@modelcontextprotocol/server';
import { toAppError, type ErrorCode } from '../../lib/app-error.ts';
import type { MemoryRoot } from '../../memory/memory-root.ts';
import { jsonRpcCode } from '../errors.ts';
import type { HttpPorts } from '../ports.ts';
import type { Caller } from './caller.ts';
import { NOTE_URI_TEMPLATE, pathOfUri, uriOfPath } from './note-uri.ts';
import type { PreparedCall } from './prepared-call.ts';

const PAGE_SIZE = 200;
const NOTE_MIME_TYPE = 'text/markdown';

export const NOTE_TEMPLATE: ResourceTemplateType = {
  uriTemplate: NOTE_URI_TEMPLATE,
  name: 'note',
  title: 'A note of the memory',
  description: 'A Markdown note, by its path',
  mimeType: NOTE_MIME_TYPE,
};

/** Answers that must not tell "outside" from "not there". */
const NOT_FOUND_CODES: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'NOT_FOUND',
  'NOT_A_FILE',
  'NOT_A_DIRECTORY',
  'PATH_REFUSED',
]);

/** One page after the cursor, which is the last path already shown, so that notes that come or go don't shift the pages. */
export function listNoteResources(root: MemoryRoot, cursor: string | undefined): ListResourcesResult {
  const after = cursor === undefined ? undefined : decodeCursor(cursor);
  const notes = root.listNotes();
  const start = after === undefined ? 0 : notes.findIndex((note) => note.path > after);
  const page = start < 0 ? [] : notes.slice(start, start + PAGE_SIZE);
  const last = page.at(-1);
  const hasMore = last !== undefined && start + PAGE_SIZE < notes.length;
  return {
    resources: page.map((note): Resource => ({
      uri: uriOfPath(note.path),
      name: note.path,
      mimeType: NOTE_MIME_TYPE,
      size: note.sizeBytes,
      annotations: { lastModified: new Date(note.modifiedAtMs).toISOString() },
    })),
    ...(hasMore && { nextCursor: Buffer.from(last.path).toString('base64url') }),
  };
}

function decodeCursor(cursor: string): string {
  const path = Buffer.from(cursor, 'base64url').toString('utf8');
  if (path === '' || Buffer.from(path).toString('base64url') !== cursor) {
    throw new ProtocolError(
      ProtocolErrorCode.InvalidParams,
      'cursor: not one that resources/list gave; start again without it',
    );
  }
  return path;
}

export function readNoteResource(root: MemoryRoot, uri: string): ReadResourceResult {
  const path = pathOfUri(uri);
  if (path === undefined || path === '') throw new ResourceNotFoundError(uri);
  try {
    return { contents: [{ uri, mimeType: NOTE_MIME_TYPE, text: root.readNote(path).text }] };
  } catch (error) {
    const appError = toAppError(error);
    if (NOT_FOUND_CODES.has(appError.code)) throw new ResourceNotFoundError(uri);
    throw appError;
  }
}

/** Runs an audited resource call: what it returns or throws is recorded before the client sees it. */
export async function runResource<Result>(
  prepared: PreparedCall | undefined,
  caller: Caller,
  ports: Pick<HttpPorts, 'rootOf' | 'clock' | 'onPathRefused'>,
  read: (root: MemoryRoot) => Result,
  notesRead = 0,
): Promise<Result> {
  if (prepared?.kind !== 'resource')
    throw new ProtocolError(ProtocolErrorCode.InternalError, 'The call was not audited');
  const durationMs = (): number => ports.clock.monotonicMs() - prepared.startedMs;
  let root: MemoryRoot | undefined;
  let result: Result;
  try {
    root = ports.rootOf(caller.principal);
    result = read(root);
  } catch (error) {
    const code = error instanceof ProtocolError ? 'NOT_FOUND' : toAppError(error).code;
    const { principal, requestId } = caller;
    const isOut = prepared.path !== undefined && root?.leadsOut(prepared.path, 'read') === true;
    const outcome = isOut ? 'denied' : 'error';
    await prepared.audit.finish({ outcome, code, durationMs: durationMs(), usage: { tool: 'resource' } });
    if (isOut) ports.onPathRefused({ principal, requestId, method: 'resources/read', code });
    throw asProtocolError(error);
  }
  try {
    await prepared.audit.finish({ outcome: 'ok', durationMs: durationMs(), usage: { tool: 'resource', notesRead } });
  } catch (error) {
    throw asProtocolError(error);
  }
  return result;
}

export function asProtocolError(error: unknown): ProtocolError {
  if (error instanceof ProtocolError) return error;
  const appError = toAppError(error);
  return new ProtocolError(jsonRpcCode(appError.code), appError.userMessage, { code: appError.code });
}
