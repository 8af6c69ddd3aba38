// The two files of rules, to read and to change: what reaches no cloud model, and what the agent does not tell. Guarantees: what
// somebody else has changed meanwhile is shown and not overwritten unseen; what was typed stays until it is saved or thrown away,
// also while another view is looked at, and ends with the session.
import { callVersioned, Problem } from '../api.mjs';
import { confirm } from '../dialog.mjs';
import { el, fill } from '../dom.mjs';
import { failure, load, toast } from '../feedback.mjs';
import { card, field, viewHead } from '../parts.mjs';

/** @typedef {{kind: 'privacy' | 'answer', title: string, about: string, help: string}} Kind */
/** @typedef {{file: string | null, text: string, problem: {detail: string, hint: string} | null}} Rules */
/** @typedef {{body: Rules, etag: string}} Found */
/** @typedef {Map<string, {text: string, etag: string}>} Drafts what is typed, and over which version */
/** @typedef {{canWrite: boolean, drafts: Drafts}} Desk */

/** @type {readonly Kind[]} */
const KINDS = [
  {
    kind: 'privacy',
    title: 'What reaches no cloud model',
    about: 'Besides secrets, which are always found. It counts for every key from the next question on.',
    help: 'One rule a line: redact TEXT or redact /regex/i withholds what it finds, refuse TEXT or refuse /regex/ lets nothing with it leave. # begins a comment.',
  },
  {
    kind: 'answer',
    title: 'What the agent does not tell',
    about: 'In plain words. The model gets them with each question, so they are a request to it and no wall.',
    help: 'One rule a line, such as: do not reveal phone numbers.',
  },
];

/**
 * What is typed and not saved, by who is signed in: the next one finds nothing of it.
 * @type {WeakMap<import('../api.mjs').Person, Drafts>}
 */
const allDrafts = new WeakMap();

/** @param {import('../shell.mjs').ViewContext} context */
export function showFilters({ place, signal, person, canWrite }) {
  const drafts = allDrafts.get(person) ?? new Map();
  allDrafts.set(person, drafts);
  window.addEventListener('beforeunload', (event) => drafts.size > 0 && event.preventDefault(), { signal });
  const bodies = KINDS.map(() => el('div', { class: 'card-body' }));
  fill(
    place,
    viewHead('Filters', 'Rules of what is kept back. Reading and changing them is in the audit, their text is not.'),
    el(
      'div',
      { class: 'grid-2' },
      ...KINDS.map(({ title }, at) => card(el('div', { class: 'card-head' }, el('h2', {}, title)), bodies[at])),
    ),
  );
  KINDS.forEach((what, at) => {
    const body = bodies[at];
    if (body === undefined) return;
    const ask = () => callVersioned(`/filters/${what.kind}`, { signal });
    void load(body, 'Loading the rules …', ask, (found) => editor(what, found, { canWrite, drafts }));
  });
}

/**
 * @param {Kind} what
 * @param {Found} found
 * @param {Desk} desk
 */
