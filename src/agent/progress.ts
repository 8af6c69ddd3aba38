// What the agent is doing, in one short line for a person; each step is larger than the one before.
import type { AgentProgress } from './ports.ts';

const LONGEST_PATH = 120;

/** Function name -> verb; `{}` is the path. The functions with no path say what they do. */
const SENTENCES: Readonly<Record<string, string>> = {
  read_file: 'reading {}',
  create_file: 'writing {}',
  update_file: 'updating {}',
  delete_file: 'deleting {}',
  create_dir: 'making the directory {}',
  list_files: 'listing the notes',
  check_if_file_exists: 'looking for {}',
  check_if_dir_exists: 'looking for {}',
  get_size: 'measuring {}',
  go_to_link: 'following {}',
  search_memory: 'searching the notes',
  // Plain Python on files, answered by the core as well.
  'fs.read': 'reading {}',
  'fs.open': 'opening {}',
  'fs.write': 'writing {}',
  'fs.list': 'listing {}',
  'fs.stat': 'looking for {}',
  'fs.mkdir': 'making the directory {}',
  'fs.remove': 'deleting {}',
  'fs.rmdir': 'removing the directory {}',
  'fs.rename': 'renaming {}',
};

export class Progress {
  readonly #onProgress: (progress: AgentProgress) => void;
  #step = 0;

  constructor(onProgress: (progress: AgentProgress) => void) {
    this.#onProgress = onProgress;
  }

  say(message: string): void {
    this.#step += 1;
    this.#onProgress({ step: this.#step, message });
  }
}

export function describeCall(
  name: string,
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>>,
): string {
  const first = args[0] ?? Object.values(kwargs)[0];
  const path = typeof first === 'string' && first !== '' ? first.slice(0, LONGEST_PATH) : 'the notes';
  return (SENTENCES[name] ?? 'working on {}').replace('{}', () => path.replace(/\p{Cc}/gu, ' '));
}
