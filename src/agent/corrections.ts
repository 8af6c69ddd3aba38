// What the model is told when its answer had the wrong form, and when an answer is good enough to give up on the form.
// Guarantee: the advice stays inside the `<result>` form that the model knows, and never uses the tags themselves.
import { AppError } from '../lib/app-error.ts';
import type { ReplyFault } from './parse-reply.ts';

/** Wrong answers in a row after which the run ends, one way or the other. */
export const MALFORMED_LIMIT = 3;

const ADVICE: Readonly<Record<ReplyFault, string>> = {
  empty: 'Your answer was empty. After thinking, send a python block, or an empty python block followed by a reply',
  'empty-reply': 'Your reply was empty. Say in the reply what you found, or that the memory does not hold it',
  'no-action': 'The python block was empty and no reply came with it. Send code to run, or a reply',
  'no-tags':
    'Your answer had no tags, so nothing was done. Put code into a python block, or the final answer into a reply',
  unclosed: 'A tag was not closed, so nothing was done. Close every python block and reply',
  'unclosed-think': 'The thought was not closed, so nothing was done. Close it before the python block or the reply',
};

export function adviceOn(fault: ReplyFault, wasCut: boolean): string {
  const cut = wasCut ? 'Your answer reached the length limit and was cut off: think less and write less. ' : '';
  return `FormatError: ${cut}${ADVICE[fault]}.`;
}

/** Told with a result while there is still time to answer. */
export function lastTurnNotice(maxTurns: number): string {
  return `Only one of ${maxTurns} turns is left: send an empty python block and your reply now.`;
}

export function malformedError(fault: ReplyFault): AppError {
  if (fault === 'empty' || fault === 'empty-reply') {
    return new AppError('EMPTY_REPLY', 'The model gave no answer', {
      hint: 'Ask again; if it stays so, check that the server has no reasoning parser that hides the answer',
    });
  }
  return new AppError('MODEL_PROTOCOL', `The model did not keep to the agent protocol (${fault})`, {
    hint: 'Use a model made for mem-agent, or a larger one; see model.name',
  });
}
