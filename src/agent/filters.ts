// The question as the model sees it: the client's words, then the operator's rules, each unable to pose as the other.
import { neutraliseTags } from './neutralise-tags.ts';

/** `rules` is the whole `.filters` file; an empty one adds nothing. */
export function withFilters(question: string, rules: string): string {
  const asked = neutraliseTags(question);
  const trimmed = rules.trim();
  return trimmed === '' ? asked : `${asked}\n\n<filter>${neutraliseTags(trimmed)}</filter>`;
}
