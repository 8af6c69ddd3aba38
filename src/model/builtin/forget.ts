// Takes one fact out of the notes on request, when it is plain which one; asks otherwise. Whole notes are never deleted on
// a sentence.
import { contradictionText, missingText } from './answer-text.ts';
import { explore, firstCalls } from './explore.ts';
import { callAll, reply, type Move } from './move.ts';
import { removeFact } from './note-edit.ts';
import { readQuestion } from './question-concepts.ts';
import type { Transcript } from './transcript.ts';

export function forget(what: string, transcript: Transcript): Move {
  const written = transcript.steps.find(({ call }) => call.name === 'update_file');
  if (written !== undefined) {
    const path = String(written.call.args[0]);
    if (written.value === true) return reply('Done; report.', `Forgotten: ${what}.\n\nChanged: ${path}`);
    return reply(
      'It failed; say so.',
      `I could not change ${path}: ${typeof written.value === 'string' ? written.value : (written.error ?? 'the result did not come back')}. Shall I try again?`,
    );
  }
  const question = readQuestion(what);
  if (/^(everything|all|alles|tout|todo|wszystko|her şeyi|tutto|tudo)\b/i.test(what) || question.concepts.length === 0)
    return reply(
      'Too much to delete on one sentence.',
      'I only take out single facts. Which fact exactly should I forget?',
    );
  if (transcript.turns === 0) return callAll('Look for the fact first.', firstCalls(question));
  const { notes, candidates, next } = explore(question, transcript);
  if (next.length > 0) return callAll('Read the notes that may hold it.', next);
  const found = candidates.filter((candidate) => candidate.isAccepted);
  const [best] = found;
  if (best === undefined)
    return reply(
      'Nothing to forget.',
      missingText(question, candidates[0], notes).replace(/[^.?]*\?.*$/, ' Which fact do you mean?'),
    );
  const same = found.filter((candidate) => candidate.score >= best.score - 0.3 && candidate.isKeyed === best.isKeyed);
  if (same.length > 1)
    return reply(
      'More than one fact fits.',
      contradictionText(what, same.slice(0, 5))
        .replace('My notes disagree about', 'More than one fact fits')
        .replace(/Which one is right\?$/, 'Which one should I forget?'),
    );
  const edit = removeFact(best.note, best.fact);
  if (edit === null)
    return reply('No safe place.', `I could not tell the line in ${best.note.path} apart. Which line do you mean?`);
  return callAll('Take out that one fact.', [
    { name: 'update_file', args: [edit.path, edit.oldText, edit.newText], variable: 'saved' },
    { name: 'read_file', args: [edit.path], variable: 'check' },
  ]);
}
