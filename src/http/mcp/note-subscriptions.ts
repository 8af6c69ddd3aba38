// Who is told of changed notes on open streams: callers with one root and one set of readable paths share a channel.
// Guarantee: no channel ever carries the name of a note that its callers could not read, nor that such a note has changed.
import { InMemoryServerEventBus, type McpHttpHandler, type ServerEventBus } from '@modelcontextprotocol/server';
import type { Principal } from '../../auth/principal.ts';
import { createPathScope, type PathScope } from '../../memory/path-scope.ts';
import { uriOfPath } from './note-uri.ts';

export interface NoteChange {
  /** Name of the memory root. */
  root: string;
  /** Empty: other notes altogether. */
  paths: readonly string[];
  /** Notes may have come or gone. */
  isListChanged: boolean;
}

/** What of a change this caller may hear, or null. */
export function audibleChange(change: NoteChange, root: string, scope: PathScope | null): NoteChange | null {
  if (change.root !== root) return null;
  if (scope === null || change.paths.length === 0) return change;
  const paths = change.paths.filter((path) => scope.mayRead(path));
  return paths.length === 0 ? null : { ...change, paths };
}

interface Channel {
  root: string;
  scope: PathScope | null;
  handler: McpHttpHandler;
}

export interface NoteSubscriptions {
  /** The handler whose stream this caller listens on. */
  handlerFor(principal: Principal): McpHttpHandler;
  notify(change: NoteChange): void;
  /** Ends all streams. */
  close(): Promise<void>;
}

export function createNoteSubscriptions(
  createHandler: (bus: ServerEventBus) => McpHttpHandler,
  onerror: (error: Error) => void,
): NoteSubscriptions {
  const channels = new Map<string, Channel>();

  function open(id: string, { root, policy = {} }: Principal): Channel {
    const bus = new InMemoryServerEventBus(onerror);
    let listeners = 0;
    const counted: ServerEventBus = {
      publish: (event) => bus.publish(event),
      subscribe(listener) {
        const unsubscribe = bus.subscribe(listener);
        let isOpen = true;
        listeners += 1;
        return () => {
          unsubscribe();
          if (isOpen) listeners -= 1;
          isOpen = false;
          if (listeners === 0 && channels.get(id) === channel) channels.delete(id);
        };
      },
    };
    const channel: Channel = {
      root,
      scope: createPathScope({ readPaths: policy.readPaths }),
      handler: createHandler(counted),
    };
    channels.set(id, channel);
    return channel;
  }

  return {
    handlerFor(principal) {
      const id = JSON.stringify([principal.root, principal.policy?.readPaths ?? null]);
      return (channels.get(id) ?? open(id, principal)).handler;
    },
    notify(change) {
      for (const { root, scope, handler } of channels.values()) {
        const heard = audibleChange(change, root, scope);
        for (const path of heard?.paths ?? []) handler.notify.resourceUpdated(uriOfPath(path));
        if (heard?.isListChanged === true) handler.notify.resourcesChanged();
      }
    },
    async close() {
      await Promise.all([...channels.values()].map(({ handler }) => handler.close()));
    },
  };
}
