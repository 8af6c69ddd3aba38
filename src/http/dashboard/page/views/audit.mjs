// The audit: search by who, what, note, run and time, every field of a record, and the proof that the chain is whole.
import { call, list, Problem } from '../api.mjs';
import { openDialog } from '../dialog.mjs';
import { el, fill, refill } from '../dom.mjs';
import { act, failure, load } from '../feedback.mjs';
import { ago, exactTime, number } from '../format.mjs';
import { badge, card, field, rowButton, select, viewHead } from '../parts.mjs';
import { table } from '../table.mjs';

/** @typedef {Record<string, string | number | null> & {seq: number, time: string, kind: string, action: string, actorKind: string, actorId: string, callId: string, operation: string | null, path: string | null, outcome: string | null, code: string | null}} AuditRecord */

const PAGE = 50;
const KINDS = /** @type {const} */ ([
  ['', 'Everything'],
  ['true', 'Security events'],
]);
const OUTCOMES = /** @type {const} */ ([
  ['', 'Any'],
  ['ok', 'Done'],
  ['error', 'Failed'],
  ['denied', 'Denied'],
  ['cancelled', 'Cancelled'],
]);

/** @param {import('../shell.mjs').ViewContext} context */
export function showAudit({ place, signal }) {
  const verdict = el('div', { 'aria-live': 'polite' });
  const lastProof = el('p', { class: 'muted small' });
  const records = card();
  const known = el('datalist', { id: 'audit-keys' });
  /** @type {Map<string, string>} Names of keys by their id. */
  let names = new Map();
  const verify = el(
    'button',
    { type: 'button', onclick: (event) => void act(event, () => prove(verdict).then(showLastProof)) },
    'Verify the chain',
  );
  /** @type {HTMLFormElement} */
  const form = el(
    'form',
    {
      class: 'card-body fields',
      role: 'search',
      'aria-label': 'Search the audit',
      onsubmit: (event) => (event.preventDefault(), void search()),
    },
    field(
      'Who',
      el('input', {
        type: 'text',
        name: 'actor',
        placeholder: 'k_…, a key’s name, or local',
        autocomplete: 'off',
        list: 'audit-keys',
      }),
    ),
    known,
    field(
      'What',
      el('input', { type: 'text', name: 'action', placeholder: 'key.create or tool.*', autocomplete: 'off' }),
    ),
    field(
      'Note',
      el('input', { type: 'text', name: 'path', placeholder: 'user.md or entities/*', autocomplete: 'off' }),
    ),
    field('Run', el('input', { type: 'text', name: 'call', placeholder: 'call id', autocomplete: 'off' })),
    el(
      'div',
      { class: 'row' },
      el('button', { type: 'submit', class: 'primary' }, 'Search'),
      el('button', { type: 'button', onclick: () => (form.reset(), void search()) }, 'Clear'),
    ),
    el(
      'details',
      { class: 'wide' },
      el('summary', {}, 'More filters'),
      el(
        'div',
        { class: 'fields' },
        field('Outcome', select('outcome', OUTCOMES, '')),
        field('Records', select('security', KINDS, '')),
        field('From', el('input', { type: 'datetime-local', name: 'since' })),
        field('Until', el('input', { type: 'datetime-local', name: 'until' })),
      ),
    ),
  );
  fill(
    place,
    viewHead(
      'Audit',
      'Every call leaves what was intended before it happens, and what came of it. Nothing here can be changed.',
      verify,
    ),
    lastProof,
    verdict,
    card(form),
    records,
  );

  /** @type {AuditRecord[]} */
  let rows = [];
  /** @type {string | null} */
  let next = null;

  const show = () => [
    recordTable(rows, names, (/** @type {string} */ callId) => {
      const run = form.elements.namedItem('call');
      if (run instanceof HTMLInputElement) run.value = callId;
      void search();
    }),
    next !== null &&
      el(
        'div',
        { class: 'card-body' },
        el('button', { type: 'button', onclick: () => void search(next) }, 'Show older records'),
      ),
  ];

  /** @param {string | null} [cursor] */
  const search = (cursor = null) =>
    load(
      records,
      'Searching …',
      async () => {
        const answer = await call(`/audit?${queryOf(new FormData(form), names, cursor)}`, { signal });
        rows = cursor === null ? answer.items : [...rows, ...answer.items];
        next = answer.nextCursor;
      },
      show,
    );
  /** A record has ids only, and so they stay when nobody may see the keys. */
  async function loadNames() {
    const keys = await list('/keys', { signal }).catch(() => []);
    names = new Map(keys.map((/** @type {{id: string, name: string}} */ key) => [key.id, key.name]));
    fill(known, ...[...names].map(([id, name]) => el('option', { value: id }, name)));
  }
  void search();
  void loadNames().then(() => rows.length > 0 && refill(records, show()));

  /** Also when the daemon did it by itself. What it can't say here the overview says. */
  async function showLastProof() {
    const { components } = await call('/status', { signal });
    fill(lastProof, ...lastProofWords(components.audit?.details ?? {}));
  }
  showLastProof().catch(() => lastProof.replaceChildren());
}

