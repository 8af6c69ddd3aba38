// Which route a turn is asked of now: the best group that can answer, in it the run's own replica or the least loaded one.
// Guarantee: pure choice; what it returns is admitted, or says whom it is worth to wait for.
import type { Admission } from './route-breaker.ts';
import type { Availability, Away, Route } from './route.ts';

export interface ChoiceInput {
  /** By priority, the best first; in each group the replicas. */
  groups: readonly (readonly Route[])[];
  /** Not to be asked (again) in this turn. */
  excluded: ReadonlySet<Route>;
  /** Holds the prefix cache of the run. */
  preferred: Route | undefined;
  stickyMargin: number;
}

export interface Awaited {
  route: Route;
  away: Away;
}

export type Choice =
  | { kind: 'ready'; route: Route; admission: Admission }
  | { kind: 'asleep'; route: Route }
  /** Nobody can be asked; `next` comes back by itself, and soonest. */
  | { kind: 'nobody'; next: Awaited | undefined };

export function chooseRoute({ groups, excluded, preferred, stickyMargin }: ChoiceInput): Choice {
  let next: Awaited | undefined;
  for (const group of groups) {
    const ready: Route[] = [];
    let asleep: Route | undefined;
    for (const route of group) {
      if (excluded.has(route)) continue;
      const now = route.availability();
      if (now.state === 'ready') ready.push(route);
      else if (now.state === 'asleep') asleep ??= route;
      else if (isSooner(now, next?.away)) next = { route, away: now };
    }
    for (const route of inOrder(ready, preferred, stickyMargin)) {
      const admission = route.admit();
      if (admission !== null) return { kind: 'ready', route, admission };
    }
    if (asleep !== undefined) return { kind: 'asleep', route: asleep };
  }
  return { kind: 'nobody', next };
}

function isSooner(now: Availability, than: Away | undefined): now is Away {
  if (!('comesBack' in now) || now.comesBack === 'no') return false;
  if (than === undefined || now.comesBack === than.comesBack) return now.retryInMs < (than?.retryInMs ?? Infinity);
  return now.comesBack === 'soon';
}

function inOrder(ready: Route[], preferred: Route | undefined, stickyMargin: number): Route[] {
  if (ready.length < 2) return ready;
  // Equally loaded replicas are all as good: chance spreads the runs over them.
  const first = Math.floor(Math.random() * ready.length);
  const turned = [...ready.slice(first), ...ready.slice(0, first)];
  const sorted = turned.sort((a, b) => a.outstanding - b.outstanding);
  const least = sorted[0]?.outstanding ?? 0;
  if (preferred === undefined || !sorted.includes(preferred)) return sorted;
  if (preferred.outstanding > least + stickyMargin) return sorted;
  return [preferred, ...sorted.filter((route) => route !== preferred)];
}
