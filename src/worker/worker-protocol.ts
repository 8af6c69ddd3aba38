// What a daemon and a worker in a process of its own say to each other: JSON lines over a Unix socket, either side parsed with
// zod where it comes in. Any change of a message is a new version, and another version is refused by name.
import { z } from 'zod';
import { workerEventSchema, workerFailureSchema, workerLogLineSchema, workerStatusSchema } from './worker-schemas.ts';

export const WORKER_PROTOCOL = 1;

/** Holds the largest message, the engine's metrics, with room for what JSON adds. */
export const MAX_LINE_BYTES = 8 * 1024 * 1024;
/** What a text or a list in a message may be at most. */
export const MAX_TEXT_CHARS = 2 * 1024 * 1024;

const id = z.number().int().nonnegative();

/** The first line of either side. Nothing else of it is read before the version is known to be ours. */
export const helloSchema = z.looseObject({ type: z.literal('hello'), version: z.number() });

/** Each call is answered by one `result` or `error` with its id; the others are notices and are not answered. */
export const clientMessageSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('call'), id, method: z.enum(['startNow', 'stopNow', 'restartNow', 'probe', 'wake']) }),
  z.object({ type: z.literal('logs'), id, limit: z.number().int().nonnegative() }),
  z.object({ type: z.literal('cancel'), id }),
  z.object({ type: z.literal('follow'), on: z.boolean() }),
  z.object({ type: z.literal('begin'), id }),
  z.object({ type: z.literal('progress'), ids: z.array(id) }),
  z.object({ type: z.literal('end'), id, outcome: z.enum(['ok', 'failed', 'cancelled']) }),
  z.object({ type: z.literal('beat') }),
]);
export type ClientMessage = z.infer<typeof clientMessageSchema>;
export type CallMethod = Extract<ClientMessage, { type: 'call' }>['method'];

/** The failure is apart: with its log and metrics it is large, and changes seldom. */
const statusSchema = workerStatusSchema.omit({ lastFailure: true });

export const serverMessageSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('refused'), message: z.string() }),
  z.object({
    type: z.literal('status'),
    status: statusSchema,
    isReady: z.boolean(),
    isAsleep: z.boolean(),
    unavailable: z.object({ reason: z.string(), retryAfterS: z.number() }),
  }),
  z.object({ type: z.literal('failure'), failure: workerFailureSchema.nullable() }),
  z.object({ type: z.literal('metrics'), text: z.string() }),
  z.object({ type: z.literal('log'), line: workerLogLineSchema }),
  /** As the supervisor told it, to whoever is attached then. */
  z.object({ type: z.literal('event'), event: workerEventSchema }),
  z.object({ type: z.literal('wakeProgress'), id, message: z.string() }),
  z.object({ type: z.literal('result'), id, value: z.unknown() }),
  z.object({
    type: z.literal('error'),
    id,
    code: z.string(),
    message: z.string(),
    hint: z.string().optional(),
    retryAfterS: z.number().optional(),
  }),
  z.object({ type: z.literal('beat') }),
]);
export type ServerMessage = z.infer<typeof serverMessageSchema>;
export type StatusMessage = Extract<ServerMessage, { type: 'status' }>;

export function otherVersion(ours: string, version: number): string {
  return `${ours} speaks version ${WORKER_PROTOCOL} of the worker protocol, the other side version ${version}: restart the daemon and mem-agent worker from the same installation`;
}
