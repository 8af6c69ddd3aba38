// Who answers: the supervised worker with its GPUs and its log, start, stop and restart, and every backend with a test question.
import { call, lines, list, Problem } from '../api.mjs';
import { confirm } from '../dialog.mjs';
import { el, fill, refill } from '../dom.mjs';
import { act, empty, failure, load } from '../feedback.mjs';
import { ago, bytes, clock, duration } from '../format.mjs';
import { badge, card, facts, lookOf, rowButton, tag, viewHead } from '../parts.mjs';
import { table } from '../table.mjs';

const REFRESH_MS = 3000;
const LOG_LINES = 500;

/** @param {import('../shell.mjs').ViewContext} context */
export function showWorker({ place, signal, live, canWrite }) {
  const worker = el('div', {});
  const log = el('div', {});
  const backends = card();
  fill(
    place,
    viewHead('Models and worker', 'The process that runs the model, and every backend that may answer.'),
    worker,
    log,
    backends,
  );

  const refresh = async (isBackground = false) => {
    try {
      refill(worker, workerCard(await call('/worker', { signal, isBackground }), { canWrite, refresh }));
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      const isNone = error instanceof Problem && error.status === 404;
      fill(worker, isNone ? noWorker() : failure(error, () => void refresh()));
      return !isNone;
    }
  };
  void refresh().then((isThere) => {
    if (!isThere || signal.aborted) return;
    const timer = setInterval(() => {
      // Who reads about the last failure is not interrupted.
      if (worker.querySelector('details[open]') === null) void refresh(true);
    }, REFRESH_MS);
    signal.addEventListener('abort', () => clearInterval(timer));
    showLog(log, signal);
  });
  const loadBackends = () =>
    load(
      backends,
      'Asking each backend …',
      () => list('/models', { signal }),
      (rows) => backendTable(rows, canWrite),
    );
  void loadBackends();
  // What a backend is goes with the state of the model and the worker.
  let known = '';
  live.on(
    'status',
    (/** @type {{components: Record<string, {state: string, reason: string}>}} */ { components }) => {
      const now = JSON.stringify(
        [components['model'], components['worker']].map((part) => [part?.state, part?.reason]),
      );
      if (known !== '' && known !== now) void loadBackends();
      known = now;
    },
    signal,
  );
}

function noWorker() {
  return el(
    'div',
    { class: 'notice' },
    el('strong', {}, 'No worker is configured'),
    el(
      'p',
      {},
      'The daemon supervises no model process. To let it run one, set ',
      el('code', {}, 'worker.profile'),
      ' (for example vllm) and restart it.',
    ),
  );
}

/**
 * @param {any} status
 * @param {{canWrite: boolean, refresh: () => Promise<unknown>}} options
 */
function workerCard(status, { canWrite, refresh }) {
  const isStopped = ['stopped', 'disabled', 'idle'].includes(status.state);
  /** @param {'start' | 'stop' | 'restart'} verb */
  const wish = async (verb) => {
    await call(`/worker/${verb}`, { method: 'POST' });
    await refresh();
  };
  const actions = el(
    'div',
    { class: 'row' },
    el(
      'button',
      {
        type: 'button',
        disabled: !canWrite || !isStopped,
        onclick: (event) => void act(event, async () => (await wish('start'), 'The worker starts')),
      },
      'Start',
    ),
    el(
      'button',
      {
        type: 'button',
        disabled: !canWrite,
        onclick: () =>
          confirm(
            'Restart the worker?',
            'Questions that it answers now go to another backend or fail. Loading a large model takes minutes.',
            'Restart',
            () => wish('restart'),
          ),
      },
      'Restart',
    ),
    el(
      'button',
      {
        type: 'button',
        class: 'danger',
        disabled: !canWrite || isStopped,
        onclick: () =>
          confirm(
            'Stop the worker?',
            'It stays stopped until somebody starts it again; other backends answer meanwhile.',
            'Stop',
            () => wish('stop'),
          ),
      },
      'Stop',
    ),
  );
  return el(
    'section',
    { class: `card state-card ${lookOf(status.state)}`, 'aria-label': 'Worker' },
    el(
      'div',
      {},
      el('h2', { class: 'row' }, status.name, badge(status.state)),
      el('p', { class: 'muted' }, status.reason || 'It answers.'),
      nextStep(status),
    ),
    actions,
    facts([
      ['Model', status.servedModel || '–'],
      ['Profile', status.profile],
      ['Since', ago(status.sinceIso)],
      ['Process', status.pid === null ? '–' : String(status.pid)],
      ['Running', String(status.requestsRunning)],
      ['Restarts', String(status.restarts)],
      ['Last progress', ago(status.lastProgressIso)],
    ]),
    status.lastFailure !== null && lastFailure(status.lastFailure),
    status.gpus.length > 0 && el('ul', { class: 'bars', 'aria-label': 'GPUs' }, ...status.gpus.map(gpuBar)),
  );
}

/**
 * What an operator can do about it.
 * @param {{state: string, retryInMs: number | null, isAsleep: boolean}} status
 */
