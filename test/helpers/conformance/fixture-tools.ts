// The tools the official conformance suite looks for, and how a fixture asks the client for something.
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
  acceptedContent,
  CLIENT_CAPABILITIES_META_KEY,
  createRequestStateCodec,
  MissingRequiredClientCapabilityError,
  type CallToolResult,
  type ClientCapabilities,
  type InputRequiredResult,
  type ServerContext,
  type Tool,
} from '@modelcontextprotocol/server';
import type { ExtraTool } from '../../../src/http/mcp/extra-surface.ts';

type ToolAnswer = CallToolResult | InputRequiredResult;
type Call = (context: ServerContext, args: Record<string, unknown>) => Promise<ToolAnswer> | ToolAnswer;
type ElicitParams = Parameters<ServerContext['mcpReq']['elicitInput']>[0];
type Properties = NonNullable<Tool['inputSchema']['properties']>;
type InputRequests = NonNullable<InputRequiredResult['inputRequests']>;

export const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==';
const WAV = 'UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAAAAA==';
/** What the client of this request declared. */
const declaredBy = (context: ServerContext): ClientCapabilities | undefined =>
  (context.mcpReq.envelope as Record<string, ClientCapabilities | undefined> | undefined)?.[
    CLIENT_CAPABILITIES_META_KEY
  ];
const STEP_MS = 50;

export const stateCodec = createRequestStateCodec({ key: randomBytes(32) });
export const image = { type: 'image', data: PNG, mimeType: 'image/png' } as const;
const text = (value: string): CallToolResult => ({ content: [{ type: 'text', text: value }] });

export const userText = (value: string) => ({ role: 'user', content: { type: 'text', text: value } }) as const;

function tool(name: string, call: Call, properties: Properties = {}): ExtraTool {
  return {
    definition: {
      name,
      description: `Conformance fixture ${name}`,
      inputSchema: { type: 'object', properties, required: Object.keys(properties) },
    },
    call: async (request, context) => call(context, request.params.arguments ?? {}),
  };
}

export function formRequest(message: string, property: string, type: 'string' | 'boolean'): InputRequests[string] {
  return {
    method: 'elicitation/create',
    params: {
      mode: 'form',
      message,
      requestedSchema: { type: 'object', properties: { [property]: { type } }, required: [property] },
    },
  } as InputRequests[string];
}

function samplingRequest(question: string, maxTokens: number): InputRequests[string] {
  return { method: 'sampling/createMessage', params: { messages: [userText(question)], maxTokens } };
}

const rootsRequest = { method: 'roots/list', params: {} } as InputRequests[string];
export const askFor = (inputRequests: InputRequests, requestState?: string): InputRequiredResult => ({
  resultType: 'input_required',
  inputRequests,
  ...(requestState !== undefined && { requestState }),
});
export const answered = (context: ServerContext, ...keys: string[]): boolean =>
  keys.every((key) => context.mcpReq.inputResponses?.[key] !== undefined);

/** Asks until every key is answered, then says what it got. */
function asking(requests: InputRequests, done: (context: ServerContext) => string): Call {
  return (context) => (answered(context, ...Object.keys(requests)) ? text(done(context)) : askFor(requests));
}

const nameOf = (context: ServerContext): string | undefined =>
  acceptedContent<{ name: string }>(context.mcpReq.inputResponses, 'user_name')?.name;
const askName = (): InputRequiredResult => askFor({ user_name: formRequest('What is your name?', 'name', 'string') });

async function elicit(
  context: ServerContext,
  params: ElicitParams,
  prefix: (action: string, content: string) => string,
): Promise<CallToolResult> {
  const { action, content } = await context.mcpReq.elicitInput(params);
  return text(prefix(action, JSON.stringify(content ?? {})));
}

const completed = (action: string, content: string): string =>
  `Elicitation completed: action=${action}, content=${content}`;

