// The messages of one run, kept within the model's context: oldest results are shortened first, then earlier thoughts.
// Guarantees: the system prompt, the question and the latest answer stay whole, and every cut says how much is missing.
import { AppError } from '../lib/app-error.ts';
import { estimateTokens, TOKENS_PER_MESSAGE } from '../lib/token-estimate.ts';
import type { ChatMessage } from '../model/chat-backend.ts';
import { cutMiddle } from './cut-middle.ts';
import { wrapResult } from './render-result.ts';
import { splitThought } from './split-thought.ts';

/** What an old result shrinks to, and the least the latest one keeps. */
const OLD_RESULT_CHARACTERS = 400;
const LAST_RESULT_CHARACTERS = 1000;
/** Once something must go, make room for some turns, so that the server's prefix cache is not lost on each of them. */
const SHRINK_TO = 0.75;
const CHARACTERS_PER_TOKEN_FLOOR = 1.3;

interface Entry {
  kind: 'fixed' | 'answer' | 'result';
  role: ChatMessage['role'];
  /** The whole text, or a result's whole body; cuts are always made from this. */
  full: string;
  shown: string;
  tokens: number;
}

export class Conversation {
  readonly #entries: Entry[] = [];
  /** Real tokens per estimated one, learnt from the server's own counts. */
  #ratio = 1;
  #truncated = false;

  constructor(systemPrompt: string, question: string) {
    this.#push('fixed', 'system', systemPrompt, systemPrompt);
    this.#push('fixed', 'user', question, question);
  }

  /** True once something was left out of what the model saw. */
  get truncated(): boolean {
    return this.#truncated;
  }

  addAnswer(text: string): void {
    this.#push('answer', 'assistant', text, text);
  }

  addResult(body: string, maxCharacters: number): void {
    if (body.length > maxCharacters) this.#truncated = true;
    this.#push('result', 'user', body, wrapResult(cutMiddle(body, maxCharacters)));
  }

  /** Called with the server's count for exactly the messages that `fit` returned last. */
  calibrate(inputTokens: number): void {
    const estimated = this.#sum();
    if (estimated > 0 && inputTokens > 0) this.#ratio = Math.min(3, Math.max(0.5, inputTokens / estimated));
  }

  estimatedTokens(): number {
    return Math.ceil(this.#sum() * this.#ratio);
  }

  /** The messages, shortened as far as `limitTokens` asks. Throws TOKEN_LIMIT if even the fixed part is too long. */
  fit(limitTokens: number): ChatMessage[] {
    if (this.estimatedTokens() > limitTokens) this.#shrink(limitTokens * SHRINK_TO);
    if (this.estimatedTokens() > limitTokens) {
      throw new AppError('TOKEN_LIMIT', 'The question does not fit into what the model can read at once', {
        hint: 'Ask a shorter question, or raise model.context_tokens if the model can read more',
      });
    }
    return this.#entries.map(({ role, shown }) => ({ role, content: shown }));
  }

  #shrink(targetTokens: number): void {
    const results = this.#entries.filter((entry) => entry.kind === 'result');
    const answers = this.#entries.filter((entry) => entry.kind === 'answer');
    const latest = results.at(-1);
    const steps: (() => void)[] = [
      ...results.slice(0, -1).map((entry) => () => this.#showResult(entry, OLD_RESULT_CHARACTERS)),
      ...answers.slice(0, -1).map((entry) => () => this.#show(entry, withoutThought(entry.full))),
    ];
    for (const step of steps) {
      if (this.estimatedTokens() <= targetTokens) return;
      step();
    }
    if (latest === undefined || this.estimatedTokens() <= targetTokens) return;
    const others = this.estimatedTokens() - latest.tokens * this.#ratio;
    const room = Math.floor(((targetTokens - others) / this.#ratio) * CHARACTERS_PER_TOKEN_FLOOR);
    this.#showResult(latest, Math.max(LAST_RESULT_CHARACTERS, room));
  }

  #showResult(entry: Entry, maxCharacters: number): void {
    const shown = wrapResult(cutMiddle(entry.full, maxCharacters));
    if (shown.length < entry.shown.length) this.#show(entry, shown);
  }

  #show(entry: Entry, shown: string): void {
    if (shown === entry.shown) return;
    this.#truncated = true;
    entry.shown = shown;
    entry.tokens = estimateTokens(shown) + TOKENS_PER_MESSAGE;
  }

  #push(kind: Entry['kind'], role: ChatMessage['role'], full: string, shown: string): void {
    this.#entries.push({ kind, role, full, shown, tokens: estimateTokens(shown) + TOKENS_PER_MESSAGE });
  }

  #sum(): number {
    return this.#entries.reduce((sum, entry) => sum + entry.tokens, 0);
  }
}

function withoutThought(text: string): string {
  const { state, visible } = splitThought(text);
  return state === 'closed' ? visible.trimStart() : text;
}
