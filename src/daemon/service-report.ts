// What the service manager hears while the daemon runs: a status line that is true, and beats only while the parts that
// must never hang still do their work. Guarantees: a part that misses a whole period while the event loop turns is named in
// the status and the manager acts at once; a blocked event loop gives no beats at all; the state of a model is not asked.
import type { SdNotify } from './sd-notify.ts';

/** A part whose standstill would make the daemon useless though its event loop turns. */
export interface Heart {
  name: string;
  /** A small real piece of the part's work. Its failure is a beat as well: a disk that is full is no standstill. */
  beat(): Promise<unknown>;
}

export interface ServiceReportOptions {
  notify: SdNotify;
  hearts: readonly Heart[];
  /** One line for a person. Cheap. */
  describe(): string;
  onStandstill(part: string): void;
  statusIntervalMs?: number;
}

const STATUS_INTERVAL_MS = 1000;
/** systemd asks for at least two beats in its period. */
const BEATS_PER_PERIOD = 4;

export function startServiceReport(options: ServiceReportOptions): Disposable {
  const { notify, describe } = options;
  if (!notify.isHeard) return { [Symbol.dispose]: () => undefined };
  const status = setInterval(() => notify.status(describe()), options.statusIntervalMs ?? STATUS_INTERVAL_MS);
  const beats = notify.watchdogMs === undefined ? undefined : startBeats(options, notify.watchdogMs);
  status.unref();
  return {
    [Symbol.dispose]() {
      clearInterval(status);
      clearInterval(beats);
    },
  };
}

function startBeats({ notify, hearts, onStandstill }: ServiceReportOptions, periodMs: number): NodeJS.Timeout {
  const watched = hearts.map((heart) => ({ heart, isBeating: false, missed: 0 }));
  let isStanding = false;
  function look(): void {
    for (const part of watched) {
      // Counted in turns of our own timer, not in time: after a blocked loop nobody has had the time to beat.
      part.missed = part.isBeating ? part.missed + 1 : 0;
      if (!part.isBeating) begin(part);
    }
    const standing = watched.find((part) => part.missed >= BEATS_PER_PERIOD)?.heart.name;
    if (standing === undefined) notify.watchdog();
    else if (!isStanding) {
      isStanding = true;
      onStandstill(standing);
      notify.triggerWatchdog(`${standing} stands still`);
    }
  }
  function begin(part: (typeof watched)[number]): void {
    const end = (): void => void (part.isBeating = false);
    part.isBeating = true;
    part.heart.beat().then(end, end);
  }
  look();
  const timer = setInterval(look, periodMs / BEATS_PER_PERIOD);
  timer.unref();
  return timer;
}
