// What changes now, as the daemon sends it (server-sent events). Guarantee: a stream that ends is opened again, ever more slowly
// while it fails, until the page is left or signed out; fetch and not EventSource, because a session needs its header.
import { lines } from './api.mjs';

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 15_000;
/** The daemon says something each second. A network that swallows everything ends no stream. */
const LONGEST_SILENCE_MS = 8000;

/** Dispatches `status`, `runs` and `figures` with the data as `detail`, and `connection` with the state of the stream. */
export class LiveFeed extends EventTarget {
  /** @type {Map<string, unknown>} The newest of each event. */
  latest = new Map();
  #stop = new AbortController();

  async start() {
    const { signal } = this.#stop;
    let waitMs = FIRST_WAIT_MS;
    while (!signal.aborted) {
      await becomesVisible(signal);
      const heard = await this.#listen(AbortSignal.any([signal, hidden()]));
      if (signal.aborted) return;
      if (document.hidden) continue;
      waitMs = heard ? FIRST_WAIT_MS : Math.min(waitMs * 2, LONGEST_WAIT_MS);
      this.#tell('connection', 'lost');
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }

  stop() {
    this.#stop.abort();
  }

  /**
   * Calls now with what is known, and at each change until the signal.
   * @param {string} event
   * @param {(data: any) => void} listener
   * @param {AbortSignal} signal
   */
  on(event, listener, signal) {
    const known = this.latest.get(event);
    if (known !== undefined) listener(known);
    const hear = (/** @type {Event} */ told) => {
      if (told instanceof CustomEvent) listener(told.detail);
    };
    this.addEventListener(event, hear, { signal });
  }

  /** @param {AbortSignal} signal */
  async #listen(signal) {
    let heard = false;
    let event = 'message';
    const silence = new AbortController();
    const giveUp = () => silence.abort();
    let timer = setTimeout(giveUp, LONGEST_SILENCE_MS);
    try {
      for await (const line of lines('/events', AbortSignal.any([signal, silence.signal]))) {
        clearTimeout(timer);
        timer = setTimeout(giveUp, LONGEST_SILENCE_MS);
        if (!heard) this.#tell('connection', 'live');
        heard = true;
        if (line.startsWith('event:')) event = line.slice(6).trim();
        else if (line.startsWith('data:')) this.#tell(event, JSON.parse(line.slice(5)));
      }
    } catch {
      // Whatever it was, the next try says whether it is over; the connection shows as lost meanwhile.
      return heard;
    } finally {
      clearTimeout(timer);
    }
    return heard;
  }

  /**
   * @param {string} event
   * @param {unknown} detail
   */
  #tell(event, detail) {
    this.latest.set(event, detail);
    this.dispatchEvent(new CustomEvent(event, { detail }));
  }
}

/** A tab in the background lets go: browsers keep few connections to a host, and the other tabs need theirs. */
function hidden() {
  const gone = new AbortController();
  const look = () => {
    if (document.hidden) gone.abort();
  };
  document.addEventListener('visibilitychange', look, { signal: gone.signal });
  return gone.signal;
}

/** @param {AbortSignal} signal */
function becomesVisible(signal) {
  return new Promise((resolve) => {
    const seen = new AbortController();
    const look = () => {
      if (document.hidden && !signal.aborted) return;
      seen.abort();
      resolve(undefined);
    };
    document.addEventListener('visibilitychange', look, { signal: seen.signal });
    signal.addEventListener('abort', look, { signal: seen.signal });
    look();
  });
}
