// The engine's metrics: the figures that supervision reads, and a re-export that stays valid whatever the engine sends.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  fetchEngineMetrics,
  parseEngineFigures,
  relabelEngineMetrics,
  UNKNOWN_FIGURES,
} from '../../../src/worker/engine-metrics.ts';
import { startHttpStandIn } from './http-stand-in.ts';
import { readStrictly } from './strict-prometheus.ts';
import type { StrictFamily } from './strict-prometheus.ts';
import { cpuMsOf } from './cpu-time.ts';

const VLLM = `# HELP python_gc_objects_collected_total Objects collected during gc
# TYPE python_gc_objects_collected_total counter
python_gc_objects_collected_total{generation="0"} 9418.0
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="mem-agent"} 2.0
vllm:num_requests_running{engine="1",model_name="mem-agent"} 1.0
# HELP vllm:num_requests_waiting Number of requests waiting to be processed.
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="mem-agent"} 4.0
vllm:num_requests_waiting{engine="1",model_name="mem-agent"} 0.0
# HELP vllm:kv_cache_usage_perc KV-cache usage. 1 means 100 percent usage.
# TYPE vllm:kv_cache_usage_perc gauge
vllm:kv_cache_usage_perc{engine="0",model_name="mem-agent"} 0.25
vllm:kv_cache_usage_perc{engine="1",model_name="mem-agent"} 0.75
# HELP vllm:num_preemptions_total Cumulative number of preemption from the engine.
# TYPE vllm:num_preemptions_total counter
vllm:num_preemptions_total{engine="0",model_name="mem-agent"} 3.0
# HELP vllm:num_preemptions_created Cumulative number of preemption from the engine.
# TYPE vllm:num_preemptions_created gauge
vllm:num_preemptions_created{engine="0",model_name="mem-agent"} 1.7639000000e+09
# HELP vllm:iteration_tokens_total Histogram of number of tokens per engine_step.
# TYPE vllm:iteration_tokens_total histogram
vllm:iteration_tokens_total_bucket{engine="0",le="1.0",model_name="mem-agent"} 3.0
vllm:iteration_tokens_total_bucket{engine="0",le="+Inf",model_name="mem-agent"} 10.0
vllm:iteration_tokens_total_count{engine="0",model_name="mem-agent"} 10.0
vllm:iteration_tokens_total_sum{engine="0",model_name="mem-agent"} 1500.0
vllm:iteration_tokens_total_bucket{engine="1",le="1.0",model_name="mem-agent"} 0.0
vllm:iteration_tokens_total_bucket{engine="1",le="+Inf",model_name="mem-agent"} 7.0
vllm:iteration_tokens_total_count{engine="1",model_name="mem-agent"} 7.0
vllm:iteration_tokens_total_sum{engine="1",model_name="mem-agent"} 900.0
# HELP vllm:cache_config_info Information of the LLMEngine CacheConfig
# TYPE vllm:cache_config_info gauge
vllm:cache_config_info{block_size="16",note="a \\"quoted\\" \\\\ path\\nand more",} 1.0
# HELP http_requests_total Total number of requests by method, status and handler.
# TYPE http_requests_total counter
http_requests_total{handler="/v1/chat/completions",method="POST",status="2xx"} 12.0
`;

const LLAMACPP = `# HELP llamacpp:prompt_tokens_total Number of prompt tokens processed.
# TYPE llamacpp:prompt_tokens_total counter
llamacpp:prompt_tokens_total 16185
# HELP llamacpp:n_decode_total Total number of llama_decode() calls
# TYPE llamacpp:n_decode_total counter
llamacpp:n_decode_total 125
# TYPE llamacpp:requests_processing gauge
llamacpp:requests_processing 1
llamacpp:requests_deferred 3
`;

function familyOf(text: string, name: string): StrictFamily {
  const family = readStrictly(text).find((candidate) => candidate.name === name);
  assert.ok(family !== undefined, `no family ${name} in\n${text}`);
  return family;
}

test('the figures of vLLM, summed over its engines; the cache of the fullest', () => {
  assert.deepEqual(parseEngineFigures(VLLM), {
    iterations: 17,
    requestsRunning: 3,
    requestsWaiting: 4,
    kvCacheUsageRatio: 0.75,
    preemptions: 3,
  });
});

