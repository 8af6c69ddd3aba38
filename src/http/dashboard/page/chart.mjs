// A small chart over time, drawn by uPlot in the colours of the page. What it shows is also said in words for who can't see it.
import uPlot from './uplot.mjs';
import { el, fill } from './dom.mjs';
import { isDark, theme } from './theme.mjs';

/**
 * @typedef {object} ChartOptions
 * @property {string} title
 * @property {string[]} series one or two names
 * @property {(value: number) => string} format
 * @property {AbortSignal} signal when the view is left
 * @property {boolean} [isBars]
 */

/** @typedef {{times: number[], values: (number | null)[][], now: string, words: string}} ChartData times in seconds */

/** @param {ChartOptions} options */
export function chart({ title, series, format, signal, isBars = false }) {
  const figure = el('span', { class: 'figure' }, '–');
  const legend = el('ul', { class: 'legend' }, ...(series.length > 1 ? series.map((name) => el('li', {}, name)) : []));
  const canvas = el('div', { class: 'chart', role: 'img', 'aria-label': title });
  const element = el(
    'section',
    { class: 'card chart-card', 'aria-label': title },
    el('div', { class: 'chart-top' }, el('div', {}, el('h3', { class: 'muted' }, title), figure), legend),
    canvas,
  );
  /** @type {uPlot | undefined} */
  let plot;
  /** @type {ChartData | undefined} */
  let shown;

  function draw() {
    plot?.destroy();
    plot = undefined;
    if (shown === undefined || canvas.clientWidth === 0) return;
    plot = new uPlot(
      optionsFor({ series, format, isBars, width: canvas.clientWidth }),
      /** @type {uPlot.AlignedData} */ ([shown.times, ...shown.values]),
      canvas,
    );
  }

  const resizing = new ResizeObserver(() => plot?.setSize({ width: canvas.clientWidth, height: HEIGHT }) ?? draw());
  resizing.observe(canvas);
  theme.addEventListener('change', draw, { signal });
  signal.addEventListener('abort', () => {
    resizing.disconnect();
    plot?.destroy();
  });

  return {
    element,
    /** @param {ChartData} data */
    show(data) {
      const isFirst = shown === undefined;
      shown = data;
      fill(figure, data.now);
      canvas.setAttribute('aria-label', `${title}. ${data.words}`);
      if (isFirst || plot === undefined) draw();
      else plot.setData(/** @type {uPlot.AlignedData} */ ([data.times, ...data.values]));
    },
  };
}

const HEIGHT = 150;

/** @param {string} name */
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/**
 * @param {{series: string[], format: (value: number) => string, isBars: boolean, width: number}} options
 * @returns {uPlot.Options}
 */
function optionsFor({ series, format, isBars, width }) {
  const axis = {
    stroke: colour('--muted'),
    font: '12px system-ui, sans-serif',
    grid: { stroke: colour('--chart-grid'), width: 1 },
    ticks: { show: false },
  };
  return {
    width,
    height: HEIGHT,
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { size: 6 } },
    scales: {
      // The first and the last bar are whole.
      x: { time: true, range: (_plot, low, high) => (isBars ? [low - DAY_S / 2, high + DAY_S / 2] : [low, high]) },
      y: { range: (_plot, _low, high) => [0, Math.max((high ?? 0) * 1.15, 4)] },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 26,
        gap: 6,
        space: 72,
        ...(isBars && { incrs: [1, 2, 7, 14, 30, 90].map((days) => days * DAY_S) }),
        values: (_plot, ticks) => ticks.map((tick) => tickTime(tick, isBars)),
      },
      { ...axis, size: 58, gap: 6, space: 34, incrs: WHOLE_STEPS, values: (_plot, ticks) => ticks.map(format) },
    ],
    series: [
      {},
      ...series.map((label, index) => ({
        label,
        stroke: colour(`--chart-${index + 1}`),
        width: isBars ? 0 : 2,
        // One figure is no line.
        points: {
          show: (/** @type {uPlot} */ plot, /** @type {number} */ at) => !isBars && countOf(plot.data[at]) < 3,
          size: 6,
        },
        spanGaps: true,
        ...((index === 0 || isBars) && {
          fill: `${colour(`--chart-${index + 1}`)}${isBars ? 'd0' : isDark() ? '2e' : '1f'}`,
        }),
        ...(isBars && uPlot.paths.bars !== undefined && { paths: uPlot.paths.bars({ size: [0.6, 28] }) }),
      })),
    ],
  };
}

/** @param {ArrayLike<number | null | undefined> | undefined} values */
const countOf = (values = []) => Array.from(values).filter((value) => value !== null && value !== undefined).length;

const DAY_S = 86_400;
/** Counts have no halves. */
const WHOLE_STEPS = Array.from({ length: 13 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power)).flat();

/**
 * @param {number} seconds
 * @param {boolean} isDay
 */
function tickTime(seconds, isDay) {
  const date = new Date(seconds * 1000);
  return isDay
    ? date.toLocaleDateString('en-GB', { day: '2-digit', month: 'short', timeZone: 'UTC' })
    : date.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
}
