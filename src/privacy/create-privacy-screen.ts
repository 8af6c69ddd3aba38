// Takes secrets out of what is sent to a cloud model and puts them back into what it answers.
// Guarantees: the same value has the same placeholder throughout a run; what was withheld once is withheld wherever it
// occurs; `restore(redact(x)) = x`; and what cannot be put back safely is refused, never written wrongly.

import { AppError } from '../lib/app-error.ts';
import { findSecrets } from './find-secrets.ts';
import { countTags, createPlacer, endOfThought, PLACEHOLDER, placeholderFor } from './placeholder.ts';
import type { PrivacyRule } from './privacy-rules.ts';
import { createRuleMatcher } from './rule-matcher.ts';
import type { RuleMatcher } from './rule-matcher.ts';
import { decodedViews, joinedView } from './text-view.ts';
import type { SecretRange, TextView } from './text-view.ts';

export interface PrivacyScreenOptions {
  rules: readonly PrivacyRule[];
  /** Once for each value a run withholds. */
  onRedaction?(event: { stage: string; kind: string }): void;
  ruleTimeoutMs?: number;
}

export interface PrivacyScreen {
  /** For one run. */
  open(): ScreenSession;
}

export interface Redacted {
  text: string;
  /** Places where something is withheld. */
  redactions: number;
}

export interface ScreenSession {
  /** `stage` says for the metric where the text came from. Throws PRIVACY_REFUSED. */
  redact(text: string, stage?: string): Redacted;
  /**
   * Learns the secrets of a text that stays here, so that they are known in any part of it: a value that a block has
   * taken out of its note no longer stands beside its name. Never throws; what can't be learnt in full refuses `redact`.
   */
  learn(text: string): void;
  /** Throws PRIVACY_REFUSED for a placeholder that was never given, or a value that can't stand where it is wanted. */
  restore(text: string): string;
  /** Grows with each value withheld: texts redacted before may hold it still. */
  readonly withheld: number;
}

const MAX_VALUES = 2000;
const LONGEST_TEXT = 4_000_000;
/** In characters: about a whole conversation. */
const MOST_REMEMBERED = 200_000;
/** Long enough to be itself wherever it stands, as part of a longer word too. */
const UNMISTAKABLE = 16;

export function createPrivacyScreen(options: PrivacyScreenOptions): PrivacyScreen {
  const matcher = createRuleMatcher(options.rules, options.ruleTimeoutMs);
  return { open: () => new Session(matcher, options.onRedaction ?? (() => undefined)) };
}

class Session implements ScreenSession {
  readonly #matcher: RuleMatcher;
  readonly #onRedaction: NonNullable<PrivacyScreenOptions['onRedaction']>;
  readonly #placeholders = new Map<string, string>();
  readonly #values = new Map<string, string>();
  /** As they read without encoding. */
  readonly #known = new Map<string, string>();
  readonly #counts = new Map<string, number>();
  /** The same messages come again with each turn. */
  readonly #done = new Map<string, Redacted>();
  #doneCharacters = 0;
  readonly #learnt = new Set<string>();
  #isBlind = false;

  constructor(matcher: RuleMatcher, onRedaction: NonNullable<PrivacyScreenOptions['onRedaction']>) {
    this.#matcher = matcher;
    this.#onRedaction = onRedaction;
  }

  get withheld(): number {
    return this.#known.size;
  }

