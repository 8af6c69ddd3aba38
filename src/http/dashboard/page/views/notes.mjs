// The notes: browse, search, read. A note is shown as the plain text that it is, never as a page; each look is in the audit.
import { call, list } from '../api.mjs';
import { el, fill } from '../dom.mjs';
import { empty, load } from '../feedback.mjs';
import { ago, bytes } from '../format.mjs';
import { card, field, select, tag, viewHead } from '../parts.mjs';

/** @typedef {{path: string, sizeBytes?: number, modifiedAt?: string, title?: string, snippet?: string}} Entry */

const PAGE = 200;
/** A search answers with the best and has no pages. */
const MOST_FOUND = 50;

/** @param {import('../shell.mjs').ViewContext} context */
export function showNotes({ place, signal, person }) {
  const head = viewHead(
    'Notes',
    'The memory as it is on the disk, read only. Each note that you open is in the audit.',
  );
  if (!person.scopes.includes('memory:read')) {
    fill(
      place,
      head,
      el(
        'div',
        { class: 'notice' },
        el('strong', {}, 'This key may not read notes'),
        el('p', {}, 'Sign in with a key that has the scope memory:read as well.'),
      ),
    );
    return;
  }
  const root = select('root', [['default', 'default']], 'default');
  const words = el('input', { type: 'search', name: 'q', placeholder: 'Search the notes', autocomplete: 'off' });
  const found = card();
  const reader = card(empty('Choose a note to read it.'));
  fill(
    place,
    head,
    card(
      el(
        'form',
        {
          class: 'card-body fields',
          role: 'search',
          'aria-label': 'Search the notes',
          onsubmit: (event) => (event.preventDefault(), void find()),
        },
        field('Memory root', root),
        field('Search', words),
        el('div', { class: 'row' }, el('button', { type: 'submit', class: 'primary' }, 'Search')),
      ),
    ),
    el('div', { class: 'split' }, found, reader),
  );
  root.addEventListener('change', () => {
    // The note of another root would look like one of this.
    fill(reader, empty('Choose a note to read it.'));
    void find();
  });

  async function loadRoots() {
    const roots = await list('/roots', { signal }).catch(() => []);
    const names = roots.map(({ name }) => name);
    if (names.length === 0) return;
    fill(root, ...names.map((name) => el('option', { value: name }, name)));
  }

  /** @param {Entry[]} [before] @param {string} [cursor] */
  async function find(before = [], cursor) {
    const q = words.value.trim();
    const query = new URLSearchParams({
      root: root.value,
      ...(q === '' ? { limit: String(PAGE) } : { q, limit: String(MOST_FOUND) }),
      ...(cursor !== undefined && { cursor }),
    });
    const scrolled = before.length === 0 ? 0 : (found.querySelector('.pick-list')?.scrollTop ?? 0);
    await load(
      found,
      'Looking for notes …',
      () => call(`${q === '' ? '/notes' : '/notes/search'}?${query}`, { signal }),
      (/** @type {{items: Entry[], nextCursor: string | null}} */ { items, nextCursor }) =>
        pickList([...before, ...items], nextCursor, q),
    );
    const picks = found.querySelector('.pick-list');
    if (picks !== null) picks.scrollTop = scrolled;
  }

  /**
   * @param {Entry[]} entries
   * @param {string | null} nextCursor
   * @param {string} q
   */
  function pickList(entries, nextCursor, q) {
    const title = el(
      'div',
      { class: 'card-head' },
      el('h2', {}, q === '' ? 'All notes' : `Found for “${q}”`),
      tag(
        q !== '' && entries.length >= MOST_FOUND
          ? `the best ${entries.length}`
          : `${entries.length}${nextCursor === null ? '' : '+'}`,
      ),
    );
    if (entries.length === 0)
      return [
        title,
        empty(
          q === ''
            ? 'This root has no note yet. Clients make them, or put Markdown files into its directory.'
            : 'No note matches. Try fewer or other words.',
        ),
      ];
    return [
      title,
      el(
        'ul',
        { class: 'pick-list' },
        ...entries.map((entry) =>
          el(
            'li',
            {},
            el(
              'button',
              { type: 'button', 'aria-pressed': 'false', onclick: (event) => read(event, entry.path) },
              entry.path,
              el('small', {}, entry.snippet ?? (entry.sizeBytes === undefined ? '' : bytes(entry.sizeBytes))),
            ),
          ),
        ),
      ),
      nextCursor !== null &&
        el(
          'div',
          { class: 'card-body' },
          el('button', { type: 'button', onclick: () => void find(entries, nextCursor) }, 'Show more'),
        ),
    ];
  }

  /**
   * @param {Event} event
   * @param {string} path
   */
  function read(event, path) {
    for (const button of found.querySelectorAll('button[aria-pressed]'))
      button.setAttribute('aria-pressed', String(button === event.currentTarget));
    const query = new URLSearchParams({ root: root.value, path });
    void load(
      reader,
      'Reading …',
      () => call(`/notes/content?${query}`, { signal }),
      (note) => [
        el(
          'div',
          { class: 'card-head' },
          el('h2', {}, note.path),
          el('span', { class: 'muted small' }, bytes(note.sizeBytes), ' · changed ', ago(note.modifiedAt)),
        ),
        el(
          'div',
          { class: 'card-body' },
          el(
            'div',
            { class: 'note-text', tabindex: 0, role: 'region', 'aria-label': `Text of ${note.path}` },
            note.text,
          ),
        ),
      ],
    ).then(() => {
      // On a phone the note is below the list.
      if (signal.aborted || reader.getBoundingClientRect().top < window.innerHeight / 2) return;
      reader.scrollIntoView({ block: 'start' });
      const text = reader.querySelector('.note-text');
      if (text instanceof HTMLElement) text.focus({ preventScroll: true });
    });
  }

  void loadRoots().then(() => find());
}
