// The questions in flight, and the end of one. What was asked is never shown.
import { call, list } from '../api.mjs';
import { confirm } from '../dialog.mjs';
import { el, fill, refill } from '../dom.mjs';
import { load, toast } from '../feedback.mjs';
import { ago } from '../format.mjs';
import { badge, card, rowButton, viewHead } from '../parts.mjs';
import { table } from '../table.mjs';

/** @param {import('../shell.mjs').ViewContext} context */
export function showRuns({ place, signal, live, canWrite }) {
  const runs = card();
  fill(
    place,
    viewHead(
      'Runs in flight',
      'Questions that the agent works on or that wait for their turn; what they ask stays private.',
    ),
    runs,
  );
  /** @param {any[]} rows */
  const show = (rows) => runsTable(rows, { canWrite, reload });
  const reload = () => load(runs, 'Loading the runs …', () => list('/runs', { signal }), show);
  void reload();
  live.on(
    'runs',
    (/** @type {any[]} */ rows) => {
      refill(runs, show(rows));
    },
    signal,
  );
}

/**
 * @param {any[]} rows
 * @param {{canWrite: boolean, reload: () => Promise<void>}} options
 */
function runsTable(rows, { canWrite, reload }) {
  return table({
    caption: 'Runs',
    isCaptionHidden: true,
    rows,
    whenEmpty: 'Nobody is asking anything right now. Runs show up here as soon as a client calls use_memory_agent.',
    columns: [
      { head: 'Run', cell: (run) => el('code', { class: 'small' }, run.id) },
      { head: 'State', kind: 'nowrap', cell: (run) => badge(run.state) },
      { head: 'Key', cell: (run) => el('code', {}, run.keyId) },
      { head: 'Root', cell: (run) => run.root },
      { head: 'Asked', kind: 'nowrap', cell: (run) => ago(run.queuedAt) },
      { head: 'Turns', kind: 'number', cell: (run) => run.turns },
      { head: 'Backend', cell: (run) => run.backend ?? '–' },
      {
        head: 'Actions',
        kind: 'actions',
        cell: (run) =>
          el(
            'div',
            { class: 'row' },
            rowButton('Cancel', {
              disabled: !canWrite,
              label: `Cancel run ${run.id}`,
              onclick: () =>
                confirm(
                  'Cancel this run?',
                  'Who asked gets the error CANCELLED. What it has written already stays.',
                  'Cancel the run',
                  async () => {
                    await call(`/runs/${encodeURIComponent(run.id)}`, { method: 'DELETE' });
                    toast('The run is cancelled');
                    await reload();
                  },
                ),
              isDanger: true,
            }),
          ),
      },
    ],
  });
}
