// A service manager's ear: a datagram socket such as NOTIFY_SOCKET names, with everything that was said on it, one entry a
// datagram. Node has no such socket, so libc is called as the daemon does it.
import { Buffer } from 'node:buffer';
import { dlopen } from 'node:ffi';
import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export interface NotifySocket extends Disposable {
  readonly address: string;
  /** Each datagram as its assignments. */
  readonly messages: readonly Record<string, string>[];
  /** The first message, from index `from` on, for which `isIt` holds. */
  waitFor(isIt: (message: Record<string, string>) => boolean, from?: number): Promise<Record<string, string>>;
}

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2_000_000;
const MSG_DONTWAIT = 0x40;
const POLL_MS = 5;
const WAIT_MS = 20_000;

/** `address`: a path, or `@name` for the abstract namespace. */
export function openNotifySocket(address: string): NotifySocket {
  const { functions: libc, lib } = dlopen(null, {
    socket: { arguments: ['int32', 'int32', 'int32'], return: 'int32' },
    bind: { arguments: ['int32', 'buffer', 'uint32'], return: 'int32' },
    recv: { arguments: ['int32', 'buffer', 'uint64', 'int32'], return: 'int64' },
    close: { arguments: ['int32'], return: 'int32' },
  });
  const isAbstract = address.startsWith('@');
  const path = Buffer.from(isAbstract ? `\0${address.slice(1)}` : `${address}\0`);
  const target = Buffer.concat([Buffer.from([AF_UNIX, 0]), path]);
  const socket = libc.socket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
  if (libc.bind(socket, target, target.length) !== 0) throw new Error(`cannot bind ${address}`);
  const messages: Record<string, string>[] = [];
  const buffer = Buffer.alloc(65_536);
  const timer = setInterval(() => {
    for (;;) {
      const size = Number(libc.recv(socket, buffer, BigInt(buffer.length), MSG_DONTWAIT));
      if (size < 0) return;
      messages.push(parseAssignments(buffer.toString('utf8', 0, size)));
    }
  }, POLL_MS);
  return {
    address,
    messages,
    async waitFor(isIt, from = 0) {
      const deadline = performance.now() + WAIT_MS;
      while (performance.now() < deadline) {
        const found = messages.slice(from).find(isIt);
        if (found !== undefined) return found;
        await sleep(POLL_MS);
      }
      throw new Error(`nothing of the kind among ${JSON.stringify(messages)}`);
    },
    [Symbol.dispose]() {
      clearInterval(timer);
      libc.close(socket);
      lib.close();
      if (!isAbstract) rmSync(address, { force: true });
    },
  };
}

function parseAssignments(text: string): Record<string, string> {
  return Object.fromEntries(
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const at = line.indexOf('=');
        return [line.slice(0, at), line.slice(at + 1)];
      }),
  );
}
