// Sends datagrams to a Unix socket (systemd's, the journal's): Node has streams only, so libc is called through node:ffi.
// Guarantees: Linux only, nothing is loaded before the first use, and a receiver that does not read delays us a second at most.
import { Buffer } from 'node:buffer';
import { getSystemErrorName } from 'node:util';

export interface DatagramSender extends Disposable {
  /** Throws if the datagram was not taken, with the system's error name. */
  send(payload: string | Buffer): void;
}

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2_000_000;
const SOL_SOCKET = 1;
const SO_SNDTIMEO = 21;
const MSG_NOSIGNAL = 0x4000;
const SEND_TIMEOUT_S = 1n;
const SIZE_OF_SUN_PATH = 108;

/** `address` is an absolute path, or `@name` for the abstract namespace, as in NOTIFY_SOCKET. */
export function openDatagramSender(address: string): DatagramSender {
  const target = socketAddress(address);
  const { functions: libc, lib } = loadLibc();
  const socket = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const timeout = Buffer.alloc(16);
  timeout.writeBigInt64LE(SEND_TIMEOUT_S);
  if (socket < 0 || libc.setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, timeout, timeout.length) < 0) {
    throw new Error(`no datagram socket for ${address}`);
  }
  return {
    send(payload) {
      const data = Buffer.from(payload);
      if (libc.sendto(socket, data, BigInt(data.length), MSG_NOSIGNAL, target, target.length) >= 0n) return;
      throw new Error(`${address} took no datagram (${lastError(libc.__errno_location())})`);
    },
    [Symbol.dispose]() {
      libc.close(socket);
      lib.close();
    },
  };
}

/** `struct sockaddr_un`: the family in the machine's order, then the path; its first byte is NUL for an abstract name. */
function socketAddress(address: string): Buffer {
  const isAbstract = address.startsWith('@');
  const path = Buffer.from(isAbstract ? `\0${address.slice(1)}` : `${address}\0`);
  if (!(isAbstract || address.startsWith('/')) || path.length > SIZE_OF_SUN_PATH) {
    throw new Error(`${address} is no address of a Unix socket`);
  }
  return Buffer.concat([Buffer.from([AF_UNIX, 0]), path]);
}

function loadLibc(): ReturnType<typeof libcFunctions> {
  if (process.platform !== 'linux') throw new Error('Unix datagrams are sent on Linux only');
  return libcFunctions();
}

function libcFunctions() {
  // Not imported above: loading it prints that it is experimental, which nobody needs to hear who never sends.
  const ffi = process.getBuiltinModule('node:ffi');
  const { functions, lib } = ffi.dlopen(null, {
    socket: { arguments: ['int32', 'int32', 'int32'], return: 'int32' },
    setsockopt: { arguments: ['int32', 'int32', 'int32', 'buffer', 'uint32'], return: 'int32' },
    sendto: { arguments: ['int32', 'buffer', 'uint64', 'int32', 'buffer', 'uint32'], return: 'int64' },
    close: { arguments: ['int32'], return: 'int32' },
    __errno_location: { arguments: [], return: 'pointer' },
  });
  return { functions, lib };
}

function lastError(location: bigint): string {
  const errno = process.getBuiltinModule('node:ffi').getInt32(location);
  return errno > 0 ? getSystemErrorName(-errno) : 'unknown error';
}