test('the figures of llama.cpp and SGLang, and of engines that say nothing', () => {
  assert.deepEqual(parseEngineFigures(LLAMACPP), {
    ...UNKNOWN_FIGURES,
    iterations: 125,
    requestsRunning: 1,
    requestsWaiting: 3,
  });
  const sglang =
    'sglang:realtime_tokens_total{mode="decode"} 40\nsglang:realtime_tokens_total{mode="prefill_compute"} 2\n' +
    'sglang:num_running_reqs 1\nsglang:num_queue_reqs 0\nsglang:token_usage 0.28\n';
  assert.deepEqual(parseEngineFigures(sglang), {
    ...UNKNOWN_FIGURES,
    iterations: 42,
    requestsRunning: 1,
    requestsWaiting: 0,
    kvCacheUsageRatio: 0.28,
  });
  for (const text of ['', '<html>', 'vllm:num_requests_running NaN\n', 'vllm:num_requests_running -1\n']) {
    assert.deepEqual(parseEngineFigures(text), UNKNOWN_FIGURES, text);
  }
});

test('re-export: prefix, worker label, HELP and TYPE kept, only what is the engine’s', () => {
  const text = relabelEngineMetrics(VLLM, 'gpu "0"');
  const families = readStrictly(text);
  assert.ok(families.every(({ name }) => name.startsWith('memagent_engine_vllm_') && !name.includes(':')));
  assert.ok(families.every(({ series }) => series.every(({ labels }) => labels['worker'] === 'gpu "0"')));
  assert.deepEqual(familyOf(text, 'memagent_engine_vllm_num_requests_running'), {
    name: 'memagent_engine_vllm_num_requests_running',
    help: 'Number of requests in model execution batches.',
    type: 'gauge',
    series: ['0', '1'].map((engine, index) => ({
      name: 'memagent_engine_vllm_num_requests_running',
      labels: { engine, model_name: 'mem-agent', worker: 'gpu "0"' },
      value: 2 - index,
    })),
  });
  assert.equal(familyOf(text, 'memagent_engine_vllm_iteration_tokens_total').series.length, 8);
  assert.equal(
    familyOf(text, 'memagent_engine_vllm_cache_config_info').series[0]?.labels['note'],
    'a "quoted" \\ path\nand more',
  );
  assert.equal(readStrictly(relabelEngineMetrics(LLAMACPP, 'w')).length, 4);
});

test('what would make the text invalid is put right or left out', () => {
  const cases: [string, string, string][] = [
    ['lines of one family apart', 'vllm:a 1\nvllm:b 2\nvllm:a{x="1"} 3\n', 'a 1,a 3,b 2'],
    ['a series twice', 'vllm:a{x="1"} 1\nvllm:a{x="1"} 2\n', 'a 1'],
    ['two names that become one', 'vllm:a:b 1\nvllm:a_b 2\n', 'a_b 1'],
    ['TYPE after the series, HELP twice', 'vllm:a 1\n# TYPE vllm:a gauge\n# HELP vllm:a x\n# HELP vllm:a y\n', 'a 1'],
    ['a type of OpenMetrics', '# TYPE vllm:a stateset\nvllm:a{a="b"} 1\n', 'a 1'],
    [
      'a histogram with a bare series',
      '# TYPE vllm:h histogram\nvllm:h 1\nvllm:h_bucket{x="1"} 2\nvllm:h_sum 3\n',
      'h_sum 3',
    ],
    [
      'a bucket with an odd limit',
      '# TYPE vllm:h histogram\nvllm:h_bucket{le="many"} 2\nvllm:h_count 3\n',
      'h_count 3',
    ],
    [
      'a summary',
      '# TYPE vllm:s summary\nvllm:s{quantile="0.5"} 1\nvllm:s{q="1"} 2\nvllm:s_count 3\n',
      's 1,s_count 3',
    ],
    ['a time stamp', 'vllm:a 1 1764000000000\n', 'a 1'],
    ['an exemplar', 'vllm:a 1 # {trace="x"} 0.5\n', ''],
    ['a label twice', 'vllm:a{x="1",x="2"} 1\n', ''],
    [
      'bad names and values',
      'vllm:a{1x="2"} 1\nvllm:a 0x10\nvllm:a 1_0\nvllm:ä 1\nvllm:a{} nan\nvllm: 7\nvllm:b{}5\n',
      ' 7,b 5',
    ],
    ['an open quote', 'vllm:a{x="1} 1\nvllm:b 2\n', 'b 2'],
    ['an unknown escape', 'vllm:a{x="\\x"} 1\n', ''],
    ['control characters', 'vllm:a{x="\u001b[31m"} 1\nvllm:b{x="\0"} 1\r\nvllm:c 1\r\n', 'c 1'],
    ['no line feed at the end', 'vllm:a 1', 'a 1'],
    [
      'special values',
      'vllm:a NaN\nvllm:b +Inf\nvllm:c -Inf\nvllm:d 1e-05\nvllm:e -.5\n',
      'a NaN,b Infinity,c -Infinity,d 0.00001,e -0.5',
    ],
    ['names of others', 'memagent_ready 0\nvllmx:a 1\nup 1\n vllm:a 1\n', ''],
  ];
  for (const [name, text, expected] of cases) {
    const series = readStrictly(relabelEngineMetrics(text, 'w')).flatMap((family) => family.series);
    const shown = series.map((one) => `${one.name.replace('memagent_engine_vllm_', '')} ${one.value}`).join(',');
    assert.equal(shown, expected, name);
  }
});