  redact(text: string, stage = 'text'): Redacted {
    const done = this.#done.get(text);
    if (done !== undefined) return done;
    if (text.length > LONGEST_TEXT) throw refused('it is too long to be looked through');
    if (this.#isBlind) throw refused('a note of this run could not be looked through');
    const ranges = merge(this.#find(text, stage));
    let clean = '';
    let from = 0;
    for (const { kind, start, end } of ranges) {
      clean += text.slice(from, start) + this.#placeholder(kind, text.slice(start, end));
      from = end;
    }
    const redacted = { text: clean + text.slice(from), redactions: ranges.length };
    this.#remember(text, redacted);
    return redacted;
  }

  learn(text: string): void {
    if (this.#learnt.has(text)) return;
    this.#learnt.add(text);
    try {
      if (text.length > LONGEST_TEXT) throw refused('it is too long to be looked through');
      const { views, joined } = viewsOf(text);
      for (const { kind, value } of findSecrets(views, joined)) this.#learn(kind, value, 'note');
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      this.#isBlind = true;
    }
  }

  restore(text: string): string {
    const maySet = createPlacer(text);
    const thoughtEnd = endOfThought(text);
    const restored = text.replace(PLACEHOLDER, (written: string, index: number) => {
      const value = this.#values.get(written);
      if (value === undefined) {
        if (index < thoughtEnd) return written;
        throw refused('the cloud model made up the name of a withheld value');
      }
      if (maySet(index, value)) return value;
      throw refused('a withheld value cannot stand where the cloud model put it');
    });
    if (countTags(restored) !== countTags(text)) throw refused('a withheld value reads like a tag of the protocol');
    return restored;
  }

  #find(text: string, stage: string): SecretRange[] {
    const { views, joined } = viewsOf(text);
    const literal = [...text.matchAll(PLACEHOLDER)].map(({ index, 0: written }) => ({
      kind: 'placeholder',
      start: index,
      end: index + written.length,
    }));
    const found = [...this.#matcher.match([...views, ...joined]), ...findSecrets(views, joined)];
    for (const { kind, value } of found) this.#learn(kind, value, stage);
    return [...literal, ...found, ...this.#findKnown([...views, ...joined])];
  }

  #learn(kind: string, value: string, stage: string): void {
    if (this.#known.has(value)) return;
    if (this.#known.size >= MAX_VALUES) throw refused(`it holds more than ${MAX_VALUES} secrets`);
    this.#known.set(value, kind);
    this.#forget();
    this.#onRedaction({ stage, kind });
  }

  #remember(text: string, redacted: Redacted): void {
    if (this.#doneCharacters > MOST_REMEMBERED) this.#forget();
    this.#done.set(text, redacted);
    this.#doneCharacters += text.length;
  }

  #forget(): void {
    this.#done.clear();
    this.#doneCharacters = 0;
  }

  *#findKnown(views: readonly TextView[]): Generator<SecretRange> {
    for (const view of views) {
      for (const [value, kind] of this.#known) {
        for (let at = view.text.indexOf(value); at !== -1; at = view.text.indexOf(value, at + value.length)) {
          const end = at + value.length;
          const isFree = kind === 'rule' || value.length >= UNMISTAKABLE || standsAlone(view.text, at, end);
          if (isFree) yield { kind, ...view.sourceOf(at, end) };
        }
      }
    }
  }

  #placeholder(kind: string, value: string): string {
    const existing = this.#placeholders.get(value);
    if (existing !== undefined) return existing;
    const count = (this.#counts.get(kind) ?? 0) + 1;
    const placeholder = placeholderFor(kind, count);
    this.#counts.set(kind, count);
    this.#placeholders.set(value, placeholder);
    this.#values.set(placeholder, value);
    return placeholder;
  }
}

function viewsOf(text: string): { views: TextView[]; joined: TextView[] } {
  const views = decodedViews(text);
  return { views, joined: views.map(joinedView).filter((view) => view !== undefined) };
}

/** In order, overlapping ones as one; the longest gives the kind. */
function merge(ranges: readonly SecretRange[]): SecretRange[] {
  const merged: SecretRange[] = [];
  let longest = 0;
  for (const range of ranges.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    const last = merged.at(-1);
    if (last === undefined || range.start >= last.end) {
      merged.push({ ...range });
      longest = range.end - range.start;
      continue;
    }
    if (range.end - range.start > longest) {
      last.kind = range.kind;
      longest = range.end - range.start;
    }
    last.end = Math.max(last.end, range.end);
  }
  return merged;
}

function standsAlone(text: string, start: number, end: number): boolean {
  const isWord = (character: string): boolean => /[\p{L}\p{N}]/u.test(character);
  const opens = isWord(text.charAt(start)) && isWord(text.charAt(start - 1));
  const runsOn = isWord(text.charAt(end - 1)) && isWord(text.charAt(end));
  return !opens && !runsOn;
}

function refused(why: string): AppError {
  return new AppError('PRIVACY_REFUSED', `This may not go to or come from a cloud model: ${why}`, {
    hint: 'Ask while a local model answers, or keep the secret out of the question and the notes it needs',
  });
}
