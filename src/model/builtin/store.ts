// Stores what the user states: reads first, then changes the fact where it stands, or adds it where it belongs, then reads
// back. Says what was done, and what failed. One statement after another, one move a turn.
import { explore, firstCalls } from './explore.ts';
import { said, type Statement } from './intent.ts';
import { callAll, reply, type Move, type PlannedCall } from './move.ts';
import { planStatement, type Plan } from './store-plan.ts';
import { predicateById } from './predicates.ts';
import { attributeQuestion, readQuestion, type Question } from './question-concepts.ts';
import type { Step, Transcript } from './transcript.ts';

export function store(statements: readonly Statement[], transcript: Transcript): Move {
  const done = writtenStatements(transcript.steps);
  const failure = transcript.steps.find((step) => isWrite(step) && step.value !== true);
  const position = statements.findIndex((_, at) => !done.has(at));
  const statement = statements[position];
  if (failure !== undefined || statement === undefined)
    return reply('Everything has been written; report.', report(statements, transcript, failure));
  const question = statementQuestion(statement);
  // The reads of statements before this one do not count as looks for this one.
  const first = lastWriteAt(transcript.steps);
  const isFresh = position > 0 && !transcript.steps.slice(first).some(({ call }) => call.name === 'search_memory');
  if (transcript.turns === 0 || isFresh)
    return callAll('Look before writing: user.md and a search.', firstCalls(question));
  const explored = explore(question, transcript.turns === 1 || position > 0 ? { ...transcript, turns: 1 } : transcript);
  if (explored.next.length > 0 && transcript.turns < 14)
    return callAll('Read the notes this may belong to.', explored.next);
  const plan = planStatement(statement, question, explored);
  if (plan.kind === 'ask')
    return reply('This cannot be stored without an answer.', prefixDone(statements, done, plan.text));
  if (plan.kind === 'known' && position === statements.length - 1 && done.size === 0)
    return reply('Nothing to change.', plan.text);
  return callAll('Write it and read it back.', writeCalls(plan, position));
}

const PLACES = ['city', 'address', 'home', 'location', 'headquarters'];

function statementQuestion(statement: Statement): Question {
  if (statement.isMove)
    return attributeQuestion(
      statement.subject,
      'city',
      PLACES.flatMap((id) => predicateById(id) ?? []),
    );
  if (statement.what === '') return readQuestion(statement.sentence);
  return statement.subject === '' || !isEnglishVerb(statement)
    ? readQuestion(statement.what)
    : attributeQuestion(statement.subject, statement.attribute, []);
}

const isEnglishVerb = ({ what, subject, attribute }: Statement): boolean => what === `${attribute} of ${subject}`;

function writeCalls(plan: Exclude<Plan, { kind: 'ask' }>, position: number): PlannedCall[] {
  if (plan.kind === 'known')
    return [{ name: 'check_if_file_exists', args: [plan.path], variable: `known_${position}` }];
  const calls: PlannedCall[] = [];
  plan.writes.forEach((write, at) => {
    calls.push({ ...write, variable: `saved_${position}_${at}` });
  });
  const paths = [...new Set(plan.writes.map((write) => String(write.args[0])))];
  paths.forEach((path, at) => calls.push({ name: 'read_file', args: [path], variable: `check_${position}_${at}` }));
  return calls;
}

const WRITE_VARIABLE = /^(?:saved|known)_(\d+)/;
const isWrite = ({ call }: Step): boolean => call.name === 'update_file' || call.name === 'create_file';

function writtenStatements(steps: readonly Step[]): Set<number> {
  const done = new Set<number>();
  for (const { call } of steps) {
    const match = WRITE_VARIABLE.exec(call.variable);
    if (match !== null) done.add(Number(match[1]));
  }
  return done;
}

/** The functions say that they may not, in the words the models know, and not why. */
const WHAT_A_WRITE_TAKES =
  'It takes a key that may write there: with the scope memory:write, write paths that name it, and a root without readonly=true.';

const lastWriteAt = (steps: readonly Step[]): number =>
  steps.findLastIndex(({ call }) => WRITE_VARIABLE.test(call.variable)) + 1;

function prefixDone(statements: readonly Statement[], done: ReadonlySet<number>, text: string): string {
  const saved = statements.filter((_, at) => done.has(at)).map(said);
  return saved.length === 0 ? text : `Noted: ${saved.join('; ')}.\n${text}`;
}

function report(statements: readonly Statement[], transcript: Transcript, failure: Step | undefined): string {
  if (failure !== undefined) {
    const why = typeof failure.value === 'string' ? failure.value : (failure.error ?? 'the result did not come back');
    const next = /permission denied|read-only|may not write/i.test(why) ? WHAT_A_WRITE_TAKES : 'Shall I try again?';
    return `I could not write ${String(failure.call.args[0])}: ${why.split('\n').at(-1) ?? why}. ${next}`;
  }
  const wrong = transcript.steps.find(
    ({ call, value }) => call.variable.startsWith('check_') && typeof value !== 'string',
  );
  if (wrong !== undefined)
    return `I wrote ${String(wrong.call.args[0])}, but could not read it back. Shall I check again?`;
  const files = [...new Set(transcript.steps.filter(isWrite).map(({ call }) => String(call.args[0])))];
  if (files.length === 0) return `That is in your notes already: ${statements.map(said).join('; ')}.`;
  return `Noted: ${statements.map(said).join('; ')}.\n\nWritten: ${files.join(', ')}`;
}
