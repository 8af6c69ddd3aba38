// The operator's own rules of what must not leave: a file with one rule a line, `redact TEXT`, `redact /regex/i`,
// `refuse /regex/`, and `#` comments. Guarantee: a wrong line is an error with its number, never a rule that does nothing.

import { readFileSync, statSync } from 'node:fs';
import { AppError, systemErrorCode } from '../lib/app-error.ts';

export interface PrivacyRule {
  /** `refuse`: a text with it does not leave at all. */
  action: 'redact' | 'refuse';
  /** Always global. */
  pattern: RegExp;
  /** In the file; for messages, which never show the text. */
  line: number;
}

const LARGEST_FILE_BYTES = 256 * 1024;
const MAX_RULES = 1000;
const LONGEST_PATTERN = 1000;
/** Markdown may set marks between two words, or put them on two lines. */
const BETWEEN_WORDS = '[\\s*_`~>]*';
const RULE = /^(?<action>redact|refuse)[ \t]+(?<what>\S.*)$/;
const REGEX = /^\/(?<source>.+)\/(?<flags>[a-z]*)$/;

/** Throws CONFIG_INVALID. */
export function readPrivacyRules(path: string): PrivacyRule[] {
  try {
    const { size } = statSync(path);
    if (size > LARGEST_FILE_BYTES)
      throw invalid(path, [`it has ${size} bytes, at most ${LARGEST_FILE_BYTES} are read`]);
    return parsePrivacyRules(readFileSync(path, 'utf8'), path);
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw invalid(path, [`it cannot be read (${systemErrorCode(error) ?? 'unknown reason'})`]);
  }
}

/** Throws CONFIG_INVALID with every wrong line. */
export function parsePrivacyRules(text: string, source: string): PrivacyRule[] {
  const rules: PrivacyRule[] = [];
  const faults: string[] = [];
  for (const [index, written] of text
    .replace(/^\uFEFF/, '')
    .split(/\r\n?|\n/)
    .entries()) {
    const line = written.trim();
    if (line === '' || line.startsWith('#')) continue;
    const rule = parseRule(line, index + 1);
    if (typeof rule === 'string') faults.push(`line ${index + 1}: ${rule}`);
    else rules.push(rule);
  }
  if (rules.length > MAX_RULES) faults.push(`it has ${rules.length} rules, at most ${MAX_RULES} are kept`);
  if (faults.length > 0) throw invalid(source, faults);
  return rules;
}

/** The rule, or what is wrong with it. */
function parseRule(text: string, line: number): PrivacyRule | string {
  const { action, what } = RULE.exec(text)?.groups ?? {};
  if ((action !== 'redact' && action !== 'refuse') || what === undefined) {
    return 'a rule is "redact TEXT", "redact /regex/", "refuse TEXT" or "refuse /regex/"';
  }
  if (what.length > LONGEST_PATTERN) return `it is longer than ${LONGEST_PATTERN} characters`;
  if (!what.startsWith('/')) return { action, line, pattern: new RegExp(literal(what), 'giu') };
  const { source, flags } = REGEX.exec(what)?.groups ?? {};
  if (source === undefined || flags === undefined) return 'the regex lacks its closing /';
  if (/[^imsu]/.test(flags)) return `the flags after the closing / are i, m, s or u (a slash inside is written \\/)`;
  if (repeatsARepeat(source)) return 'a repeat inside a repeat, such as (a+)+, can take for ever';
  return compile(source, flags, (pattern) => ({ action, line, pattern }));
}

function compile(source: string, flags: string, make: (pattern: RegExp) => PrivacyRule): PrivacyRule | string {
  let pattern: RegExp;
  try {
    pattern = new RegExp(source, `g${flags}`);
  } catch (error) {
    return `not a regex: ${error instanceof Error ? error.message.replace(/^.*: /s, '') : 'unknown reason'}`;
  }
  return new RegExp(source, flags).test('') ? 'it matches a text of nothing, which is everywhere' : make(pattern);
}

function literal(text: string): string {
  return text
    .split(/\s+/)
    .map((word) => word.replace(/[$()*+.?[\\\]^{|}/]/g, '\\$&'))
    .join(BETWEEN_WORDS);
}

/** True if a group that holds a repeat without an end is itself repeated. */
function repeatsARepeat(source: string): boolean {
  const plain = source.replace(/\\./gs, '_').replace(/\[[^\]]*\]/g, '_');
  const groups: boolean[] = [false];
  for (let at = 0; at < plain.length; at += 1) {
    const character = plain.charAt(at);
    const isRepeat = /^(?:[*+]|\{\d+,\d*\})/.test(plain.slice(at));
    if (character === '(') groups.push(false);
    else if (character === ')') {
      const holdsRepeat = groups.pop() ?? false;
      if (holdsRepeat && /^(?:[*+]|\{\d+(?:,\d*)?\})/.test(plain.slice(at + 1))) return true;
      if (holdsRepeat) groups[groups.length - 1] = true;
    } else if (isRepeat) groups[groups.length - 1] = true;
  }
  return false;
}

function invalid(source: string, faults: readonly string[]): AppError {
  return new AppError('CONFIG_INVALID', `privacy.rules_file ${source}: ${faults.join('; ')}`, {
    hint: 'Correct the file: one rule a line, # begins a comment',
  });
}
