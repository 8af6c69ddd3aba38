// What the installed daemon says of its sandbox, asked as the operator would ask.
import type { BootedDebian } from './booted-debian.ts';

export interface SandboxHealth {
  state: string;
  reason: string;
  details: { engine: string; walls: Record<string, string>; systemCalls: string };
}

/** `health` exits with 1 where something is wrong, and says it all the same. */
export async function sandboxHealth(debian: BootedDebian): Promise<SandboxHealth> {
  const { stdout } = await debian.run('mem-agent health --json');
  return (JSON.parse(stdout) as { components: { sandbox: SandboxHealth } }).components.sandbox;
}
