// Everything that is wrong with a configuration, in one error: each problem names key, source, value and the fix.
import { AppError } from '../lib/app-error.ts';

export interface ConfigProblem {
  /** The key in TOML form; empty when a whole file cannot be read. */
  key: string;
  /** A file path, an environment variable or a flag. */
  source: string;
  /** Already masked. */
  value: string;
  message: string;
  fix: string;
}

export class ConfigError extends AppError {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    const lines = problems.map(describeProblem);
    const message =
      lines.length === 1 ? `The configuration is wrong: ${lines[0]}` : listOf(`${lines.length} problems`, lines);
    super('CONFIG_INVALID', message, { hint: 'Run "mem-agent config check" once it is corrected' });
    this.problems = problems;
  }
}

/** One problem as one line. */
export function describeProblem({ key, source, value, message, fix }: ConfigProblem): string {
  const subject = key === '' ? '' : `${key}${value === '' ? '' : ` = ${value}`} `;
  return `${subject}(from ${source}): ${message}. ${fix}`;
}

function listOf(count: string, lines: readonly string[]): string {
  return [`The configuration has ${count}:`, ...lines.map((line) => `  - ${line}`)].join('\n');
}
