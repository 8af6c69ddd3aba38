// Runs one prepared tool call and turns whatever happens into a tool result, with its outcome in the audit and metrics.
import type { CallToolResult, ServerContext } from '@modelcontextprotocol/server';
import { RunError } from '../../agent/run-error.ts';
import type { UsageDelta } from '../../audit/audit-log.ts';
import { AppError, toAppError } from '../../lib/app-error.ts';
import type { MemoryRoot } from '../../memory/memory-root.ts';
import type { HttpPorts, ToolCallFacts } from '../ports.ts';
import type { Caller } from './caller.ts';
import type { PreparedCall } from './prepared-call.ts';
import { startProgress } from './progress.ts';
import { openRunSignal, type RunSignalPorts } from './run-signal.ts';
import type { ToolReply } from './tool.ts';

/** Key in `_meta` of a failed result; structured content is left out, because clients check it against the output schema. */
export const ERROR_META_KEY = 'mem-agent/error';

export function errorResult(error: AppError): CallToolResult {
  const { code, message, hint, retryAfterS } = error;
  return {
    isError: true,
    content: [{ type: 'text', text: `${code}: ${error.userMessage}` }],
    _meta: {
      [ERROR_META_KEY]: {
        code,
        message,
        ...(hint !== undefined && { hint }),
        ...(retryAfterS !== undefined && { retryAfterS }),
      },
    },
  };
}

function successResult(reply: ToolReply): CallToolResult {
  return {
    content: [{ type: 'text', text: reply.text ?? JSON.stringify(reply.structured) }],
    structuredContent: reply.structured,
  };
}

export type RunToolPorts = RunSignalPorts &
  Pick<HttpPorts, 'rootOf' | 'askAgent' | 'onToolCall' | 'onPathRefused' | 'clock' | 'logger' | 'tracer'>;

export function runTool(
  prepared: PreparedCall & { kind: 'tool' | 'refused-input' },
  caller: Caller,
  context: ServerContext,
  ports: RunToolPorts,
): Promise<CallToolResult> {
  const attributes = {
    'mcp.method.name': 'tools/call',
    'mcp.tool': prepared.tool.name,
    'request.id': caller.requestId,
  };
  const { traceparent } = caller;
  return ports.tracer.span({ name: `tools/call ${prepared.tool.name}`, attributes, traceparent }, async (span) => {
    const result = await runPrepared(prepared, caller, context, ports);
    if (result.isError === true) span.set({ 'error.type': errorCodeOf(result) });
    return result;
  });
}

function errorCodeOf({ _meta }: CallToolResult): string {
  const error: unknown = _meta?.[ERROR_META_KEY];
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'INTERNAL';
}

async function runPrepared(
  prepared: PreparedCall & { kind: 'tool' | 'refused-input' },
  caller: Caller,
  context: ServerContext,
  ports: RunToolPorts,
): Promise<CallToolResult> {
  const { tool, startedMs } = prepared;
  const facts = (outcome: ToolCallFacts['outcome'], code?: string): ToolCallFacts => ({
    requestId: caller.requestId,
    principal: caller.principal.id,
    tool: tool.name,
    outcome,
    ...(code !== undefined && { code }),
    durationMs: ports.clock.monotonicMs() - startedMs,
  });
  if (prepared.kind === 'refused-input') {
    ports.onToolCall(facts('error', prepared.error.code));
    return errorResult(prepared.error);
  }

  const outcome = await attempt(prepared, caller, context, ports);
  const known =
    outcome.error === undefined
      ? facts('ok')
      : {
          ...facts(failureOf(outcome.error, outcome.isCancelled), outcome.error.code),
          leadsOut: outcome.leadsOut,
        };
  try {
    await prepared.audit.finish({
      outcome: known.outcome,
      ...(known.code !== undefined && { code: known.code }),
      ...(outcome.reply !== undefined && { reply: outcome.reply.structured }),
      durationMs: known.durationMs,
      usage: { tool: tool.name, ...(outcome.reply?.usage ?? spentBy(outcome.error)) },
    });
  } catch (error) {
    const appError = toAppError(error);
    ports.onToolCall(facts('error', appError.code));
    return errorResult(appError);
  }
  ports.onToolCall(known);
  return outcome.reply === undefined ? errorResult(outcome.error) : successResult(outcome.reply);
}

/** What a caller may not do is refused, and stands so in the audit; everything else went wrong. */
function failureOf({ code }: AppError, isCancelled: boolean): 'cancelled' | 'denied' | 'error' {
  if (isCancelled) return 'cancelled';
  return code === 'PERMISSION_DENIED' || code === 'PATH_REFUSED' ? 'denied' : 'error';
}

/** A run that failed has cost something too. */
function spentBy(error: AppError | undefined): Omit<UsageDelta, 'tool'> {
  if (!(error instanceof RunError)) return {};
  const { backend, inputTokens, outputTokens, modelMs, turns, costUsd, notesRead, notesWritten } = error.spent;
  return { backend, inputTokens, outputTokens, modelMs, turns, costUsd, notesRead, notesWritten };
}

type Attempt =
  | { reply: ToolReply; error?: never; isCancelled: false }
  | { reply?: never; error: AppError; leadsOut: boolean; isCancelled: boolean };

async function attempt(
  prepared: PreparedCall & { kind: 'tool' },
  caller: Caller,
  context: ServerContext,
  ports: RunToolPorts,
): Promise<Attempt> {
  const { tool, bound, audit } = prepared;
  using run = tool.isLong ? openRunSignal(caller, context, ports) : undefined;
  const signal = run?.signal ?? context.mcpReq.signal;
  using progress = startProgress(context, (error) =>
    ports.logger.debug({ err: error, requestId: caller.requestId }, 'progress not delivered'),
  );
  let root: MemoryRoot | undefined;
  try {
    root = ports.rootOf(caller.principal);
    const reply = await bound.run({
      principal: caller.principal,
      requestId: caller.requestId,
      root,
      audit,
      signal,
      progress: (message) => progress.report(message),
      askAgent: ports.askAgent,
    });
    return { reply, isCancelled: false };
  } catch (error) {
    const appError =
      signal.aborted && !(error instanceof AppError)
        ? new AppError('CANCELLED', 'The call was cancelled', { cause: error })
        : toAppError(error);
    if (appError.code === 'INTERNAL')
      ports.logger.error({ err: error, requestId: caller.requestId, tool: tool.name }, 'tool failed');
    const access = tool.scope === 'memory:write' ? 'write' : 'read';
    const leadsOut = bound.path !== undefined && root?.leadsOut(bound.path, access) === true;
    return { error: appError, leadsOut, isCancelled: appError.code === 'CANCELLED' };
  }
}
