// What builtin does in one turn: call memory functions, or reply.
import type { DirectCall } from '../chat-backend.ts';

export type PlannedCall = Pick<DirectCall, 'name' | 'args'> & { variable?: string };

export type Move =
  | { kind: 'calls'; thought: string; calls: PlannedCall[] }
  | { kind: 'reply'; thought: string; text: string };

export const reply = (thought: string, text: string): Move => ({ kind: 'reply', thought, text });
export const callAll = (thought: string, calls: PlannedCall[]): Move => ({ kind: 'calls', thought, calls });
