// Lists in pages: `{items, nextCursor}`. A cursor says behind which item to go on, so that what comes and goes meanwhile
// neither repeats nor skips what is there throughout. It is opaque: clients send it back as it is.
import { z } from '@hono/zod-openapi';
import { AppError } from '../../lib/app-error.ts';

const LARGEST_PAGE = 1000;
const DEFAULT_PAGE = 100;

export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(LARGEST_PAGE).default(DEFAULT_PAGE),
  cursor: z.string().min(1).max(4000).optional().openapi({ description: 'nextCursor of the page before' }),
};

export interface Page<T> {
  items: T[];
  /** Null on the last page. */
  nextCursor: string | null;
}

type PageSchema<S extends z.ZodType> = z.ZodObject<{ items: z.ZodArray<S>; nextCursor: z.ZodNullable<z.ZodString> }>;

/** `name` is the one of the page in OpenAPI: `KeyPage`. */
export function pageOf<S extends z.ZodType>(item: S, name: string): PageSchema<S> {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable() }).openapi(name);
}

/** `rows` in any order; `positionOf` gives each its place, unique and as text in order. */
export function pageFrom<T>(
  rows: readonly T[],
  { limit, cursor }: { limit: number; cursor?: string | undefined },
  positionOf: (row: T) => string,
): Page<T> {
  const after = cursor === undefined ? '' : decodeCursor(cursor);
  const rest = rows
    .map((row) => ({ row, position: positionOf(row) }))
    .filter(({ position }) => position > after)
    .toSorted((one, other) => (one.position < other.position ? -1 : 1));
  const page = rest.slice(0, limit);
  const last = page.at(-1);
  return {
    items: page.map(({ row }) => row),
    nextCursor: last === undefined || rest.length <= limit ? null : encodeCursor(last.position),
  };
}

/** A point in time and an id as a place in a list: by time, and among equals by id. */
export function timePosition(timeMs: number, id: string): string {
  return `${String(timeMs).padStart(15, '0')} ${id}`;
}

const PREFIX = 'v1 ';

function encodeCursor(position: string): string {
  return Buffer.from(PREFIX + position).toString('base64url');
}

function decodeCursor(cursor: string): string {
  const text = Buffer.from(cursor, 'base64url').toString();
  if (text.startsWith(PREFIX) && encodeCursor(text.slice(PREFIX.length)) === cursor) return text.slice(PREFIX.length);
  throw new AppError('INVALID_INPUT', 'cursor: this is not one of ours', {
    hint: 'Send nextCursor of the page before as it is, or begin without one',
  });
}
