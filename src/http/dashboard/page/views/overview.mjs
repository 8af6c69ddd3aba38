// How the daemon is, why and since when, and the last hours as charts that go on while you look.
import { call } from '../api.mjs';
import { chart } from '../chart.mjs';
import { el, fill } from '../dom.mjs';
import { failure, load, loading } from '../feedback.mjs';
import { ago, dateTime, duration, number } from '../format.mjs';
import { badge, card, facts, lookOf, viewHead } from '../parts.mjs';
import { table } from '../table.mjs';

/** @typedef {{state: string, reason: string, sinceIso: string}} Component */
/** @typedef {{start: string, calls: number, errors: number, requests: number, serverErrors: number, p50Ms: number | null, p95Ms: number | null, inputTokens: number, outputTokens: number}} Minute */

const SHORTEST_CHART_MINUTES = 15;

/** @param {import('../shell.mjs').ViewContext} context */
export function showOverview({ place, signal, live }) {
  const state = el('div', {}, loading('Asking the daemon how it is …'));
  const charts = el('div', { class: 'grid-2' });
  const components = card();
  fill(
    place,
    viewHead('Overview', 'What the daemon does now, and what it needs from you.'),
    state,
    el(
      'section',
      { 'aria-labelledby': 'charts-title' },
      el('h2', { class: 'visually-hidden', id: 'charts-title' }, 'The last hours'),
      charts,
    ),
    components,
  );
  /** @type {{version: string, startedAt: string | null, pid: number | null, attachedClients: number, listeners: Record<string, string>, state: string, components: Record<string, Component>} | undefined} */
  let status;
  /** @type {{running: number, waiting: number} | undefined} */
  let queue;

  const showState = () => {
    if (status === undefined) return;
    fill(state, stateCard(status, queue));
  };
  void load(
    components,
    'Loading the components …',
    async () => (status = await call('/status', { signal })),
    (/** @type {any} */ answer) => {
      showState();
      return componentTable(answer.components);
    },
  ).then(() => {
    if (status === undefined) state.replaceChildren();
  });
  live.on(
    'status',
    (/** @type {{state: string, components: Record<string, Component>}} */ change) => {
      if (status === undefined) return;
      status = { ...status, ...change };
      showState();
      fill(components, componentTable(status.components));
    },
    signal,
  );

  void showCharts(charts, signal, live);
  live.on(
    'figures',
    (/** @type {{running: number, waiting: number}} */ figures) => {
      const isNew = queue?.running !== figures.running || queue?.waiting !== figures.waiting;
      queue = figures;
      if (isNew) showState();
    },
    signal,
  );
}

/**
 * @param {any} status
 * @param {{running: number, waiting: number} | undefined} queue
 */
function stateCard(status, queue) {
  const parts = /** @type {[string, Component][]} */ (Object.entries(status.components));
  const ill = parts.filter(([, part]) => part.state !== 'ok');
  const worst = ill.some(([, part]) => part.state === 'failed') ? 'failed' : ill.length > 0 ? 'degraded' : 'ok';
  const look = status.state === 'ready' ? worst : status.state;
  const words =
    look === 'ok'
      ? 'Everything works'
      : status.state !== 'ready'
        ? `The daemon is ${status.state}`
        : `Ready, but ${ill.length === 1 ? 'one part needs' : `${ill.length} parts need`} attention`;
  return el(
    'section',
    { class: `card state-card ${lookOf(look)}`, 'aria-label': 'State', 'aria-live': 'polite' },
    el(
      'div',
      {},
      el('h2', {}, words),
      el(
        'p',
        { class: 'muted' },
        ill.length === 0
          ? `All ${parts.length} components are well.`
          : ill
              .map(
                ([name, part]) =>
                  `${name}: ${part.reason || part.state} (for ${duration(Date.now() - Date.parse(part.sinceIso))})`,
              )
              .join(' · '),
      ),
    ),
    facts([
      ['Running', queue === undefined ? '–' : String(queue.running)],
      ['Waiting', queue === undefined ? '–' : String(queue.waiting)],
      ['stdio clients', String(status.attachedClients)],
      ['Started', ago(status.startedAt)],
      ['Version', status.version],
    ]),
  );
}

