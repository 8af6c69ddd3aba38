// Every key, and what an operator does with one: make, change, rotate, revoke. The secret of a new key is shown once.
import { call, list } from '../api.mjs';
import { confirm, openDialog } from '../dialog.mjs';
import { announce, el, fill } from '../dom.mjs';
import { act, load, toast } from '../feedback.mjs';
import { ago, money, number } from '../format.mjs';
import { badge, card, rowButton, tag, viewHead } from '../parts.mjs';
import { table } from '../table.mjs';
import { openKeyForm } from './key-form.mjs';

/** @typedef {import('./key-form.mjs').Key} Key */

/** @param {import('../shell.mjs').ViewContext} context */
export function showKeys({ place, signal, canWrite, person }) {
  const keys = card();
  const showEnded = el('input', { type: 'checkbox', onchange: () => void reload() });
  fill(
    place,
    viewHead(
      'Keys',
      'Each client and each operator has a key of their own; a change counts from its next request.',
      el(
        'button',
        { type: 'button', class: 'primary', disabled: !canWrite, onclick: () => openKeyForm({ done: created }) },
        'New key',
      ),
    ),
    el('label', { class: 'check' }, showEnded, 'Show revoked and expired keys'),
    keys,
  );

  const reload = () =>
    load(
      keys,
      'Loading the keys …',
      () => list('/keys', { signal }),
      (/** @type {Key[]} */ rows) =>
        keyTable(showEnded.checked ? rows : rows.filter(({ state }) => state === 'active' || state === 'unusable')),
    );
  /** @param {Key & {key?: string}} key */
  function created(key) {
    if (key.key !== undefined) showSecret(key.name, key.key);
    void reload();
  }
  void reload();

  /** @param {Key[]} rows */
  function keyTable(rows) {
    return table({
      caption: 'Keys',
      isCaptionHidden: true,
      rows,
      whenEmpty: 'There is no active key. Make one with “New key”, or on the machine: mem-agent keys create.',
      columns: [
        {
          head: 'Name',
          cell: (key) => [
            el('strong', {}, key.name),
            ' ',
            key.kind === 'admin' && tag('admin'),
            el(
              'div',
              { class: 'muted small' },
              el('code', {}, key.id),
              key.policy?.owner !== undefined && ` · ${key.policy.owner}`,
            ),
          ],
        },
        { head: 'State', kind: 'nowrap', cell: (key) => badge(key.state) },
        { head: 'Scopes', cell: (key) => scopesInWords(key.scopes) },
        { head: 'Root and limits', cell: (key) => [key.root, el('div', { class: 'muted small' }, limitsInWords(key))] },
        { head: 'Last used', kind: 'nowrap', cell: (key) => ago(key.lastUsedAt) },
        { head: 'Expires', kind: 'nowrap', cell: (key) => ago(key.expiresAt, 'never') },
        { head: 'Actions', kind: 'actions', cell: actions },
      ],
    });
  }

  /** @param {Key} key */
  function actions(key) {
    if (key.state === 'revoked' || key.state === 'expired') return el('span', { class: 'muted' }, 'ended');
    const isOwn = key.id === person.id;
    return el(
      'div',
      { class: 'row' },
      rowButton('Change', {
        disabled: !canWrite,
        label: `Change ${key.name}`,
        onclick: () => openKeyForm({ key, done: created }),
      }),
      rowButton('Rotate', {
        disabled: !canWrite,
        label: `Rotate ${key.name}`,
        onclick: () =>
          confirm(
            `Rotate “${key.name}”?`,
            'You get a new secret; the old one goes on working for 24 hours, so that the client can change over.',
            'Rotate',
            async () => {
              created(
                await call(`/keys/${encodeURIComponent(key.id)}/rotate`, {
                  method: 'POST',
                  body: { overlap: '24h' },
                }),
              );
            },
            whichKey(key),
          ),
      }),
      rowButton('Revoke', {
        disabled: !canWrite,
        label: `Revoke ${key.name}`,
        onclick: () =>
          confirm(
            `Revoke “${key.name}”?`,
            isOwn
              ? 'This is the key you are signed in with: your session ends at once. It can’t be undone.'
              : 'Its next request is refused. It can’t be undone.',
            'Revoke',
            async () => {
              await call(`/keys/${encodeURIComponent(key.id)}`, { method: 'DELETE' });
              toast(`${key.name} is revoked`);
              await reload();
            },
            whichKey(key),
          ),
        isDanger: true,
      }),
    );
  }
}

