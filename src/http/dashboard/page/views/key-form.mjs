// The form of a key: who it is for, what it may do, how much, and until when. What the form does not show of a policy stays as it is.
import { call, list, Problem } from '../api.mjs';
import { openForm } from '../dialog.mjs';
import { el } from '../dom.mjs';
import { checkbox, field, select } from '../parts.mjs';

/** @typedef {{requestsPerMinute?: number, concurrentRuns?: number, tokensPerDay?: number, tokensPerMonth?: number, usdPerDay?: number, usdPerMonth?: number}} Limits */
/** @typedef {{owner?: string, readPaths?: string[], writePaths?: string[], tools?: string[], cidrs?: string[], limits?: Limits}} Policy */
/** @typedef {{id: string, name: string, kind: string, scopes: string[], root: string, state: string, expiresAt: string | null, lastUsedAt: string | null, cloudConsent: boolean, cloudBudgetUsdPerMonth: number, policy?: Policy}} Key */

const SCOPES = /** @type {const} */ ([
  ['agent', 'Ask the agent'],
  ['memory:read', 'Read notes'],
  ['memory:write', 'Change notes'],
  ['metrics', 'Read metrics'],
  ['admin:read', 'See this page'],
  ['admin:write', 'Use its actions'],
]);
const USUAL = ['agent', 'memory:read', 'memory:write'];
const LIMITS = /** @type {const} */ ([
  ['requestsPerMinute', 'Requests a minute'],
  ['concurrentRuns', 'Runs at once'],
  ['tokensPerDay', 'Tokens a day'],
  ['tokensPerMonth', 'Tokens a month'],
  ['usdPerDay', 'Dollars a day'],
  ['usdPerMonth', 'Dollars a month'],
]);
const LISTS = /** @type {const} */ ([
  ['readPaths', 'May read', 'One path a line; a folder ends with /. Empty: every note.'],
  ['writePaths', 'May change', 'One path a line, within what it may read. Empty: every note.'],
  ['tools', 'Tools', 'One name a line. Empty: every tool that its scopes allow.'],
  ['cidrs', 'Networks', 'One a line, such as 10.0.0.0/8. Empty: from anywhere.'],
]);

/**
 * @param {object} options
 * @param {Key} [options.key] the one to change
 * @param {(key: Key & {key?: string}) => void} options.done
 */
export function openKeyForm({ key, done }) {
  const policy = key?.policy ?? {};
  const root = el('select', { name: 'root' }, el('option', { value: key?.root ?? 'default' }, key?.root ?? 'default'));
  void fillRoots(root, key?.root ?? 'default');
  openForm({
    title: key === undefined ? 'New key' : `Change “${key.name}”`,
    action: key === undefined ? 'Make the key' : 'Save',
    content: [
      el(
        'div',
        { class: 'fields' },
        field(
          'Name',
          el('input', {
            type: 'text',
            name: 'name',
            required: true,
            maxlength: 64,
            value: key?.name ?? '',
            autocomplete: 'off',
          }),
        ),
        field(
          'Owner',
          el('input', { type: 'text', name: 'owner', maxlength: 200, value: policy.owner ?? '', autocomplete: 'off' }),
        ),
      ),
      el(
        'fieldset',
        {},
        el('legend', {}, 'What it may do'),
        el(
          'div',
          { class: 'fields' },
          ...SCOPES.map(([scope, words]) =>
            checkbox('scopes', scope, `${words} (${scope})`, (key?.scopes ?? USUAL).includes(scope)),
          ),
        ),
      ),
      el(
        'div',
        { class: 'fields' },
        field('Memory root', root),
        field('Ends', select('expires', expiryChoices(key), key === undefined ? '' : 'keep')),
      ),
      group(
        'Limits',
        LIMITS.some(([name]) => policy.limits?.[name] !== undefined),
        el(
          'div',
          { class: 'fields' },
          ...LIMITS.map(([name, words]) =>
            field(
              words,
              el('input', {
                type: 'number',
                name,
                min: name.startsWith('usd') ? 0 : 1,
                step: name.startsWith('usd') ? 'any' : '1',
                value: policy.limits?.[name],
                placeholder: 'no limit',
              }),
            ),
          ),
        ),
      ),
      group(
        'Paths, tools and networks',
        LISTS.some(([name]) => policy[name] !== undefined),
        el(
          'div',
          { class: 'fields' },
          ...LISTS.map(([name, words, help]) =>
            field(words, el('textarea', { name, spellcheck: 'false' }, (policy[name] ?? []).join('\n')), help),
          ),
        ),
      ),
      group(
        'Cloud models',
        key?.cloudConsent === true,
        checkbox('cloudConsent', 'yes', 'Questions may go to a cloud model', key?.cloudConsent === true),
        field(
          'Dollars a month',
          el('input', {
            type: 'number',
            name: 'cloudBudget',
            min: 0,
            step: 'any',
            value: key?.cloudBudgetUsdPerMonth ?? 0,
          }),
        ),
      ),
    ],
    async submit(form) {
      if (!new FormData(form).has('scopes'))
        throw new Problem({
          status: 400,
          detail: 'A key needs something that it may do',
          hint: 'Choose at least one.',
        });
      const body = bodyOf(new FormData(form), key);
      done(
        key === undefined
          ? await call('/keys', { method: 'POST', body })
          : await call(`/keys/${encodeURIComponent(key.id)}`, { method: 'PATCH', body }),
      );
    },
  });
}

