// 32 clients that store one numbered fact each question, again and again, through the real agent, over engines that can be
// killed and started again at the same address. Tells what was answered, by whom, what failed, and what the note says.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { AgentRequest, AgentResult } from '../../src/agent/ports.ts';
import type { ChatBackend } from '../../src/model/chat-backend.ts';
import { openOpenAiBackend } from '../../src/model/openai-compatible.ts';
import { defaultOpenAiOptions } from '../../src/model/openai-options.ts';
import type { EngineScript } from './engine/script.ts';
import { startEngine } from './engine/start-engine.ts';
import type { Engine } from './engine/start-engine.ts';
import { checkLedger, EMPTY_LEDGER, END_MARKER, factLine } from './fact-ledger.ts';
import type { LedgerFaults } from './fact-ledger.ts';
import { openRealAgent } from './real-agent.ts';
import type { RealAgent } from './real-agent.ts';

const CLIENTS = 32;
const NOTE = 'facts.md';
const SLOWLY = { chunkCharacters: 16, chunkDelayMs: 15 };

/** The fact is stored in the first turn; the second takes long enough to be killed in. */
const SCRIPT: EngineScript = {
  rules: [
    {
      pattern: String.raw`STORE (- \S+ \S+ \S+)`,
      replies: [
        {
          text: `<think>Store it.</think>\n<python>\nstored = update_file("${NOTE}", "${END_MARKER}", "$1\\n${END_MARKER}")\nassert stored is True, stored\n</python>`,
          ...SLOWLY,
        },
        {
          text: `<think>${'It is stored now. '.repeat(30)}</think>\n<python></python>\n<reply>stored</reply>`,
          ...SLOWLY,
        },
      ],
    },
  ],
};

export interface EngineSeat extends AsyncDisposable {
  readonly backend: ChatBackend;
  start(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  requests(): Promise<number>;
}

/** An engine at a fixed address: its backend stays while the process comes and goes. */
export async function openSeat(name: string, directory: string, paid = false): Promise<EngineSeat> {
  const uds = join(directory, `${name}.sock`);
  const backend = openOpenAiBackend({ ...defaultOpenAiOptions, name, baseUrl: `unix:${uds}`, trust: 'local', paid });
  let engine: Engine | null = null;
  const seat: EngineSeat = {
    backend,
    async start() {
      rmSync(uds, { force: true });
      engine = await startEngine({ script: SCRIPT, uds });
    },
    async kill() {
      await engine?.stop();
      engine = null;
    },
    requests: async () => (engine === null ? 0 : (await engine.requests()).length),
    async [Symbol.asyncDispose]() {
      await backend[Symbol.asyncDispose]();
      await engine?.stop();
    },
  };
  await seat.start();
  return seat;
}

export interface Load extends AsyncDisposable {
  /** Answers so far, in their order. */
  readonly answers: readonly AgentResult[];
  readonly failures: readonly string[];
  /** Facts in the note now. */
  stored(): number;
  answeredBy(backend: string): number;
  /** No new questions; resolves when the last is answered, with what the note says. */
  finish(): Promise<LedgerFaults>;
}

export async function startLoad(backend: ChatBackend): Promise<Load> {
  const agent = await openRealAgent({}, { backend });
  await agent.root.writeNote(NOTE, EMPTY_LEDGER);
  const answers: AgentResult[] = [];
  const failures: string[] = [];
  const asked = new Set<string>();
  const acknowledged = new Set<string>();
  const over = new AbortController();
  const client = async (number: number): Promise<void> => {
    for (let index = 0; !over.signal.aborted; index += 1) {
      const name = `fact-${number}-${index}`;
      asked.add(name);
      try {
        answers.push(await agent.service.ask(question(agent, name)));
        acknowledged.add(name);
      } catch (error) {
        failures.push(`${name}: ${String(error)}`);
      }
    }
  };
  const clients = Array.from({ length: CLIENTS }, (_, number) => client(number));
  const noteText = (): string => agent.root.readNote(NOTE).text;
  return {
    answers,
    failures,
    stored: () => noteText().match(/^- /gm)?.length ?? 0,
    answeredBy: (name) => answers.filter((answer) => answer.backend === name).length,
    async finish() {
      over.abort();
      await Promise.all(clients);
      return checkLedger(noteText(), acknowledged, asked);
    },
    async [Symbol.asyncDispose]() {
      over.abort();
      await agent[Symbol.asyncDispose]();
      await Promise.all(clients);
    },
  };
}

function question(agent: RealAgent, name: string): AgentRequest {
  return agent.request(`STORE ${factLine(name, 8)}`, { requestId: name });
}
