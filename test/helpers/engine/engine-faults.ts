// What a test engine can be made to do wrong. Given at start as JSON in MEMA_ENGINE_FAULTS (or `@FILE` with it, read at each
// start), and at run time by PUT /control/faults, which replaces them all: `{}` makes a hung engine go on.
import { readFileSync } from 'node:fs';
import type { EngineReply, EngineRefusal } from './script.ts';

export interface EngineFaults extends StartFaults, ProcessFaults, AnswerFaults {}

export interface StartFaults {
  /** Time until the weights are loaded. */
  loadMs?: number;
  /** After the weights: compiling, in silence. */
  compileMs?: number;
  /** Say nothing while loading; else progress bars. */
  loadSilent?: boolean;
  /** End with this code instead of loading, after `crashAtStartAfterMs` (0). */
  crashAtStart?: number;
  crashAtStartAfterMs?: number;
  /** Crash that many starts, then be well; the file counts them. Null crashes for ever. */
  crashStarts?: { count: number | null; file: string; exitCode?: number };
}

export interface ProcessFaults {
  ignoreSigterm?: boolean;
  logLinesPerSecond?: number;
  /** Processes that outlive the engine. */
  children?: ChildFault[];
  /** How long the graphics memory of this engine stays used after its death. */
  gpuLingerMs?: number;
  gpuMemoryMib?: number;
}

export interface ChildFault {
  /** Where its pid is written. */
  pidFile: string;
  /** Leaves the engine's process group and session. */
  setsid?: boolean;
  ignoresSigterm?: boolean;
  /** Keeps the engine's stdout and stderr open. */
  holdsPipes?: boolean;
}

export interface AnswerFaults {
  /** The engine core stops while HTTP goes on: at once, or when some stream has reached its middle. */
  hang?: boolean | 'mid-stream';
  /** Hang once this many completions are answered. */
  hangAfterRequests?: number;
  healthStatus?: number;
  /** OpenRouter's `/key`. */
  keyStatus?: number;
  /** Every completion fails with this, health stays green. */
  completionStatus?: number;
  rateLimit?: { retryAfterS?: number; headers?: Record<string, string> };
  crashMidStream?: boolean;
  /** Crash when this byte of a completion's body has been sent, counted from 1. */
  crashOnByte?: number;
  /** Crash when one more than this many completions have come. */
  crashAfterRequests?: number;
  /** How it crashes: a signal or an exit code; SIGKILL if left out. */
  crashWith?: NodeJS.Signals | number;
  errorIn200?: boolean;
  errorMidStream?: boolean;
  emptyContent?: boolean;
  reasoning?: string;
  reasoningField?: 'reasoning_content' | 'reasoning';
  garbage?: boolean | 'mid-stream';
  /** `/v1/models` lists this instead. */
  wrongModelName?: string;
  negativeUsage?: boolean;
  missingDone?: boolean;
  /** 400 for requests that hold one of these fields. */
  refuseFields?: string[];
  /** How long `/wake_up` takes. */
  wakeMs?: number;
  ttftMs?: number;
  tokensPerSecond?: number;
  /** `completionStatus`, `rateLimit` and the faults of answers hold for this many completions only. */
  forRequests?: number;
}

export function faultsFromEnvironment(environment: NodeJS.ProcessEnv): EngineFaults {
  const text = environment['MEMA_ENGINE_FAULTS'];
  if (text === undefined || text === '') return {};
  return JSON.parse(text.startsWith('@') ? readFileSync(text.slice(1), 'utf8') : text) as EngineFaults;
}

/** The reply as the faults leave it. */
export function spoil(reply: EngineReply, faults: AnswerFaults): EngineReply {
  const spoiled: EngineReply = { ...reply };
  const refusal = refusalOf(faults);
  if (refusal !== null) spoiled.fault = refusal;
  else if (faults.garbage === true) spoiled.fault = 'garbage';
  else if (faults.garbage === 'mid-stream') spoiled.fault = 'garbage-mid-stream';
  else if (faults.errorIn200 === true) spoiled.fault = 'error-in-200';
  else if (faults.errorMidStream === true) spoiled.fault = 'error-mid-stream';
  else if (faults.crashMidStream === true) spoiled.fault = 'crash-mid-stream';
  if (faults.emptyContent === true) spoiled.emptyContent = true;
  if (faults.reasoning !== undefined) spoiled.reasoning = faults.reasoning;
  if (faults.reasoningField !== undefined) spoiled.reasoningField = faults.reasoningField;
  if (faults.negativeUsage === true) spoiled.negativeUsage = true;
  if (faults.missingDone === true) spoiled.noDone = true;
  return spoiled;
}

function refusalOf({ rateLimit, completionStatus }: AnswerFaults): EngineRefusal | null {
  if (rateLimit !== undefined) return { status: 429, message: 'Rate limit exceeded', type: 'rate_limit', ...rateLimit };
  if (completionStatus === undefined) return null;
  return { status: completionStatus, message: 'EngineCore encountered an issue.', type: 'InternalServerError' };
}
