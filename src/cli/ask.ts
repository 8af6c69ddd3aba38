// `mem-agent ask "question"`: one question to the memory agent, over the daemon's socket or, with --url, over HTTP with a key.
import type { Command } from 'commander';
import { readFileSync } from 'node:fs';
import { AppError } from '../lib/app-error.ts';
import type { CliContext } from './cli-context.ts';
import { openDaemonLink } from './daemon-link.ts';
import type { McpClient } from './mcp-client.ts';
import type { RunCommand } from './run-command.ts';
import { EXIT } from './terminal.ts';

interface AskOptions {
  url?: string;
  keyFile?: string;
}

export function addAskCommand(program: Command, run: RunCommand): void {
  program
    .command('ask <question>')
    .description('ask the memory; starts a daemon if none runs')
    .option('--url <url>', 'another daemon, for example https://memory.example/mcp (also MEM_AGENT_URL)')
    .option('--key-file <file>', 'file with the API key for --url (else the variable MEM_AGENT_KEY)')
    .action((question: string, options: AskOptions) =>
      run(async (context) => {
        if (question.trim() === '')
          throw new AppError('INVALID_INPUT', 'There is no question', { hint: 'Ask in words' });
        await using stack = new AsyncDisposableStack();
        const client = await openClient(context, options, stack);
        const { terminal } = context;
        const isWatched = process.stderr.isTTY && !terminal.json;
        const answer = await client.callTool(
          'use_memory_agent',
          { question },
          isWatched ? (message) => terminal.note(`… ${message}`) : undefined,
        );
        if (answer.isError) throw new AppError('MODEL_FAILED', answer.text, { hint: 'See "mem-agent health"' });
        terminal.show(answer.structured ?? { reply: answer.text }, () => answer.text);
        return EXIT.ok;
      }),
    );
}

async function openClient(context: CliContext, options: AskOptions, stack: AsyncDisposableStack): Promise<McpClient> {
  const { openMcpClient } = await import('./mcp-client.ts');
  const url = options.url ?? process.env['MEM_AGENT_URL'];
  if (url !== undefined && url !== '')
    return stack.use(await openMcpClient({ url: checkedUrl(url), key: readKey(options) }));
  const link = stack.use(openDaemonLink(context));
  await link.connect();
  return stack.use(await openMcpClient({ fetch: (path, init) => link.fetch(path, init) }));
}

function checkedUrl(url: string): string {
  if (URL.canParse(url)) return url;
  throw new AppError('INVALID_INPUT', `"${url}" is not a URL`, { hint: 'For example http://127.0.0.1:8081/mcp' });
}

function readKey(options: AskOptions): string | undefined {
  if (options.keyFile === undefined) return process.env['MEM_AGENT_KEY'];
  try {
    return readFileSync(options.keyFile, 'utf8').trim();
  } catch (error) {
    throw new AppError('INVALID_INPUT', `The key file ${options.keyFile} cannot be read`, {
      hint: 'Give a file that you may read and that holds one key',
      cause: error,
    });
  }
}