function nextStep({ state, retryInMs, isAsleep }) {
  const soon = retryInMs === null ? '' : ` The next try is in ${duration(retryInMs)}.`;
  /** @type {Record<string, string>} */
  const words = {
    crash_loop: `It ended too often.${soon} Read the log below; once it is mended, restart it.`,
    failed: 'Read the log below; once it is mended, restart it.',
    backoff: `${soon} Restart it to try at once.`.trim(),
    stopped: isAsleep ? 'The next question wakes it.' : 'Somebody stopped it. Start it to have it answer again.',
  };
  return words[state] !== undefined && el('p', {}, words[state]);
}

/** @param {any} failure */
function lastFailure(failure) {
  const tail = () => {
    // The end of it says why.
    const log = details.querySelector('.log');
    if (log !== null) log.scrollTop = log.scrollHeight;
  };
  const details = el(
    'details',
    { ontoggle: tail },
    el('summary', {}, `Last failure: ${failure.kind}, `, ago(failure.atIso)),
    el('p', {}, failure.reason),
    el(
      'pre',
      { class: 'log', tabindex: 0, role: 'region', 'aria-label': 'Log before the failure' },
      failure.logTail.join('\n'),
    ),
  );
  return details;
}

/** @param {any} gpu */
function gpuBar(gpu) {
  const bar = el('div', {});
  bar.style.width = `${Math.round((100 * gpu.memoryUsedBytes) / Math.max(1, gpu.memoryTotalBytes))}%`;
  const heat = gpu.temperatureCelsius === null ? '' : ` · ${gpu.temperatureCelsius} °C`;
  return el(
    'li',
    {},
    el(
      'div',
      { class: 'row small' },
      el('strong', {}, `GPU ${gpu.index} ${gpu.name}`),
      el(
        'span',
        { class: 'muted' },
        `${bytes(gpu.memoryUsedBytes)} of ${bytes(gpu.memoryTotalBytes)} · ${Math.round(gpu.utilisationRatio * 100)} % busy${heat}`,
      ),
    ),
    el('div', { class: 'meter' }, bar),
  );
}

/**
 * @param {Element} place
 * @param {AbortSignal} signal
 */
function showLog(place, signal) {
  const log = el(
    'div',
    { class: 'log', tabindex: 0, role: 'log', 'aria-label': 'Log of the worker', 'aria-live': 'off' },
    empty('No line yet.'),
  );
  const state = el('span', { class: 'muted small' }, `following, the last ${LOG_LINES} lines`);
  fill(place, card(el('div', { class: 'card-head log-head' }, el('h2', {}, 'Log'), state), log));
  let isEmpty = true;
  const follow = async () => {
    for await (const text of lines(`/worker/logs?limit=200&follow=true`, signal)) {
      if (text === '') continue;
      const line = JSON.parse(text);
      if (isEmpty) log.replaceChildren();
      isEmpty = false;
      const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
      log.append(
        el('div', { class: line.level }, el('time', { datetime: line.timeIso }, clock(line.timeIso)), line.text),
      );
      while (log.childElementCount > LOG_LINES) log.firstElementChild?.remove();
      if (isAtEnd) log.scrollTop = log.scrollHeight;
    }
  };
  follow().then(
    () => !signal.aborted && fill(state, 'ended; open the view again to go on'),
    (error) =>
      !signal.aborted &&
      fill(
        place,
        failure(error, () => showLog(place, signal)),
      ),
  );
}

/**
 * @param {any[]} rows
 * @param {boolean} canWrite
 */
function backendTable(rows, canWrite) {
  return table({
    caption: 'Backends, in the order they are asked',
    rows,
    whenEmpty: 'No backend is configured; set [[model.backends]] or worker.profile.',
    columns: [
      { head: 'Backend', cell: (row) => [el('strong', {}, row.name), ' ', tag(row.trust)] },
      {
        head: 'State',
        cell: (row) => [badge(row.state), row.reason !== '' && el('div', { class: 'muted small' }, row.reason)],
      },
      {
        head: 'Models',
        cell: (row) =>
          row.error === undefined
            ? row.models.join(', ') || '–'
            : el('span', { class: 'muted small' }, `${row.error.message}. ${row.error.hint ?? ''}`),
      },
      { head: 'Breaker', cell: (row) => (row.breaker === null ? '–' : badge(row.breaker)) },
      { head: 'Running', kind: 'number', cell: (row) => row.requestsRunning },
      {
        head: 'Actions',
        kind: 'actions',
        cell: (row) =>
          el(
            'div',
            { class: 'row' },
            rowButton('Test', {
              disabled: !canWrite,
              label: `Test ${row.name}`,
              onclick: (event) => void act(event, () => testBackend(row.name)),
            }),
          ),
      },
    ],
  });
}

/** @param {string} name */
async function testBackend(name) {
  const [result] = await call('/models/test', { method: 'POST', body: { name } });
  if (result.ok) return `${name} answered in ${duration(result.durationMs)}`;
  throw new Problem({
    status: 503,
    detail: `${name}: ${result.error?.message ?? 'no answer'}`,
    hint: result.error?.hint ?? '',
  });
}
