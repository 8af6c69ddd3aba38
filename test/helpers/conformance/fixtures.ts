// The tools, prompts and resources the official conformance suite looks for. Tests hand this surface to `createHttpApps`;
// the daemon has no way to reach it.
import type {
  GetPromptResult,
  InputRequiredResult,
  ReadResourceResult,
  ServerContext,
} from '@modelcontextprotocol/server';
import type { ExtraPrompt, ExtraSurface } from '../../../src/http/mcp/extra-surface.ts';
import { answered, askFor, FIXTURE_TOOLS, formRequest, image, PNG, stateCodec, userText } from './fixture-tools.ts';

function prompt(
  name: string,
  argumentNames: string[],
  get: (args: Record<string, string>, context: ServerContext) => GetPromptResult | InputRequiredResult,
): ExtraPrompt {
  return {
    definition: {
      name,
      description: `Conformance fixture ${name}`,
      arguments: argumentNames.map((argument) => ({ name: argument, required: true })),
    },
    get: (request, context) => Promise.resolve(get(request.params.arguments ?? {}, context)),
  };
}

const PROMPTS: ExtraPrompt[] = [
  prompt('test_simple_prompt', [], () => ({ messages: [userText('This is a simple prompt for testing.')] })),
  prompt('test_prompt_with_arguments', ['arg1', 'arg2'], ({ arg1, arg2 }) => ({
    messages: [userText(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)],
  })),
  prompt('test_prompt_with_embedded_resource', ['resourceUri'], ({ resourceUri = '' }) => ({
    messages: [
      {
        role: 'user',
        content: {
          type: 'resource',
          resource: { uri: resourceUri, mimeType: 'text/plain', text: 'Embedded resource content for testing.' },
        },
      },
      userText('Please process the embedded resource above.'),
    ],
  })),
  prompt('test_prompt_with_image', [], () => ({
    messages: [{ role: 'user', content: image }, userText('Please analyze the image above.')],
  })),
  prompt('test_input_required_result_prompt', [], (_args, context) =>
    answered(context, 'user_context')
      ? { messages: [userText('The context is known now.')] }
      : askFor({ user_context: formRequest('What context should the prompt use?', 'context', 'string') }),
  ),
];

function readFixture(uri: string): ReadResourceResult | undefined {
  if (uri === 'test://static-text' || uri === 'test://watched-resource')
    return { contents: [{ uri, mimeType: 'text/plain', text: 'This is the content of the static text resource.' }] };
  if (uri === 'test://static-binary') return { contents: [{ uri, mimeType: 'image/png', blob: PNG }] };
  const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1];
  if (id === undefined) return undefined;
  return {
    contents: [
      {
        uri,
        mimeType: 'application/json',
        text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }),
      },
    ],
  };
}

export const conformanceFixtures: ExtraSurface = {
  serverOptions: {
    capabilities: { logging: {}, completions: {} },
    requestState: { verify: (state, context) => stateCodec.verify(state, context) },
  },
  tools: FIXTURE_TOOLS,
  prompts: PROMPTS,
  resources: ['static-text', 'static-binary', 'watched-resource'].map((name) => ({
    uri: `test://${name}`,
    name,
    description: `Conformance fixture ${name}`,
  })),
  templates: [
    {
      uriTemplate: 'test://template/{id}/data',
      name: 'template',
      description: 'Conformance fixture template',
      mimeType: 'application/json',
    },
  ],
  readResource: (request) => Promise.resolve(readFixture(request.params.uri)),
  install: (server) => {
    server.setRequestHandler('completion/complete', () => ({
      completion: { values: ['paris', 'park', 'party'], total: 3, hasMore: false },
    }));
  },
};
