// A strict reader of Prometheus' text format 0.0.4: throws at the first thing that the format, or a scrape, would refuse.
// Written from the format's description, with nothing in common with the reader under test.
import assert from 'node:assert/strict';

export interface StrictSeries {
  name: string;
  labels: Record<string, string>;
  value: number;
}

export interface StrictFamily {
  name: string;
  help: string | null;
  type: string | null;
  series: StrictSeries[];
}

/** In the order of the text. */
export function readStrictly(text: string): StrictFamily[] {
  assert.ok(text === '' || text.endsWith('\n'), 'the last line must end in a line feed');
  assert.ok(text.isWellFormed(), 'not UTF-8');
  const families = new Map<string, StrictFamily>();
  const seen = new Set<string>();
  let current: StrictFamily | undefined;
  const open = (name: string): StrictFamily => {
    if (current?.name === name) return current;
    assert.ok(!families.has(name), `${name}: its lines are not in one group`);
    current = { name, help: null, type: null, series: [] };
    families.set(name, current);
    return current;
  };
  for (const line of text.split('\n').slice(0, -1)) {
    assert.ok(line !== '' && !line.includes('\r') && !line.includes('\0'), `odd line ${JSON.stringify(line)}`);
    if (line.startsWith('#')) {
      const [hash, keyword, name = '', ...rest] = line.split(' ');
      assert.equal(hash, '#');
      assert.match(name, /^[a-zA-Z_:][a-zA-Z0-9_:]*$/);
      const family = open(name);
      assert.equal(family.series.length, 0, `${name}: ${keyword} after a series`);
      if (keyword === 'HELP') {
        assert.equal(family.help, null, `${name}: a second HELP`);
        family.help = unescaped(rest.join(' '), 'n\\');
      } else {
        assert.equal(keyword, 'TYPE');
        assert.equal(family.type, null, `${name}: a second TYPE`);
        assert.ok(['counter', 'gauge', 'histogram', 'summary', 'untyped'].includes(rest.join(' ')), line);
        family.type = rest.join(' ');
      }
      continue;
    }
    const series = readSeries(line);
    const key = `${series.name}|${JSON.stringify(Object.entries(series.labels).toSorted(([a], [b]) => (a < b ? -1 : 1)))}`;
    assert.ok(!seen.has(key), `twice: ${line}`);
    seen.add(key);
    const family = ownerOf(series.name, current) ?? open(series.name);
    checkShape(series, family);
    family.series.push(series);
  }
  const all = [...families.values()];
  for (const family of all) assert.ok(family.series.length > 0, `${family.name}: announced, but not there`);
  return all;
}

function ownerOf(name: string, family: StrictFamily | undefined): StrictFamily | undefined {
  if (family === undefined || name === family.name) return family;
  const suffixes =
    family.type === 'histogram' ? ['_bucket', '_sum', '_count'] : family.type === 'summary' ? ['_sum', '_count'] : [];
  return suffixes.some((suffix) => name === family.name + suffix) ? family : undefined;
}

function checkShape(series: StrictSeries, family: StrictFamily): void {
  if (family.type === 'histogram') {
    assert.notEqual(series.name, family.name, 'a histogram has no series of its own name');
    if (series.name.endsWith('_bucket')) assert.ok(isNumber(series.labels['le'] ?? ''), 'a bucket needs le');
  }
  if (family.type === 'summary' && series.name === family.name) {
    assert.ok(isNumber(series.labels['quantile'] ?? ''), 'a quantile needs its label');
  }
}

function readSeries(line: string): StrictSeries {
  const brace = line.indexOf('{');
  const name = line.slice(0, brace);
  assert.match(name, /^[a-zA-Z_:][a-zA-Z0-9_:]*$/, line);
  const labels: Record<string, string> = {};
  let at = brace + 1;
  while (line[at] !== '}') {
    const equals = line.indexOf('="', at);
    const label = line.slice(at, equals);
    assert.match(label, /^[a-zA-Z_][a-zA-Z0-9_]*$/, line);
    assert.ok(!Object.hasOwn(labels, label), `label ${label} twice: ${line}`);
    let end = equals + 2;
    while (line[end] !== '"') {
      assert.ok(end < line.length, `no closing quote: ${line}`);
      end += line[end] === '\\' ? 2 : 1;
    }
    labels[label] = unescaped(line.slice(equals + 2, end), 'n\\"');
    at = end + 1;
    if (line[at] === ',') at++;
    else assert.equal(line[at], '}', line);
  }
  const rest = line.slice(at + 1);
  assert.ok(rest.startsWith(' '), line);
  assert.ok(isNumber(rest.slice(1)), `not a value: ${line}`);
  return { name, labels, value: Number(rest.slice(1).replace(/Inf$/, 'Infinity')) };
}

function unescaped(text: string, known: string): string {
  let result = '';
  for (let at = 0; at < text.length; at++) {
    if (text[at] !== '\\') {
      result += text[at];
      continue;
    }
    const next = text[++at] ?? '';
    assert.ok(next !== '' && known.includes(next), `unknown escape in ${text}`);
    result += next === 'n' ? '\n' : next;
  }
  return result;
}

function isNumber(text: string): boolean {
  return /^([+-]?(Inf|[0-9]+\.?[0-9]*([eE][+-]?[0-9]+)?|\.[0-9]+([eE][+-]?[0-9]+)?)|NaN)$/.test(text);
}
