// The reference of the admin API: every route of its OpenAPI document, and a way to try each. Guarantees: what is pasted as a key stays
// in this page's memory, and what comes back is shown as text.
import { announce, el, fill } from './dom.mjs';
import { field, tag } from './parts.mjs';
import { exampleOf, shapeText } from './schema-text.mjs';
import { startTheme, themeSwitch } from './theme.mjs';

/**
 * @typedef {import('./schema-text.mjs').Schema} Schema
 * @typedef {{name: string, in: string, required?: boolean, description?: string, schema: Schema}} Parameter
 * @typedef {Record<string, {schema: Schema}>} Content
 * @typedef {{summary: string, description?: string, tags: string[], security?: Record<string, string[]>[], parameters?: Parameter[],
 *   requestBody?: {content: Content}, responses: Record<string, {description: string, content?: Content}>}} Operation
 * @typedef {{info: {title: string, version: string, description: string}, paths: Record<string, Record<string, Operation>>,
 *   components: {schemas: Record<string, Schema>}}} Document
 */

const API = '/admin/v1';
/** Streams never end: what came until then is shown. */
const LONGEST_LOOK_MS = 3000;

const key = el('input', { type: 'password', autocomplete: 'off', spellcheck: false });
const words = el('input', { type: 'search', autocomplete: 'off', oninput: () => filter() });
const state = el('p', { class: 'muted' }, 'Reading the document …');
const routes = el('main', { class: 'routes' });

/** @returns {Record<string, string>} the pasted key, or the session of the operator's page */
function authority() {
  const token = localStorage.getItem('mem-agent-session-token');
  if (key.value.trim() !== '') return { authorization: `Bearer ${key.value.trim()}` };
  return token === null ? {} : { 'x-csrf-token': token };
}

/** @param {Response} response */
async function textOf(response) {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  const late = setTimeout(() => void reader?.cancel(), LONGEST_LOOK_MS);
  let text = '';
  for (let piece = await reader?.read(); piece?.done === false; piece = await reader?.read()) text += piece.value;
  clearTimeout(late);
  return text;
}

/** @param {string} text */
function readable(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch (error) {
    if (error instanceof SyntaxError) return text;
    throw error;
  }
}

/**
 * @param {string} method
 * @param {string} path
 * @param {Operation} operation
 * @param {Document} document
 */
function tryForm(method, path, { parameters = [], requestBody }, document) {
  const inputs = parameters.map((parameter) => {
    const { default: usual, example } = parameter.schema;
    const place = example ?? usual;
    const input = el('input', {
      type: 'text',
      autocomplete: 'off',
      required: parameter.required === true,
      placeholder: place === undefined ? undefined : JSON.stringify(place).replaceAll('"', ''),
    });
    return { ...parameter, input };
  });
  const schema = requestBody?.content['application/json']?.schema;
  const body = el('textarea', { rows: 6, spellcheck: false });
  if (schema !== undefined) body.value = JSON.stringify(exampleOf(schema, document.components.schemas), null, 2);
  const answer = el('pre', { tabindex: 0, hidden: true, 'aria-label': `Answer of ${method} ${path}` });

  /** @param {string} place */
  const given = (place) => inputs.filter((one) => one.in === place && one.input.value !== '');
  const send = async () => {
    let target = path;
    for (const { name, input } of given('path')) target = target.replace(`{${name}}`, encodeURIComponent(input.value));
    const query = new URLSearchParams(given('query').map(({ name, input }) => [name, input.value])).toString();
    const headers = Object.fromEntries(given('header').map(({ name, input }) => [name, input.value]));
    const response = await fetch(`${API}${target}${query === '' ? '' : `?${query}`}`, {
      method,
      headers: { ...authority(), ...headers, ...(schema !== undefined && { 'content-type': 'application/json' }) },
      ...(schema !== undefined && { body: body.value }),
    });
    const etag = response.headers.get('etag');
    const head = `HTTP ${response.status}${etag === null ? '' : `, ETag ${etag}`}`;
    fill(answer, `${head}\n\n${readable(await textOf(response))}`);
    answer.hidden = false;
    announce(`${method} ${path}: ${head}`);
  };
  return el(
    'form',
    {
      class: 'fields-stack',
      onsubmit: (event) => {
        event.preventDefault();
        send().catch((error) => {
          fill(answer, `It could not be sent: ${error.message}`);
          answer.hidden = false;
        });
      },
    },
    inputs.length > 0 &&
      el(
        'div',
        { class: 'fields' },
        inputs.map(({ name, required, description, input }) =>
          field(required === true ? `${name} (needed)` : name, input, description),
        ),
      ),
    schema !== undefined && field('Body', body),
    el('div', {}, el('button', { type: 'submit', class: method === 'GET' ? '' : 'danger' }, `Send ${method} ${path}`)),
    answer,
  );
}

