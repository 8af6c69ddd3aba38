// The daemon in one line, for `systemctl status`: what works, and of what does not, why.
import type { ComponentHealth } from '../lib/component.ts';

export function describeStatus(state: string, components: Readonly<Record<string, ComponentHealth>>): string {
  const { queue, ...others } = components;
  const troubled = Object.entries(others)
    .filter(([, { state }]) => state !== 'ok')
    .map(([name, { state, reason }]) => `${name} ${state}: ${reason}`);
  return [state, queue?.reason, ...troubled].filter((part) => part !== undefined).join('; ');
}
