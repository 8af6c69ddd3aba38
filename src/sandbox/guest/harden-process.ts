// Takes from the guest's own process what the permission wall leaves: signals, the debugger, internal bindings, names.
// Guarantee: idempotent, and run before any foreign code, so that an escape from the interpreter finds nothing useful.
import fs from 'node:fs';
import os from 'node:os';
import { syncBuiltinESMExports } from 'node:module';

const TAKEN = [
  '_kill', 'kill', '_debugProcess', '_debugEnd', '_startProfilerIdleNotifier', '_stopProfilerIdleNotifier', '_linkedBinding',
  'dlopen', 'umask', 'setuid', 'setgid', 'seteuid', 'setegid', 'setgroups', 'initgroups', 'loadEnvFile',
  'setUncaughtExceptionCaptureCallback', '_getActiveHandles', '_getActiveRequests', 'execve',
] as const; // prettier-ignore

export function hardenProcess(): void {
  for (const name of TAKEN)
    Object.defineProperty(process, name, { value: undefined, writable: false, configurable: false });
  // The interpreter's glue asks for these constants through an internal door that the permission wall shuts.
  Object.defineProperty(process, 'binding', {
    value: () => ({ fs: fs.constants, os: {} }),
    writable: false,
    configurable: false,
  });
  // Touching the real streams would make the pipes non-blocking, and calls into the core must block.
  for (const [fd, name] of ['stdin', 'stdout', 'stderr'].entries())
    Object.defineProperty(process, name, { value: { fd, isTTY: false } });
  Object.defineProperty(os, 'setPriority', { value: undefined });
  syncBuiltinESMExports();
}

interface GrowableMemory {
  readonly buffer: ArrayBuffer;
}

/** `WebAssembly.Memory.grow` refuses beyond the ceiling, which Python turns into its own `MemoryError`. */
export function capWebAssemblyMemory(memoryBytes: number): void {
  const { Memory } = Reflect.get(globalThis, 'WebAssembly') as { Memory: { prototype: object } };
  const grow = Reflect.get(Memory.prototype, 'grow') as (this: GrowableMemory, pages: number) => number;
  const capped = function (this: GrowableMemory, pages: number): number {
    if (this.buffer.byteLength + pages * 65_536 > memoryBytes) throw new RangeError('memory ceiling of the sandbox');
    return grow.call(this, pages);
  };
  Object.defineProperty(Memory.prototype, 'grow', { value: capped, writable: false, configurable: false });
}
