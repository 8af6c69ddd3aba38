// A daemon in its own mount namespace with one directory on a small file system, so that a full disk is a real ENOSPC.
// Guarantees: nothing is mounted where anyone else sees it, and all is gone when the daemon is.
import { closeSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { systemErrorCode } from '../../src/lib/app-error.ts';

/** For `wrap`: mounts a tmpfs of that size over the directory (which must exist), then becomes the daemon. */
export function onSmallDisk(directory: string, sizeBytes: number): readonly string[] {
  // Without root a user namespace of its own gives the right to mount.
  const unshare = process.getuid?.() === 0 ? ['unshare', '-m'] : ['unshare', '-Urm'];
  const script = `mount -t tmpfs -o size=${sizeBytes},mode=0700 tmpfs "$0" && exec "$@"`;
  return [...unshare, 'sh', '-c', script, directory];
}

/** Mounts the directory read-only in the daemon's own namespace. */
export function readOnly(directory: string): readonly string[] {
  const unshare = process.getuid?.() === 0 ? ['unshare', '-m'] : ['unshare', '-Urm'];
  return [...unshare, 'sh', '-c', 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"', directory];
}

export interface FullDisk extends Disposable {
  /** Takes what became free meanwhile. */
  fill(): void;
  free(): void;
}

/** Takes all space of the file system that holds the directory, to the last byte. */
export function fillDisk(directory: string): FullDisk {
  const path = join(directory, '.ballast');
  const descriptor = openSync(path, 'w', 0o600);
  const fill = (): void => {
    for (const sizeBytes of [1024 * 1024, 4096, 512, 1]) {
      const piece = Buffer.alloc(sizeBytes);
      let written = sizeBytes;
      while (written === sizeBytes) written = writeSome(descriptor, piece);
    }
    if (statfsSync(directory).bavail > 0) throw new Error(`${directory} is not full`);
  };
  let isOpen = true;
  const free = (): void => {
    if (!isOpen) return;
    isOpen = false;
    closeSync(descriptor);
    rmSync(path, { force: true });
  };
  fill();
  return { fill, free, [Symbol.dispose]: free };
}

function writeSome(descriptor: number, piece: Buffer): number {
  try {
    return writeSync(descriptor, piece);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOSPC') return 0;
    throw error;
  }
}