test('an own label worker steps aside; a worker name with every odd character holds', () => {
  const odd = 'a"b\\c\nd{}=,é';
  const [family] = readStrictly(relabelEngineMetrics('vllm:a{worker="mine",exported_worker="x"} 1\n', odd));
  assert.deepEqual(family?.series[0]?.labels, { exported_worker: 'mine', worker: odd });
});

test('bounded: series, characters, labels and lengths; a family goes whole or not at all', () => {
  const many = (name: string, count: number): string =>
    Array.from({ length: count }, (_, index) => `vllm:${name}{i="${index}"} 1\n`).join('');
  const text = relabelEngineMetrics(`${many('a', 3000)}${many('b', 3000)}${many('c', 1500)}`, 'w');
  const sizes = readStrictly(text).map((family) => [family.name.at(-1), family.series.length]);
  assert.deepEqual(sizes, [
    ['a', 3000],
    ['c', 1500],
  ]);
  const long = `${'x'.repeat(255)}${'🙂'.repeat(1900)}`;
  const labels = Array.from({ length: 100 }, (_, index) => `l${index}="1"`).join(',');
  const odd = relabelEngineMetrics(
    `# HELP vllm:a ${long}\nvllm:a{x="${long}"} 1\nvllm:${'x'.repeat(4000)} 1\nvllm:b{${labels}} 1\nvllm:c{x="${long.repeat(4)}"} 1\n`,
    'w',
  );
  const [family, ...others] = readStrictly(odd);
  assert.equal(others.length, 0);
  assert.ok((family?.help?.length ?? 0) <= 500 && (family?.series[0]?.labels['x']?.length ?? 0) <= 256);
  const wide = Array.from({ length: 4900 }, (_, index) => {
    const pairs = Array.from({ length: 8 }, (_x, label) => `l${label}="${index}${'y'.repeat(200)}"`);
    return `vllm:w${index % 7}{${pairs.join(',')}} 1\n`;
  });
  const bounded = relabelEngineMetrics(wide.join(''), 'w');
  assert.ok(bounded.length > 0 && bounded.length <= 2 * 1024 * 1024, String(bounded.length));
});

test('eight megabytes of the worst lines are read in a moment', () => {
  const bytes = 8 * 1024 * 1024;
  const worst = [
    'vllm:a 1\n',
    `vllm:a{${'x="1",'.repeat(1000)}\n`,
    `vllm:a{x="${'\\\\'.repeat(2000)}\n`,
    `vllm:a{x="1"${' '.repeat(4000)}} 1\n`,
    `# HELP vllm:a ${'\\'.repeat(4000)}\n`,
    `vllm:a ${'1'.repeat(8000)}x\n`,
    'vllm:a',
    '\n',
    `vllm:${'a'.repeat(7000)}_bucket{le="1"} 1\n`,
  ];
  for (const line of worst) {
    const text = line.repeat(Math.ceil(bytes / line.length));
    const tookMs = cpuMsOf(() => {
      relabelEngineMetrics(text, 'w');
      parseEngineFigures(text);
    });
    assert.ok(tookMs < 10_000, `${JSON.stringify(line.slice(0, 30))}: ${tookMs} ms`);
  }
});

