// A listening socket that is held and never accepted on, as systemd holds one while its service is down. Node's own server
// would answer, so libc is called.
import { Buffer } from 'node:buffer';
import { dlopen } from 'node:ffi';
import { rmSync } from 'node:fs';

export interface HeldSocket extends Disposable {
  readonly fd: number;
  /** 0 for a Unix socket. */
  readonly port: number;
}

const AF_UNIX = 1;
const AF_INET = 2;
const SOCK_STREAM_CLOEXEC = 1 | 0o2_000_000;
const BACKLOG = 128;

export function holdPort(host: string): HeldSocket {
  const address = Buffer.concat([Buffer.from([AF_INET, 0, 0, 0, ...host.split('.').map(Number)]), Buffer.alloc(8)]);
  return hold(AF_INET, address, () => undefined);
}

export function holdPath(path: string): HeldSocket {
  return hold(AF_UNIX, Buffer.concat([Buffer.from([AF_UNIX, 0]), Buffer.from(`${path}\0`)]), () => rmSync(path));
}

function hold(family: number, address: Buffer, afterClose: () => void): HeldSocket {
  const { functions: libc, lib } = dlopen(null, {
    socket: { arguments: ['int32', 'int32', 'int32'], return: 'int32' },
    bind: { arguments: ['int32', 'buffer', 'uint32'], return: 'int32' },
    listen: { arguments: ['int32', 'int32'], return: 'int32' },
    getsockname: { arguments: ['int32', 'buffer', 'buffer'], return: 'int32' },
    close: { arguments: ['int32'], return: 'int32' },
  });
  const fd = libc.socket(family, SOCK_STREAM_CLOEXEC, 0);
  if (libc.bind(fd, address, address.length) !== 0 || libc.listen(fd, BACKLOG) !== 0)
    throw new Error('no socket to hold');
  const name = Buffer.alloc(128);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(name.length);
  libc.getsockname(fd, name, size);
  return {
    fd,
    port: family === AF_INET ? name.readUInt16BE(2) : 0,
    [Symbol.dispose]() {
      libc.close(fd);
      lib.close();
      afterClose();
    },
  };
}