function editor(what, found, { canWrite, drafts }) {
  const { kind, about, help } = what;
  if (found.body.file === null) return noFile();
  const path = `/filters/${kind}`;
  const draft = canWrite ? drafts.get(kind) : undefined;
  let { text: saved, problem } = found.body;
  let savedEtag = found.etag;
  // Not that of now: what was typed over an older one must not overwrite a newer one unseen.
  let etag = draft?.etag ?? savedEtag;
  const wrong = el('div');
  const trouble = el('div');
  const state = el('span', { class: 'muted small', role: 'status' });
  /** @type {HTMLTextAreaElement} */
  const rules = el('textarea', {
    class: 'rules',
    name: kind,
    rows: 12,
    spellcheck: 'false',
    readonly: !canWrite,
    oninput: () => showState(),
  });
  rules.value = draft?.text ?? saved;
  const save = el('button', { type: 'submit', class: 'primary', disabled: !canWrite }, 'Save');
  const discard = el(
    'button',
    { type: 'button', onclick: () => (take({ ...found.body, text: saved, problem }, savedEtag), rules.focus()) },
    'Throw the changes away',
  );
  showProblem();
  showState();

  /** What is wrong with the file as it is: a key that only looks is told too. */
  function showProblem() {
    fill(trouble, problem !== null && problemNotice(problem));
  }

  /**
   * A field knows line feeds only; a file may have more.
   * @returns {boolean} whether there is something to save
   */
  function showState() {
    const isChanged = rules.value !== saved.replaceAll(/\r\n?/g, '\n');
    if (isChanged) drafts.set(kind, { text: rules.value, etag });
    else drafts.delete(kind);
    discard.hidden = !isChanged;
    state.textContent = isChanged ? 'Not saved yet' : '';
    return isChanged;
  }

  /**
   * @param {Rules} now
   * @param {string} version
   */
  function take(now, version) {
    ({ text: saved, problem } = now);
    savedEtag = version;
    etag = version;
    rules.value = saved;
    clearWrong();
    showProblem();
    showState();
  }

  /** Whoever pressed a button in there goes on in the field. */
  function clearWrong() {
    const hadFocus = wrong.contains(document.activeElement);
    rules.removeAttribute('aria-invalid');
    wrong.replaceChildren();
    if (hadFocus) rules.focus();
  }

  /** @param {string} version what the change is to follow */
  async function write(version) {
    clearWrong();
    save.disabled = true;
    try {
      const answer = await callVersioned(path, { method: 'PUT', body: { text: rules.value }, ifMatch: version });
      take(answer.body, answer.etag);
      toast(`${what.title}: saved, it counts from the next question on`);
    } catch (error) {
      if (error instanceof Problem && error.status === 412) await showOther();
      else {
        rules.setAttribute('aria-invalid', 'true');
        fill(wrong, failure(error));
      }
      wrong.scrollIntoView({ block: 'nearest' });
    } finally {
      save.disabled = false;
    }
  }

  async function showOther() {
    try {
      fill(wrong, other(await callVersioned(path), { take, write }));
    } catch (error) {
      fill(wrong, failure(error));
    }
  }

  /** @param {Event} event */
  function submit(event) {
    event.preventDefault();
    // A file that can't be read is repaired by what is saved, also by nothing.
    if (!showState() && problem === null) toast('Nothing has changed');
    else if (rules.value.trim() === '' && (saved.trim() !== '' || problem !== null))
      confirm('Save without any rule?', `“${what.title}” would have no rule left.`, 'Save without rules', () =>
        write(etag),
      );
    else void write(etag);
  }

  return el(
    'form',
    { class: 'fields-stack', 'aria-label': what.title, onsubmit: submit },
    el('p', { class: 'muted' }, about),
    trouble,
    field('Rules', rules, help),
    el('p', { class: 'muted small' }, 'In the file ', el('code', {}, found.body.file)),
    wrong,
    canWrite
      ? el('div', { class: 'row' }, save, discard, state)
      : el('p', { class: 'muted' }, 'This key may look, not change: it lacks the scope admin:write.'),
  );
}

/** @param {{detail: string, hint: string}} problem */
const problemNotice = ({ detail, hint }) =>
  el('div', { class: 'notice bad' }, el('strong', {}, detail), hint !== '' && el('p', {}, hint));

/** @returns {HTMLElement} */
function noFile() {
  return el(
    'div',
    { class: 'notice' },
    el('strong', {}, 'No file of rules is configured'),
    el(
      'p',
      {},
      'Secrets are withheld all the same. For rules of your own set ',
      el('code', {}, 'privacy.rules_file'),
      ' to a file that mem-agent may write, and restart it.',
    ),
  );
}

/**
 * Somebody else was faster: what is there now, beside what was typed, and the choice.
 * @param {Found} now
 * @param {{take(now: Rules, version: string): void, write(version: string): Promise<void>}} choices
 */
function other({ body, etag }, { take, write }) {
  return el(
    'div',
    { class: 'notice warn', role: 'alert' },
    el('strong', {}, 'The rules were changed since you opened them'),
    el('p', {}, 'This is what is there now. What you typed is still in the field above.'),
    el(
      'pre',
      { class: 'rules-there', role: 'region', tabindex: 0, 'aria-label': 'The rules that are there now' },
      body.text === '' ? '(no rule)' : body.text,
    ),
    el(
      'div',
      { class: 'row' },
      el('button', { type: 'button', onclick: () => take(body, etag) }, 'Take what is there'),
      el('button', { type: 'button', class: 'danger', onclick: () => void write(etag) }, 'Save mine over it'),
    ),
  );
}
