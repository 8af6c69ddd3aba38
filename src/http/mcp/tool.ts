// What a tool is: its schemas, prepared once as JSON Schema, the scope it needs and the code behind it.
import type { Tool, ToolAnnotations } from '@modelcontextprotocol/server';
import { z } from 'zod';
import type { AuditCall, NoteOperation, UsageDelta } from '../../audit/audit-log.ts';
import type { Principal, Scope } from '../../auth/principal.ts';
import { AppError } from '../../lib/app-error.ts';
import type { BeforeEffect, MemoryRoot } from '../../memory/memory-root.ts';
import type { HttpPorts } from '../ports.ts';

export interface ToolContext {
  principal: Principal;
  requestId: string;
  root: MemoryRoot;
  /** For the operations the intent could not name yet. */
  audit: AuditCall;
  signal: AbortSignal;
  progress(message: string): void;
  askAgent: HttpPorts['askAgent'];
}

export interface ToolReply {
  /** Must fit the tool's output schema. */
  structured: Record<string, unknown>;
  /** What a client without structured content reads; the same as JSON when left out. */
  text?: string;
  usage?: Omit<UsageDelta, 'tool'>;
}

export interface ToolSpec<Input extends z.ZodObject> {
  name: string;
  title: string;
  description: string;
  input: Input;
  output: z.ZodObject;
  annotations: ToolAnnotations;
  scope: Scope;
  /** Long tools answer as a stream from the first byte and can be cancelled by a second request. */
  isLong?: boolean;
  /** The note it is about, as the caller named it. */
  path?(input: z.infer<Input>): string;
  /** Note operations that are certain before it runs; they are recorded with the intent. */
  operations?(input: z.infer<Input>): NoteOperation[];
  run(context: ToolContext, input: z.infer<Input>): ToolReply | Promise<ToolReply>;
}

/** A tool with checked arguments, ready to be audited and run. */
export interface BoundTool {
  readonly operations: NoteOperation[];
  readonly path: string | undefined;
  run(context: ToolContext): ToolReply | Promise<ToolReply>;
}

export interface RegisteredTool {
  readonly name: string;
  readonly scope: Scope;
  readonly isLong: boolean;
  /** As `tools/list` shows it. */
  readonly definition: Tool;
  /** Throws INVALID_INPUT naming the field. */
  bind(input: unknown): BoundTool;
}

export function defineTool<Input extends z.ZodObject>(spec: ToolSpec<Input>): RegisteredTool {
  return {
    name: spec.name,
    scope: spec.scope,
    isLong: spec.isLong ?? false,
    definition: {
      name: spec.name,
      title: spec.title,
      description: spec.description,
      inputSchema: { ...z.toJSONSchema(spec.input, { io: 'input' }), type: 'object' } as Tool['inputSchema'],
      outputSchema: { ...z.toJSONSchema(spec.output, { io: 'output' }) },
      annotations: spec.annotations,
    },
    bind(input) {
      const parsed = spec.input.safeParse(input ?? {});
      if (!parsed.success) throw invalidInput(spec.name, parsed.error);
      return {
        operations: spec.operations?.(parsed.data) ?? [],
        path: spec.path?.(parsed.data),
        run: (context) => spec.run(context, parsed.data),
      };
    },
  };
}

function invalidInput(tool: string, error: z.ZodError): AppError {
  const problems = error.issues.slice(0, 5).map((issue) => {
    const field =
      issue.code === 'unrecognized_keys' ? issue.keys.slice(0, 5).join(', ').slice(0, 200) : issue.path.join('.');
    const message = issue.message.slice(0, 200);
    return field === '' ? message : `${field}: ${message}`;
  });
  return new AppError('INVALID_INPUT', `The arguments of ${tool} are wrong: ${problems.join('; ')}`, {
    hint: `Call ${tool} again with arguments that fit its input schema`,
  });
}

/** Records each effect under the root's lock before it happens. */
export function auditedEffect(audit: AuditCall): BeforeEffect {
  return (operation) => audit.operation(operation);
}
