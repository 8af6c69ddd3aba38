// Reads Prometheus' text format as another process wrote it, line by line.
// Guarantees: one pass, whatever the text; a line that is not exactly in the format is left out, never guessed at.

export type MetricType = 'counter' | 'gauge' | 'histogram' | 'summary' | 'untyped';

export type ExpositionLine =
  | { kind: 'help'; name: string; help: string }
  | { kind: 'type'; name: string; type: MetricType }
  | { kind: 'sample'; name: string; labels: readonly (readonly [string, string])[]; value: string };

const HEAD = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) ?(.*)$/s;
const NAME = /[a-zA-Z_:][a-zA-Z0-9_:]*/y;
const LABEL = /[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\[\\n"])*)"[ \t]*(,|\})/y;
const NO_LABELS = /[ \t]*\}/y;
/** A value, and perhaps a time stamp, which is not passed on: what is exported is as of now. */
const VALUE = /^[ \t]*([+-]?(?:\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|Inf)|NaN)(?:[ \t]+-?\d+)?[ \t]*$/;
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0008\u000a-\u001f\u007f]/;
const TYPES: ReadonlySet<string> = new Set(['counter', 'gauge', 'histogram', 'summary', 'untyped']);
const LONGEST_LINE = 8192;
const LONGEST_HELP = 1000;
const LONGEST_TEXT = 4 * 1024 * 1024;
const MOST_LINES = 100_000;

/** Only lines whose metric begins with one of the prefixes; of an endless text the first megabytes. */
export function* parsePrometheusText(text: string, prefixes: readonly string[]): Generator<ExpositionLine> {
  const heads = prefixes.flatMap((prefix) => [prefix, `# HELP ${prefix}`, `# TYPE ${prefix}`]);
  const bound = Math.min(text.length, LONGEST_TEXT);
  for (let from = 0, lines = 0; from < bound && lines < MOST_LINES;) {
    const newline = text.indexOf('\n', from);
    const end = newline === -1 ? text.length : newline;
    const start = from;
    from = end + 1;
    if (end - start > LONGEST_LINE || !heads.some((head) => text.startsWith(head, start))) continue;
    const line = text.slice(start, text[end - 1] === '\r' ? end - 1 : end);
    const parsed = CONTROL.test(line) ? null : parseLine(line);
    if (parsed === null) continue;
    lines++;
    yield parsed;
  }
}

function parseLine(line: string): ExpositionLine | null {
  if (line.startsWith('#')) {
    const [, kind, name, rest] = HEAD.exec(line) ?? [];
    if (name === undefined || rest === undefined) return null;
    if (kind === 'HELP') return { kind: 'help', name, help: unescape(rest.slice(0, LONGEST_HELP)) };
    // OpenMetrics knows more types than this format.
    return { kind: 'type', name, type: TYPES.has(rest) ? (rest as MetricType) : 'untyped' };
  }
  NAME.lastIndex = 0;
  const name = NAME.exec(line)?.[0];
  if (name === undefined) return null;
  const labels = line[name.length] === '{' ? parseLabels(line, name.length + 1) : { pairs: [], end: name.length };
  if (labels === null) return null;
  const rest = line.slice(labels.end);
  if (labels.end === name.length && !/^[ \t]/.test(rest)) return null;
  const value = VALUE.exec(rest)?.[1];
  return value === undefined ? null : { kind: 'sample', name, labels: labels.pairs, value };
}

function parseLabels(line: string, start: number): { pairs: [string, string][]; end: number } | null {
  const pairs: [string, string][] = [];
  const names = new Set<string>();
  let at = start;
  for (;;) {
    NO_LABELS.lastIndex = at;
    // An empty set, or the comma that may stand after the last label.
    if (NO_LABELS.test(line)) return { pairs, end: NO_LABELS.lastIndex };
    LABEL.lastIndex = at;
    const [, name, value, separator] = LABEL.exec(line) ?? [];
    if (name === undefined || value === undefined || names.has(name)) return null;
    names.add(name);
    pairs.push([name, unescape(value)]);
    at = LABEL.lastIndex;
    if (separator === '}') return { pairs, end: at };
  }
}

function unescape(text: string): string {
  return text.includes('\\') ? text.replace(/\\([\\n"])/g, (_, kind: string) => (kind === 'n' ? '\n' : kind)) : text;
}
