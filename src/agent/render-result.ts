// The message that carries a block's outcome back to the model, in the exact form it was trained on.
// Guarantees: nothing from a note can close the message or pose as another part of the protocol.
import { neutraliseTags } from './neutralise-tags.ts';

export interface ResultParts {
  /** Python's `repr` of the variables; null when there are none because the interpreter was ended. */
  variablesRepr: string | null;
  error: string | null;
}

/** What stands between the tags; kept apart so that it can be shortened later. */
export function renderResultBody({ variablesRepr, error }: ResultParts): string {
  const variables = neutraliseTags(variablesRepr ?? 'None');
  return error === null ? variables : `(${variables}, {${neutraliseTags(error)}})`;
}

export function wrapResult(body: string): string {
  return `<result>\n${body}\n</result>`;
}