/**
 * After a rotation two keys have one name.
 * @param {Key} key
 */
const whichKey = (key) =>
  el(
    'p',
    { class: 'muted small' },
    el('code', {}, key.id),
    ' · last used ',
    ago(key.lastUsedAt),
    ' · expires ',
    ago(key.expiresAt, 'never'),
  );

/**
 * A line ends between two, not in one.
 * @param {string[]} scopes
 */
const scopesInWords = (scopes) =>
  scopes.flatMap((scope, index) => [
    index > 0 && ' ',
    el('span', { class: 'nowrap' }, index < scopes.length - 1 ? `${scope},` : scope),
  ]);

/** @param {Key} key */
function limitsInWords({ policy = {}, cloudConsent, cloudBudgetUsdPerMonth }) {
  const limits = policy.limits ?? {};
  const words = [
    limits.requestsPerMinute !== undefined && `${number(limits.requestsPerMinute)} requests a minute`,
    limits.concurrentRuns !== undefined && `${limits.concurrentRuns} runs at once`,
    limits.tokensPerDay !== undefined && `${number(limits.tokensPerDay)} tokens a day`,
    limits.tokensPerMonth !== undefined && `${number(limits.tokensPerMonth)} tokens a month`,
    limits.usdPerDay !== undefined && `${money(limits.usdPerDay)} a day`,
    limits.usdPerMonth !== undefined && `${money(limits.usdPerMonth)} a month`,
    policy.readPaths !== undefined && `reads ${policy.readPaths.join(', ')}`,
    policy.writePaths !== undefined && `writes ${policy.writePaths.join(', ') || 'nothing'}`,
    policy.tools !== undefined && `tools: ${policy.tools.join(', ')}`,
    policy.cidrs !== undefined && `from ${policy.cidrs.join(', ')}`,
    cloudConsent && `cloud, ${money(cloudBudgetUsdPerMonth)} a month`,
  ].filter((word) => word !== false);
  return words.length === 0 ? 'no limits' : words.join(' · ');
}

/**
 * @param {string} name
 * @param {string} secret
 */
function showSecret(name, secret) {
  const text = el(
    'div',
    { class: 'secret', tabindex: 0, role: 'textbox', 'aria-readonly': 'true', 'aria-label': 'The new key' },
    secret,
  );
  const dialog = openDialog(
    `The key of “${name}”`,
    el('p', {}, 'Copy it now and give it to the client. It is shown this once; mem-agent keeps only its digest.'),
    text,
  );
  dialog.append(
    el(
      'div',
      { class: 'dialog-foot' },
      el('button', { type: 'button', onclick: (event) => void act(event, () => copy(secret, text)) }, 'Copy'),
      el('button', { type: 'button', class: 'primary', onclick: () => dialog.close() }, 'I have it'),
    ),
  );
  // It can't be shown again: a key pressed by habit does not take it away.
  dialog.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    event.preventDefault();
    announce('The key is still shown. Copy it, then press “I have it”.');
  });
  dialog.addEventListener('close', () => text.replaceChildren());
  announce('The new key is shown. Copy it now.');
}

/**
 * @param {string} secret
 * @param {Element} text
 */
async function copy(secret, text) {
  try {
    await navigator.clipboard.writeText(secret);
    return 'Copied';
  } catch {
    // No permission, or no clipboard over plain http: select it, so that one key press copies it.
    getSelection()?.selectAllChildren(text);
    return 'Press Ctrl+C to copy the selected key';
  }
}
