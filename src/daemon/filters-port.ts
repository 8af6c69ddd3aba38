// Reads and replaces the operator's files of rules, for the admin API. Guarantees: what is wrong is refused before anything is
// written; a reader sees the old file or the new one, never a part; rules for the cloud count from the next question on.
import { mkdirSync, statSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { filtersPlace } from '../config/filters-file.ts';
import type { LoadedConfig } from '../config/load-config.ts';
import { readTextFile } from '../config/read-text-file.ts';
import type { AdminPorts, FilterKind } from '../http/admin/admin-ports.ts';
import { AppError, systemErrorCode } from '../lib/app-error.ts';
import { writeAtomically } from '../memory/atomic-write.ts';
import { parsePrivacyRules } from '../privacy/privacy-rules.ts';

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
      return { file, text: file === null ? '' : readRules(file) };
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

function readRules(file: string): string {
  const found = readTextFile(file);
  if (found.kind === 'text') return found.text;
  if (found.kind === 'missing') return '';
  throw new AppError('CONFIG_INVALID', `${file}: ${found.problem.message}`, { hint: found.problem.fix });
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
      ...(mode !== undefined && { mode }),
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
