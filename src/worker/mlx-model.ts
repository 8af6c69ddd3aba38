// The three builds of the project's own model for Apple silicon, by precision, as they are published.
import type { WorkerOptions } from './worker-options.ts';

const AUTHOR = 'driaforall';
const OURS = new RegExp(`^(${AUTHOR}/)?mem-agent(-mlx-(4bit|8bit|bf16)|-mlx@(4bit|8bit|bf16))?$`);

export interface MlxModel {
  /** Without its author, as a search finds it. */
  shortName: string;
  /** As Hugging Face knows it. */
  repository: string;
}

/** Null for any other model: its name then means what it says. Without a precision it is the build named, else the smallest. */
export function findMlxModel(model: string, precision: WorkerOptions['precision']): MlxModel | null {
  const match = OURS.exec(model);
  if (match === null && model !== '') return null;
  const shortName = `mem-agent-mlx-${precision || (match?.[3] ?? match?.[4] ?? '4bit')}`;
  return { shortName, repository: `${AUTHOR}/${shortName}` };
}

/** The name that requests have to use: `mlx_lm.server` knows its model by no other than its own. */
export function servedNameOf({ profile, model, precision, servedName }: WorkerOptions): string {
  return profile === 'mlx' ? (findMlxModel(model, precision)?.repository ?? model) : servedName;
}
