// What one subscription may ask to be told of. Guarantee: what a client leaves in memory as long as it is connected is small.
import { AppError } from '../../lib/app-error.ts';
import { MAX_URI_CHARS } from './note-uri.ts';
import { isRecord, type JsonRpcCall } from './prepared-call.ts';

export const MAX_SUBSCRIPTIONS = 256;

/** Throws INVALID_INPUT. Whether it is well formed is the protocol's question. */
export function refuseLargeSubscription({ method, params }: JsonRpcCall): void {
  const uris = urisOf(method, params);
  if (uris.length > MAX_SUBSCRIPTIONS) {
    throw new AppError('INVALID_INPUT', `One subscription may follow ${MAX_SUBSCRIPTIONS} resources`, {
      hint: 'Follow fewer, or the list of resources as a whole',
    });
  }
  if (uris.some((uri) => typeof uri === 'string' && uri.length > MAX_URI_CHARS)) {
    throw new AppError('INVALID_INPUT', 'The URI is longer than that of any note', {
      hint: 'Follow the URI of a note, as resources/list shows it',
    });
  }
}

function urisOf(method: string, { uri, notifications }: JsonRpcCall['params']): readonly unknown[] {
  if (method === 'resources/subscribe') return [uri];
  if (method !== 'subscriptions/listen' || !isRecord(notifications)) return [];
  const uris = notifications['resourceSubscriptions'];
  return Array.isArray(uris) ? uris : [];
}