async function reportProgress(context: ServerContext): Promise<CallToolResult> {
  const progressToken = context.mcpReq._meta?.progressToken;
  for (const progress of [0, 50, 100]) {
    if (progress > 0) await delay(STEP_MS);
    if (progressToken !== undefined)
      await context.mcpReq.notify({
        method: 'notifications/progress',
        params: { progressToken, progress, total: 100 },
      });
  }
  return text('Progress reported');
}

async function writeLogs(context: ServerContext): Promise<CallToolResult> {
  for (const message of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
    await context.mcpReq.log('info', message);
    await delay(STEP_MS);
  }
  return text('Logged three times');
}

const ENUM_SCHEMA = {
  type: 'object',
  properties: {
    untitledSingle: { type: 'string', enum: ['option1', 'option2', 'option3'] },
    titledSingle: { type: 'string', oneOf: [1, 2, 3].map((n) => ({ const: `value${n}`, title: `Option ${n}` })) },
    legacyEnum: {
      type: 'string',
      enum: ['opt1', 'opt2', 'opt3'],
      enumNames: ['Option One', 'Option Two', 'Option Three'],
    },
    untitledMulti: { type: 'array', items: { type: 'string', enum: ['option1', 'option2', 'option3'] } },
    titledMulti: {
      type: 'array',
      items: { anyOf: [1, 2, 3].map((n) => ({ const: `value${n}`, title: `Choice ${n}` })) },
    },
  },
} as const;