/**
 * @param {string} method
 * @param {string} path
 * @param {Operation} operation
 * @param {Document} document
 */
function routeCard(method, path, operation, document) {
  const place = el('div', { class: 'card-body' });
  const card = el(
    'details',
    { class: 'card route' },
    el(
      'summary',
      {},
      el('span', { class: 'mono method' }, method),
      el('code', {}, path),
      el('span', { class: 'muted' }, operation.summary),
    ),
    place,
  );
  // Made when it is opened: most never are.
  card.addEventListener('toggle', () => {
    if (!card.open || place.childElementCount > 0) return;
    const scopes = Object.values(operation.security?.[0] ?? {}).flat();
    const content = Object.entries(operation.responses['200']?.content ?? {});
    fill(
      place,
      operation.description !== undefined && el('p', {}, operation.description),
      el(
        'p',
        {},
        'Needs ',
        scopes.map((scope) => tag(scope)),
      ),
      tryForm(method, path, operation, document),
      el('h3', {}, 'Answers'),
      el(
        'dl',
        {},
        Object.entries(operation.responses)
          .map(([status, { description }]) => [el('dt', { class: 'mono' }, status), el('dd', {}, description)])
          .flat(),
      ),
      content.map(([mediaType, { schema }]) =>
        el(
          'pre',
          { tabindex: 0, 'aria-label': `Shape of the answer as ${mediaType}` },
          `${mediaType}\n${shapeText(schema, document.components.schemas)}`,
        ),
      ),
    );
  });
  return card;
}

/** Only routes whose words hold what was typed. */
function filter() {
  const wanted = words.value.trim().toLowerCase();
  for (const card of routes.querySelectorAll('details')) {
    card.hidden = !(card.querySelector('summary')?.textContent ?? '').toLowerCase().includes(wanted);
  }
}

/** @param {Document} document */
function show(document) {
  /** @type {Map<string, HTMLElement[]>} */
  const byTag = new Map();
  for (const [path, operations] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const [name = ''] = operation.tags;
      byTag.set(name, [...(byTag.get(name) ?? []), routeCard(method.toUpperCase(), path, operation, document)]);
    }
  }
  const parts = document.info.description.split('`');
  fill(
    state,
    parts.map((part, index) => (index % 2 === 1 ? el('code', {}, part) : part)),
    ' What is sent from here is real.',
  );
  fill(
    routes,
    [...byTag].flatMap(([name, cards]) => [el('h2', {}, name), ...cards]),
  );
}

async function load() {
  const headers = authority();
  const response = Object.keys(headers).length === 0 ? null : await fetch(`${API}/openapi.json`, { headers });
  if (response?.ok === true) show(await response.json());
  else fill(state, 'Paste an API key, or sign in on the operator’s page and come back.');
}

startTheme();
key.addEventListener('change', () => void load());
fill(
  document.getElementById('reference') ?? document.body,
  el('header', { class: 'reference-head' }, el('div', {}, el('h1', {}, 'mem-agent admin API'), state), themeSwitch()),
  el(
    'div',
    { class: 'fields' },
    field('API key', key, 'Only for this page, until it is closed'),
    field('Find', words, 'Part of a path or of what it does'),
  ),
  routes,
);
void load();