/** @param {{verifiedIso?: string | null, verification?: string | null, lastWholeIso?: string | null}} details */
function lastProofWords({ verifiedIso, verification, lastWholeIso }) {
  if (verifiedIso === undefined || verifiedIso === null) return ['Not verified since the daemon started.'];
  if (verification === 'whole') return ['Last verified ', ago(verifiedIso), ': whole.'];
  const words = verification === 'broken' ? ': BROKEN. Last whole ' : ': it could not be finished. Last whole ';
  return ['Last verified ', ago(verifiedIso), words, ago(lastWholeIso, 'not since the daemon started'), '.'];
}

/**
 * @param {FormData} data
 * @param {Map<string, string>} names
 * @param {string | null} cursor
 */
function queryOf(data, names, cursor) {
  const query = new URLSearchParams({ limit: String(PAGE) });
  for (const [name, value] of data) {
    if (typeof value !== 'string' || value === '') continue;
    query.set(name, name === 'since' || name === 'until' ? new Date(value).toISOString() : value.trim());
  }
  const [since, until] = [query.get('since'), query.get('until')];
  if (since !== null && until !== null && since > until)
    throw new Problem({ status: 400, detail: '“From” is after “Until”', hint: 'Nothing can be between them.' });
  const ids = [...names].filter(([, name]) => name === query.get('actor')).map(([id]) => id);
  // As after a rotation.
  if (ids.length > 1)
    throw new Problem({
      status: 400,
      detail: `${ids.length} keys have this name`,
      hint: `Search for one: ${ids.join(', ')}`,
    });
  if (ids[0] !== undefined) query.set('actor', ids[0]);
  if (cursor !== null) query.set('cursor', cursor);
  return query;
}

/**
 * @param {AuditRecord[]} rows
 * @param {Map<string, string>} names
 * @param {(callId: string) => void} showCall
 */
function recordTable(rows, names, showCall) {
  return table({
    caption: 'Records, the newest first',
    rows,
    whenEmpty: 'No record matches. Take a field out of the search, or choose a longer time.',
    columns: [
      { head: 'Time', kind: 'nowrap', cell: (record) => exactTime(record.time) },
      {
        head: 'Who',
        cell: (record) => [
          el('code', {}, record.actorKind === 'key' ? record.actorId : `${record.actorKind} ${record.actorId}`),
          record.actorKind === 'key' &&
            names.has(record.actorId) &&
            el('div', { class: 'muted small' }, names.get(record.actorId) ?? ''),
        ],
      },
      {
        head: 'What',
        cell: (record) => [
          el('strong', {}, record.operation ?? record.action),
          el(
            'div',
            { class: 'muted small' },
            record.operation === null ? record.kind : `${record.kind} of ${record.action}`,
          ),
        ],
      },
      { head: 'Note', cell: (record) => record.path ?? '–' },
      {
        head: 'Outcome',
        kind: 'nowrap',
        cell: (record) =>
          record.outcome === null
            ? '–'
            : [badge(record.outcome), record.code !== null && el('div', { class: 'muted small' }, record.code)],
      },
      {
        head: 'Details',
        kind: 'actions',
        cell: (record) =>
          el(
            'div',
            { class: 'row' },
            rowButton(`#${record.seq}`, {
              label: `Details of record ${record.seq}`,
              onclick: () => showDetails(record, showCall),
            }),
          ),
      },
    ],
  });
}

/**
 * @param {AuditRecord} record
 * @param {(callId: string) => void} showCall
 */
function showDetails(record, showCall) {
  const { seq, time, ...rest } = record;
  const pairs = Object.entries({ seq, time, ...rest }).flatMap(([name, value]) =>
    value === null || name === 'timeMs' ? [] : [el('dt', {}, name), el('dd', {}, el('code', {}, String(value)))],
  );
  const dialog = openDialog(`Record ${record.seq}`, el('dl', { class: 'pair-list' }, ...pairs));
  dialog.append(
    el(
      'div',
      { class: 'dialog-foot' },
      el('button', { type: 'button', onclick: () => (dialog.close(), showCall(record.callId)) }, 'All of this run'),
      el('button', { type: 'button', class: 'primary', onclick: () => dialog.close() }, 'Close'),
    ),
  );
}

/** @param {Element} place */
async function prove(place) {
  fill(place, el('p', { class: 'loading' }, 'Recomputing every record …'));
  try {
    const found = await call('/audit/verify');
    fill(
      place,
      found.ok
        ? el(
            'div',
            { class: 'notice ok' },
            el('strong', {}, 'The chain is whole'),
            el('p', {}, `${number(found.records)} records, each recomputed from the one before.`),
          )
        : el(
            'div',
            { class: 'notice bad' },
            el('strong', {}, `The chain is broken at record ${found.firstBadSeq ?? '?'}`),
            el(
              'p',
              {},
              `${found.reason ?? ''} Keep a copy of core.db, compare with your last outside checkpoint, and look who could write to the state directory.`,
            ),
          ),
    );
  } catch (error) {
    fill(place, failure(error));
  }
}