/**
 * @param {string} title
 * @param {boolean} isOpen
 * @param {...Node} children
 */
const group = (title, isOpen, ...children) => el('details', { open: isOpen }, el('summary', {}, title), ...children);

/** @param {Key | undefined} key */
const expiryChoices = (key) =>
  /** @type {[string, string][]} */ ([
    ...(key === undefined
      ? []
      : [['keep', key.expiresAt === null ? 'Never (as it is)' : `${key.expiresAt.slice(0, 10)} (as it is)`]]),
    ...(key !== undefined && key.expiresAt === null ? [] : [['', 'Never']]),
    ['7d', 'In 7 days'],
    ['30d', 'In 30 days'],
    ['90d', 'In 90 days'],
    ['365d', 'In a year'],
  ]);

/**
 * @param {FormData} data
 * @param {Key | undefined} key
 */
function bodyOf(data, key) {
  /** @param {string} name */
  const text = (name) => {
    const value = data.get(name);
    return typeof value === 'string' ? value.trim() : '';
  };
  /** @param {string} name */
  const linesOf = (name) =>
    text(name)
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '');
  const limits = { ...key?.policy?.limits };
  for (const [name] of LIMITS) {
    if (text(name) === '') delete limits[name];
    else limits[name] = Number(text(name));
  }
  const { owner: _owner, limits: _limits, ...kept } = key?.policy ?? {};
  /** @type {Policy} */
  const policy = {
    ...kept,
    ...(text('owner') !== '' && { owner: text('owner') }),
    ...(Object.keys(limits).length > 0 && { limits }),
  };
  for (const [name] of LISTS) {
    if (linesOf(name).length === 0) delete policy[name];
    else policy[name] = linesOf(name);
  }
  const expires = text('expires');
  return {
    name: text('name'),
    scopes: data.getAll('scopes').map(String),
    root: text('root'),
    cloudConsent: data.has('cloudConsent'),
    cloudBudgetUsdPerMonth: Number(text('cloudBudget')),
    policy,
    ...(expires !== 'keep' && (expires !== '' || key !== undefined) && { expires: expires === '' ? null : expires }),
  };
}

/**
 * @param {HTMLSelectElement} control
 * @param {string} chosen
 */
async function fillRoots(control, chosen) {
  const roots = await list('/roots').catch(() => []);
  if (roots.length === 0) return;
  const names = new Set([chosen, ...roots.map(({ name }) => name)]);
  control.replaceChildren(...[...names].map((name) => el('option', { value: name, selected: name === chosen }, name)));
}
