// Lines as the engines really write them, and properties over any text.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cleanText, parseLogLine } from '../../../src/worker/log-line.ts';
import type { LogLevel } from '../../../src/worker/log-line.ts';
import { cpuMsOf } from './cpu-time.ts';

const CASES: [string, LogLevel, string, string][] = [
  ['INFO 11-24 17:50:12 [core.py:123] text', 'info', 'vllm.core', 'text'],
  ['INFO 11-24 17:50:12 [v1/engine/core.py:123] a: b', 'info', 'vllm.v1.engine.core', 'a: b'],
  ['DEBUG 11-24 17:50:12 [model_executor/.../utils/fp8.py:1] x', 'debug', 'vllm.model_executor.utils.fp8', 'x'],
  ['(VllmWorker rank=0 pid=12) INFO 11-24 17:50:12 [x.py:1] y', 'info', 'vllm.VllmWorker.x', 'y'],
  [
    '{"severity_text":"FATAL","severity_number":21,"body":"dead","logger":"vllm.engine"}',
    'error',
    'vllm.engine',
    'dead',
  ],
  ['WARNING 07-01 12:00:00 api_server.py:9] old', 'warn', 'vllm.api_server', 'old'],
  ['DEBUG 11-24 17:50:12 [core.py:123] x', 'debug', 'vllm.core', 'x'],
  [
    '(EngineCore_DP0 pid=1) WARNING 11-24 17:50:12 [topk_topp_sampler.py:7] slow',
    'warn',
    'vllm.EngineCore_DP0.topk_topp_sampler',
    'slow',
  ],
  [
    '(APIServer pid=77) INFO:     Started server process [77]',
    'info',
    'vllm.APIServer.uvicorn',
    'Started server process [77]',
  ],
  ['(EngineCore_DP0 pid=1) Process EngineCore_DP0:', 'info', 'vllm.EngineCore_DP0', 'Process EngineCore_DP0:'],
  [
    'INFO:     127.0.0.1:57512 - "POST /v1/chat/completions HTTP/1.1" 200 OK',
    'info',
    'uvicorn',
    '127.0.0.1:57512 - "POST /v1/chat/completions HTTP/1.1" 200 OK',
  ],
  ['ERROR:    Exception in ASGI application', 'error', 'uvicorn', 'Exception in ASGI application'],
  ['CRITICAL: out', 'error', '', 'CRITICAL: out'],
  ['WARNING:root:careful', 'warn', 'root', 'careful'],
  ['ERROR:asyncio:Task exception was never retrieved', 'error', 'asyncio', 'Task exception was never retrieved'],
  ['2025-11-24 17:50:12,123 - INFO - Starting httpd at 127.0.0.1', 'info', '', 'Starting httpd at 127.0.0.1'],
  ['2025-11-24 17:50:12,123 - mlx_lm.server - DEBUG - Incoming', 'debug', 'mlx_lm.server', 'Incoming'],
  ['2025-11-24T17:50:12.123Z ERROR it broke', 'error', '', 'it broke'],
  ['[2025-11-24 17:50:12][INFO] [LM STUDIO SERVER] Success', 'info', '', '[LM STUDIO SERVER] Success'],
  ['127.0.0.1 - - [24/Nov/2025 17:50:12] "POST /v1/chat/completions HTTP/1.1" 200 -', 'info', 'http.server', ''],
  ['127.0.0.1 - - [24/Nov/2025 17:50:12] "GET /v1/models HTTP/1.1" 500 -', 'warn', 'http.server', ''],
  ['srv  update_slots: all slots are idle', 'info', 'llama.srv', ''],
  ['slot launch_slot_: id  0 | task 0 | processing task', 'info', 'llama.slot', ''],
  ['llama_model_load: error loading model: no file', 'error', 'llama.llama_model_load', ''],
  ['main: server is listening on http://127.0.0.1:8080', 'info', 'llama.main', ''],
  ['0.01.234.567 W srv  init: no slot', 'warn', 'llama.srv', 'srv  init: no slot'],
  ['ggml_cuda_init: found 1 CUDA devices:', 'info', 'llama.ggml_cuda_init', ''],
  ['{"levelname":"WARNING","name":"vllm.core","message":"slow\\u001b[31m"}', 'warn', 'vllm.core', 'slow'],
  ['{"level":50,"msg":"down","time":1}', 'error', '', 'down'],
  ['{"level":"info","msg":"a","logger":"x y","exc_info":"Traceback"}', 'info', 'x_y', 'a\nTraceback'],
  ['{"level":"__proto__","msg":"a"}', 'info', '', 'a'],
  ['{"a":1}', 'info', '', '{"a":1}'],
  ['{not json', 'info', '', '{not json'],
  ['/usr/lib/x.py:12: FutureWarning: old', 'warn', 'python', ''],
  ['torch.OutOfMemoryError: CUDA out of memory.', 'error', '', ''],
  ['KeyboardInterrupt', 'error', '', ''],
  ['Traceback (most recent call last):', 'error', '', ''],
  ['error: unknown argument: --foo', 'error', '', ''],
  ['Loading safetensors checkpoint shards:  50% Completed | 1/2 [00:01<00:01,  1.2s/it]', 'info', '', ''],
  [
    'Loading shards:  50% Completed | 1/2 [00:01<00:01,  1.2s/it]INFO 11-24 17:50:12 [core.py:1] x',
    'info',
    'vllm.core',
    'x',
  ],
  [
    'A:  40%|####      | 2/5 [00:01<?, ?it/s](EngineCore_DP0 pid=1) ERROR 11-24 17:50:12 [core.py:1] y',
    'error',
    'vllm.EngineCore_DP0.core',
    'y',
  ],
  ['A:  40%|####      | 2/5 [00:01<?, ?it/s](see above)', 'info', '', ''],
  ['I think, therefore I log: error free', 'info', '', ''],
  [
    '\u001b[1;36m(EngineCore_DP0 pid=9)\u001b[0;0m INFO 11-24 17:50:12 [core.py:1] x',
    'info',
    'vllm.EngineCore_DP0.core',
    'x',
  ],
  ['', 'info', '', ''],
];

