// What runs the Python: an interpreter behind walls that the self-test has judged, ready to be started for a run.
import type { GuestLink } from './guest-link.ts';
import type { EngineName, SandboxStatus } from './sandbox.ts';

export interface SandboxEngine {
  readonly name: EngineName;
  /** Interpreter and version, for people. */
  readonly label: string;
  readonly walls: Pick<SandboxStatus['walls'], 'process' | 'kernel'>;
  readonly kernelWall: string;
  readonly systemCalls: SandboxStatus['systemCalls'];
  /** What the self-test found wrong with the walls; empty if nothing. */
  readonly reason: string;
  /** A fresh process behind the walls; it says `ready` when it is. */
  startProcess(): GuestLink;
}