/** @param {Record<string, Component>} components */
function componentTable(components) {
  return table({
    caption: 'Components',
    rows: Object.entries(components),
    whenEmpty: 'The daemon names no components.',
    columns: [
      { head: 'Component', kind: 'nowrap', cell: ([name]) => el('strong', {}, name) },
      { head: 'State', kind: 'nowrap', cell: ([, part]) => badge(part.state) },
      { head: 'Why', cell: ([, part]) => part.reason || el('span', { class: 'muted' }, 'well') },
      { head: 'Since', kind: 'nowrap', cell: ([, part]) => ago(part.sinceIso) },
    ],
  });
}

/**
 * @param {Element} place
 * @param {AbortSignal} signal
 * @param {import('../live.mjs').LiveFeed} live
 */
async function showCharts(place, signal, live) {
  const calls = chart({ title: 'Tool calls a minute', series: ['calls'], format: number, signal });
  const latency = chart({
    title: 'Latency of tool calls',
    series: ['median', '95th percentile'],
    format: duration,
    signal,
  });
  const errors = chart({ title: 'Errors a minute', series: ['tool errors', 'HTTP 5xx'], format: number, signal });
  const tokens = chart({ title: 'Tokens a minute', series: ['in', 'out'], format: number, signal });
  fill(place, calls.element, latency.element, errors.element, tokens.element);
  /** @type {Minute[]} */
  let minutes;
  try {
    ({ minutes } = await call('/metrics/history', { signal }));
  } catch (error) {
    if (!signal.aborted)
      fill(
        place,
        failure(error, () => void showCharts(place, signal, live)),
      );
    return;
  }
  const draw = () => {
    const firstS = Date.parse(minutes[0]?.start ?? new Date().toISOString()) / 1000;
    // A daemon that has just begun has a minute or two: the chart is a quarter of an hour all the same.
    const before = Array.from(
      { length: Math.max(0, SHORTEST_CHART_MINUTES - minutes.length) },
      (_, index) => index + 1,
    ).toReversed();
    const times = [...before.map((ago) => firstS - ago * 60), ...minutes.map(({ start }) => Date.parse(start) / 1000)];
    const since = minutes[0] === undefined ? '' : `Since ${dateTime(minutes[0].start)}`;
    const now = minutes.at(-1);
    /** @param {(minute: Minute) => number | null} pick */
    const of = (pick) => [...before.map(() => null), ...minutes.map(pick)];
    /** @param {(number | null)[]} values */
    const most = (values) => Math.max(0, ...values.map((value) => value ?? 0));
    const last = minutes.findLast((minute) => minute.p50Ms !== null);
    calls.show({
      times,
      values: [of((m) => m.calls)],
      now: number(now?.calls ?? 0),
      words: `${since}: now ${now?.calls ?? 0}, at most ${most(of((m) => m.calls))}.`,
    });
    latency.show({
      times,
      values: [of((m) => m.p50Ms), of((m) => m.p95Ms)],
      now: last?.p50Ms === null || last === undefined ? 'no calls yet' : duration(last.p50Ms),
      words:
        last === undefined
          ? 'No call yet.'
          : `${since}: median lately ${duration(last.p50Ms ?? 0)}, 95th percentile at most ${duration(most(of((m) => m.p95Ms)))}.`,
    });
    errors.show({
      times,
      values: [of((m) => m.errors), of((m) => m.serverErrors)],
      now: number((now?.errors ?? 0) + (now?.serverErrors ?? 0)),
      words: `${since}: at most ${most(of((m) => m.errors + m.serverErrors))} a minute.`,
    });
    tokens.show({
      times,
      values: [of((m) => m.inputTokens), of((m) => m.outputTokens)],
      now: number((now?.inputTokens ?? 0) + (now?.outputTokens ?? 0)),
      words: `${since}: at most ${most(of((m) => m.inputTokens))} in and ${most(of((m) => m.outputTokens))} out.`,
    });
  };
  draw();
  live.on(
    'figures',
    (/** @type {{minute?: Minute}} */ { minute }) => {
      if (minute === undefined) return;
      if (minutes.at(-1)?.start === minute.start) minutes = [...minutes.slice(0, -1), minute];
      else minutes = [...minutes, minute].slice(-180);
      draw();
    },
    signal,
  );
}
