// The two names of a note: its path inside the root, and its URI `memory:///path`, percent-encoded segment by segment.

const PREFIX = 'memory:///';

/** Of the longest path that is looked at at all, every byte of it percent-encoded. */
export const MAX_URI_CHARS = PREFIX.length + 3 * 4096;

export const NOTE_URI_TEMPLATE = 'memory:///{+path}';

export function uriOfPath(path: string): string {
  return PREFIX + path.split('/').map(encodeURIComponent).join('/');
}

/** The path, or undefined when it is not a URI of a note. Whether the path is inside the root is the path jail's question. */
export function pathOfUri(uri: string): string | undefined {
  if (!uri.startsWith(PREFIX) || uri.length > MAX_URI_CHARS) return undefined;
  try {
    return decodeURIComponent(uri.slice(PREFIX.length));
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}

/** An id a client gives back: the path itself, or the URI it saw in `url`. */
export function pathOfId(id: string): string {
  return pathOfUri(id) ?? id;
}