const name = fc.stringMatching(/^(vllm|llamacpp|sglang|other):[a-c]{1,2}(_bucket|_sum|_count|_total)?$/);
const labelSet = fc
  .array(
    fc.tuple(fc.constantFrom('le', 'quantile', 'worker', 'exported_worker', 'a', 'b'), fc.string({ unit: 'binary' })),
    { maxLength: 4 },
  )
  .map((pairs) => pairs.map(([key, value]) => `${key}="${value.replaceAll('"', '\\"')}"`).join(','));
const anyLine = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(name, labelSet, fc.double()).map(([n, l, v]) => `${n}{${l}} ${v}`) },
  { weight: 2, arbitrary: fc.tuple(name, fc.double()).map(([n, v]) => `${n} ${v}`) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(name, fc.constantFrom('counter', 'gauge', 'histogram', 'summary', 'untyped', 'info', ''))
      .map(([n, t]) => `# TYPE ${n} ${t}`),
  },
  { weight: 1, arbitrary: fc.tuple(name, fc.string({ unit: 'binary' })).map(([n, h]) => `# HELP ${n} ${h}`) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
);

test('any text: the re-export is valid, and reading it again changes nothing', () => {
  fc.assert(
    fc.property(fc.array(anyLine, { maxLength: 30 }), fc.string({ unit: 'grapheme' }), (lines, worker) => {
      const exported = relabelEngineMetrics(lines.join('\n'), worker);
      for (const family of readStrictly(exported)) {
        assert.match(family.name, /^memagent_engine_(vllm|llamacpp|sglang)_/);
        for (const { labels } of family.series) assert.equal(labels['worker'], worker);
      }
      const figures = parseEngineFigures(lines.join('\n'));
      assert.ok(Object.values(figures).every((figure) => figure === null || (Number.isFinite(figure) && figure >= 0)));
    }),
    { numRuns: 500 },
  );
});

test('any well-formed metrics lose nothing', () => {
  const value = fc.double({ noNaN: true, noDefaultInfinity: true });
  const labels = fc.dictionary(fc.stringMatching(/^[a-v]{1,3}$/), fc.string({ unit: 'grapheme', maxLength: 20 }), {
    maxKeys: 3,
  });
  const series = fc.tuple(fc.stringMatching(/^[a-d]$/), labels, value);
  fc.assert(
    fc.property(
      fc.uniqueArray(series, {
        selector: ([n, l]) => n + JSON.stringify(Object.entries(l).toSorted(([a], [b]) => (a < b ? -1 : 1))),
        maxLength: 20,
      }),
      (all) => {
        const escape = (text: string): string =>
          // A feed is written as an escape; other control characters no engine sends.
          text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
        const plain = all.filter(([, l]) => !Object.values(l).some((v) => /[\p{Cc}]/u.test(v)));
        const text = plain
          .map(
            ([n, l, v]) =>
              `vllm:${n}{${Object.entries(l)
                .map(([k, x]) => `${k}="${escape(x)}"`)
                .join(',')}} ${v}\n`,
          )
          .join('');
        const read = readStrictly(relabelEngineMetrics(text, 'w')).flatMap((family) => family.series);
        const expected = plain.map(([n, l, v]) => [`memagent_engine_vllm_${n}`, { ...l, worker: 'w' }, v]);
        assert.equal(read.length, expected.length);
        for (const [n, l, v] of expected) {
          assert.ok(
            read.some((one) => {
              const same = Object.entries(l as Record<string, string>).every(([k, x]) => one.labels[k] === x);
              return one.name === n && same && (one.value === v || (v === 0 && one.value === 0));
            }),
          );
        }
      },
    ),
  );
});

test('fetched: text, none where there is none, and an error that says so', async () => {
  let status = 200;
  await using engine = await startHttpStandIn((_request, response) => response.writeHead(status).end(VLLM));
  const options = { timeoutMs: 10_000, signal: new AbortController().signal };
  assert.equal(await fetchEngineMetrics(engine, options), VLLM);
  assert.equal(engine.seen[0]?.url, '/metrics');
  for (status of [404, 405, 501]) assert.equal(await fetchEngineMetrics(engine, options), '');
  status = 500;
  await assert.rejects(fetchEngineMetrics(engine, options), { code: 'WORKER_FAILED' });
  status = 200;
  await fetchEngineMetrics(engine, { ...options, apiKey: 'k' });
  assert.equal(engine.seen.at(-1)?.headers.authorization, 'Bearer k');
});
