// Reads and replaces the operator's files of rules, for the admin API. Guarantees: a broken file is shown with what is wrong, so that
// it can be repaired from here; what is wrong is refused before anything is written; a reader sees the old file or the new one, never a part; rules for the cloud count from the next question on.
import { mkdirSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { createFiltersReader, filtersPlace } from '../config/filters-file.ts';
import type { LoadedConfig } from '../config/load-config.ts';
import { readTextFile } from '../config/read-text-file.ts';
import type { AdminPorts, FilterFile, FilterKind } from '../http/admin/admin-ports.ts';
import { AppError, systemErrorCode } from '../lib/app-error.ts';
import { writeAtomically } from '../memory/atomic-write.ts';
import { parsePrivacyRules, readPrivacyRules } from '../privacy/privacy-rules.ts';

const LARGEST_ANSWER_FILE_CHARS = 64 * 1024;

export interface FiltersPortInput {
  loaded(): LoadedConfig;
  /** There are other privacy rules in the file now. */
  onPrivacyRules?(): void;
}

export function createFiltersPort({ loaded, onPrivacyRules }: FiltersPortInput): AdminPorts['filters'] {
  const placeOf = (kind: FilterKind): string | null => {
    const { rulesFile } = loaded().config.privacy;
    return kind === 'answer' ? filtersPlace(loaded()) : rulesFile === '' ? null : rulesFile;
  };
  return {
    read(kind) {
      const file = placeOf(kind);
      if (file === null) return { file, text: '', problem: null };
      const found = readTextFile(file);
      const text = found.kind === 'text' ? found.text : '';
      const problem = kind === 'answer' ? answerProblem(loaded(), text) : privacyProblem(file);
      return { file, text, problem };
    },
    async write(kind, text) {
      const file = placeOf(kind);
      if (file === null) {
        throw new AppError('INVALID_INPUT', 'No file of privacy rules is configured', {
          hint: 'Set privacy.rules_file and restart mem-agent',
        });
      }
      check(kind, text);
      await replaceFile(file, text);
      if (kind === 'privacy') onPrivacyRules?.();
    },
  };
}

/** As the agent reads it before each question. */
function answerProblem(loaded: LoadedConfig, text: string): FilterFile['problem'] {
  try {
    createFiltersReader(loaded)();
  } catch (error) {
    return describe('answer', error, 'Every question is refused until it can be read');
  }
  try {
    check('answer', text);
    return null;
  } catch (error) {
    return describe('answer', error, 'It goes to the model as it is');
  }
}

/** As the next start reads it. */
function privacyProblem(file: string): FilterFile['problem'] {
  try {
    readPrivacyRules(file);
    return null;
  } catch (error) {
    return describe('privacy', error, 'The rules that were read before stay in force, and the next start fails');
  }
}

function describe(kind: FilterKind, error: unknown, effect: string): NonNullable<FilterFile['problem']> {
  if (!(error instanceof AppError)) throw error;
  return {
    detail: `${error.message}. ${effect}`,
    hint: `${error.hint ?? 'Correct the file'}, or replace it: mem-agent filters set ${kind} FILE`,
  };
}

function check(kind: FilterKind, text: string): void {
  // A control character would let a rule pose as something else to the model, or to a terminal.
  if (!text.isWellFormed() || /[^\P{Cc}\n\r\t]/u.test(text)) throw invalid('It holds characters that are no text');
  if (kind === 'answer' && text.length > LARGEST_ANSWER_FILE_CHARS) {
    throw invalid(
      `It is longer than ${LARGEST_ANSWER_FILE_CHARS} characters, and goes to the model with each question`,
    );
  }
  if (kind === 'answer') return;
  try {
    parsePrivacyRules(text, 'the rules');
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    throw new AppError('INVALID_INPUT', error.message, {
      cause: error,
      ...(error.hint !== undefined && { hint: error.hint }),
    });
  }
}

async function replaceFile(file: string, text: string): Promise<void> {
  const parent = dirname(file);
  try {
    mkdirSync(parent, { recursive: true, mode: 0o700 });
    const mode = statSync(file, { throwIfNoEntry: false })?.mode;
    await writeAtomically({
      parent,
      name: basename(file),
      bytes: Buffer.from(text),
      // What is replaced may be wrong in just this, that its owner cannot read it.
      ...(mode !== undefined && { mode: mode | 0o600 }),
    });
  } catch (error) {
    throw new AppError('PERMISSION_DENIED', `${file} cannot be written (${systemErrorCode(error) ?? 'unknown'})`, {
      hint: 'Make its directory writable for the user that runs mem-agent, or edit the file yourself',
      cause: error,
    });
  }
}

function invalid(message: string): AppError {
  return new AppError('INVALID_INPUT', message, { hint: 'Write one rule a line' });
}