export const FIXTURE_TOOLS: ExtraTool[] = [
  tool('test_simple_text', () => text('This is a simple text response for testing.')),
  tool('test_image_content', () => ({ content: [image] })),
  tool('test_audio_content', () => ({ content: [{ type: 'audio', data: WAV, mimeType: 'audio/wav' }] })),
  tool('test_embedded_resource', () => ({
    content: [
      {
        type: 'resource',
        resource: {
          uri: 'test://embedded-resource',
          mimeType: 'text/plain',
          text: 'This is an embedded resource content.',
        },
      },
    ],
  })),
  tool('test_multiple_content_types', () => ({
    content: [
      { type: 'text', text: 'Multiple content types test:' },
      image,
      {
        type: 'resource',
        resource: {
          uri: 'test://mixed-content-resource',
          mimeType: 'application/json',
          text: '{"test":"data","value":123}',
        },
      },
    ],
  })),
  tool('test_tool_with_logging', writeLogs),
  tool('test_logging_tool', writeLogs),
  tool('test_error_handling', () => ({
    isError: true,
    ...text('This tool intentionally returns an error for testing'),
  })),
  tool('test_tool_with_progress', reportProgress),
  tool(
    'test_sampling',
    async (context, { prompt: question }) => {
      const answer = await context.mcpReq.requestSampling({ messages: [userText(String(question))], maxTokens: 100 });
      return text(`LLM response: ${JSON.stringify(answer.content)}`);
    },
    { prompt: { type: 'string' } },
  ),
  tool(
    'test_elicitation',
    (context, { message }) =>
      elicit(
        context,
        {
          mode: 'form',
          message: String(message),
          requestedSchema: {
            type: 'object',
            properties: {
              username: { type: 'string', description: "User's response" },
              email: { type: 'string', description: "User's email address" },
            },
            required: ['username', 'email'],
          },
        },
        (action, content) => `User response: action: ${action}, content: ${content}`,
      ),
    { message: { type: 'string' } },
  ),
  tool('test_elicitation_sep1034_defaults', (context) =>
    elicit(
      context,
      {
        mode: 'form',
        message: 'Check these values',
        requestedSchema: {
          type: 'object',
          properties: {
            name: { type: 'string', default: 'John Doe' },
            age: { type: 'integer', default: 30 },
            score: { type: 'number', default: 95.5 },
            status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
            verified: { type: 'boolean', default: true },
          },
        },
      },
      completed,
    ),
  ),
  tool('test_elicitation_sep1330_enums', (context) =>
    elicit(
      context,
      { mode: 'form', message: 'Choose', requestedSchema: structuredClone(ENUM_SCHEMA) } as unknown as ElicitParams,
      completed,
    ),
  ),
  tool('test_missing_capability', (context) => {
    if (declaredBy(context)?.sampling === undefined)
      throw new MissingRequiredClientCapabilityError({ requiredCapabilities: { sampling: {} } });
    return text('The client can sample');
  }),
  tool(
    'test_streaming_elicitation',
    asking({ confirm: formRequest('Go on?', 'ok', 'boolean') }, () => 'confirmed'),
  ),
  tool('test_input_required_result_elicitation', (context) => {
    const name = nameOf(context);
    return typeof name === 'string' ? text(`Hello, ${name}!`) : askName();
  }),
  tool(
    'test_input_required_result_sampling',
    asking({ capital_question: samplingRequest('What is the capital of France?', 100) }, (context) =>
      JSON.stringify(context.mcpReq.inputResponses?.['capital_question']),
    ),
  ),
  tool(
    'test_input_required_result_list_roots',
    asking({ client_roots: rootsRequest }, (context) =>
      JSON.stringify(context.mcpReq.inputResponses?.['client_roots']),
    ),
  ),
  tool('test_input_required_result_request_state', async (context) =>
    answered(context, 'confirm') && context.mcpReq.requestState() === 'confirming'
      ? text('state-ok')
      : askFor({ confirm: formRequest('Please confirm', 'ok', 'boolean') }, await stateCodec.mint('confirming')),
  ),
  tool('test_input_required_result_tampered_state', async (context) =>
    answered(context, 'confirm')
      ? text('state-ok')
      : askFor({ confirm: formRequest('Please confirm', 'ok', 'boolean') }, await stateCodec.mint('confirming')),
  ),
  tool('test_input_required_result_multiple_inputs', async (context) =>
    answered(context, 'user_name', 'greeting', 'client_roots')
      ? text(`All inputs are here for ${nameOf(context) ?? 'you'}`)
      : askFor(
          {
            user_name: formRequest('What is your name?', 'name', 'string'),
            greeting: samplingRequest('Generate a greeting', 50),
            client_roots: rootsRequest,
          },
          await stateCodec.mint('multiple'),
        ),
  ),
  tool('test_input_required_result_multi_round', async (context) => {
    const round = context.mcpReq.requestState();
    if (round === 'round-2' && answered(context, 'step2')) return text('Both steps are done');
    if (round === 'round-1' && answered(context, 'step1'))
      return askFor(
        { step2: formRequest('Step 2: What is your favorite color?', 'color', 'string') },
        await stateCodec.mint('round-2'),
      );
    return askFor(
      { step1: formRequest('Step 1: What is your name?', 'name', 'string') },
      await stateCodec.mint('round-1'),
    );
  }),
  tool('test_input_required_result_capabilities', (context) => {
    const declared = declaredBy(context);
    return askFor({
      ...(declared?.sampling !== undefined && { question: samplingRequest('Say something', 20) }),
      ...(declared?.elicitation !== undefined && { user_name: formRequest('What is your name?', 'name', 'string') }),
    });
  }),
];

/** Keywords of JSON Schema 2020-12 that must survive the way into the list. */
const SCHEMA_2020_12: Tool['inputSchema'] = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  $defs: {
    address: {
      $anchor: 'addressDef',
      type: 'object',
      properties: { street: { type: 'string' }, city: { type: 'string' } },
    },
  },
  properties: {
    name: { type: 'string' },
    address: { $ref: '#/$defs/address' },
    contactMethod: { type: 'string', enum: ['phone', 'email'] },
    phone: { type: 'string' },
    email: { type: 'string' },
  },
  allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
  if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
  // oxlint-disable-next-line unicorn/no-thenable
  then: { required: ['phone'] },
  else: { required: ['email'] },
  anyOf: [{ required: ['name'] }, { required: ['address'] }],
  additionalProperties: false,
};

FIXTURE_TOOLS.push({
  definition: {
    name: 'json_schema_2020_12_tool',
    description: 'Tool with JSON Schema 2020-12 features',
    inputSchema: SCHEMA_2020_12,
  },
  call: () => Promise.resolve(text('ok')),
});
