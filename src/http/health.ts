// What probes and people read: `/livez` (the event loop turns), `/readyz` (may I send requests), `/health` (every component,
// why and since when), and the one word that outsiders get. None of them calls the model.
import type { ComponentHealth } from '../lib/component.ts';
import type { HttpPorts } from './ports.ts';

export interface HealthReport {
  status: 'ok' | 'degraded';
  state: 'ready' | 'starting' | 'draining';
  components: Readonly<Record<string, ComponentHealth>>;
}

type HealthPorts = Pick<HttpPorts, 'health' | 'isReady' | 'isDraining'>;

export function publicHealth(ports: HealthPorts): { status: 'ok' | 'degraded' } {
  const isGood =
    ports.isReady() && !ports.isDraining() && Object.values(ports.health()).every((part) => part.state === 'ok');
  return { status: isGood ? 'ok' : 'degraded' };
}

export function fullHealth(ports: HealthPorts): HealthReport {
  const state = ports.isDraining() ? 'draining' : ports.isReady() ? 'ready' : 'starting';
  return { ...publicHealth(ports), state, components: ports.health() };
}

/** 200 when requests may come, else 503 with the parts that are not ready. */
export function readiness(ports: HealthPorts): { status: 200 | 503; body: { ready: boolean; reasons: string[] } } {
  if (ports.isReady() && !ports.isDraining()) return { status: 200, body: { ready: true, reasons: [] } };
  if (ports.isDraining()) return { status: 503, body: { ready: false, reasons: ['draining'] } };
  const reasons = Object.entries(ports.health())
    .filter(([, part]) => part.state !== 'ok' && part.state !== 'degraded')
    .map(([name, part]) => `${name}: ${part.reason}`);
  return { status: 503, body: { ready: false, reasons: reasons.length > 0 ? reasons : ['starting'] } };
}