test('lines of every engine', () => {
  for (const [raw, level, source, text] of CASES) {
    const parsed = parseLogLine(raw);
    assert.deepEqual({ level: parsed.level, source: parsed.source }, { level, source }, raw);
    assert.equal(parsed.text, text === '' ? raw : text, raw);
  }
});

test('leading blanks stay: they tell a traceback from a new line', () => {
  assert.equal(parseLogLine('ERROR 11-24 17:50:12 [core.py:1]   File "x", line 1').text, '  File "x", line 1');
  assert.equal(parseLogLine('(EngineCore_DP0 pid=1)   File "x", line 1').text, '  File "x", line 1');
});

test('escape sequences, control characters and turned writing are taken out', () => {
  const dirty =
    '\u001b[31mred\u001b[0m \u001b]0;title\u0007a\u001b]8;;http://x\u001b\\b \u009b1mc\u0000\u0007\b\u202ed\u2066e\u001bMf\u001b(Bg\u001b[';
  assert.equal(cleanText(dirty), 'red ab cdefg');
  assert.equal(cleanText('a\tb\nc'), 'a\tb\nc');
  assert.equal(cleanText('a\ud800b'), 'a\ufffdb');
});

const piece = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.constantFrom('\u001b[', '\u001b]', '\u009b', '\u0007', 'INFO ', '11-24 17:50:12 ', '[core.py:1] ', '(A pid=1) '),
  fc.constantFrom(
    'INFO:     ',
    'ERROR:root:',
    '2025-11-24 17:50:12,123 - ',
    '{"level":',
    '"msg":"',
    '"}',
    '0.01.234.567 I ',
  ),
);
const anyLine = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''));

test('any text: parsed, clean, bounded', () => {
  fc.assert(
    fc.property(anyLine, (raw) => {
      const { level, source, text } = parseLogLine(raw);
      assert.ok(['debug', 'info', 'warn', 'error'].includes(level));
      assert.ok(source.length <= 64);
      for (const part of [source, text]) {
        assert.ok(part.isWellFormed());
        for (const character of part) {
          const code = character.codePointAt(0) ?? 0;
          const isControl = (code < 32 && character !== '\t' && character !== '\n') || (code >= 127 && code < 160);
          assert.ok(!isControl, `control character ${code}`);
        }
        assert.ok(!/[\u202a-\u202e\u2066-\u2069]/.test(part));
      }
    }),
    { numRuns: 2000 },
  );
});

test('any plain text behind a mark comes back whole', () => {
  const text = fc.stringMatching(/^[a-zA-Z<][\p{L}\p{N} .,:;()'-]{0,80}$/u);
  fc.assert(
    fc.property(text, (plain) => {
      assert.equal(parseLogLine(`INFO 11-24 17:50:12 [core.py:123] ${plain}`).text, plain);
      assert.equal(parseLogLine(`(X pid=2) WARNING 11-24 17:50:12 [a/b.py:1] ${plain}`).text, plain);
      assert.equal(parseLogLine(`INFO:     ${plain}`).text, plain);
      assert.equal(parseLogLine(JSON.stringify({ level: 'info', msg: plain })).text, plain);
    }),
  );
});

test('lines made to be slow are not', () => {
  const worst = [
    '\u001b]'.repeat(50_000),
    '\u001b['.repeat(50_000),
    `\u001b]${'a'.repeat(100_000)}`,
    `(${'a'.repeat(100_000)}`,
    `INFO 11-24 17:50:12 [${'a/'.repeat(50_000)}`,
    '2025-11-24 17:50:12 '.repeat(5000),
    `2025-11-24 17:50:12 ${'a.'.repeat(50_000)}`,
    `${'a.'.repeat(50_000)}Error`,
    `${'a '.repeat(50_000)}: error`,
    `127.0.0.1 - - [${'a'.repeat(100_000)}`,
    `{${'"a":{'.repeat(20_000)}`,
    '1% ['.repeat(25_000),
    `${'1'.repeat(100_000)}%`,
    ':1'.repeat(50_000),
  ];
  for (const raw of worst) {
    const tookMs = cpuMsOf(() => parseLogLine(raw));
    assert.ok(tookMs < 500, `${JSON.stringify(raw.slice(0, 20))}: ${tookMs} ms`);
  }
});
