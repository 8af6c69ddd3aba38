// The log of an engine: lines put together from any pieces, tracebacks kept whole, a bounded ring and a limited stream.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { redactSecrets } from '../../../src/telemetry/redact-secrets.ts';
import { createWorkerLog } from '../../../src/worker/worker-log.ts';
import type { WorkerLog, WorkerLogOptions } from '../../../src/worker/worker-log.ts';
import type { WorkerLogLine } from '../../../src/worker/worker.ts';
import { cpuMsOf } from './cpu-time.ts';
import { TurnedClock } from './turned-clock.ts';

function openLog(options: Partial<WorkerLogOptions> = {}): {
  log: WorkerLog;
  clock: TurnedClock;
  sent: WorkerLogLine[];
} {
  const clock = new TurnedClock();
  const sent: WorkerLogLine[] = [];
  const log = createWorkerLog({
    capacity: 100,
    linesPerSecond: 1000,
    clock,
    onLine: (line) => void sent.push(line),
    ...options,
  });
  return { log, clock, sent };
}

const texts = (lines: readonly WorkerLogLine[]): string[] => lines.map(({ text }) => text);

test('a line as the daemon gets it', () => {
  const { log, clock, sent } = openLog();
  log.write('stderr', '(EngineCore_DP0 pid=1) WARNING 11-24 17:50:12 [core.py:1] slow\n');
  assert.deepEqual(sent, [
    {
      seq: 1,
      timeIso: new Date(clock.nowMs()).toISOString(),
      stream: 'stderr',
      level: 'warn',
      source: 'vllm.EngineCore_DP0.core',
      text: 'slow',
    },
  ]);
  assert.deepEqual(log.tail(10), sent);
  assert.equal(log.lastLineMs(), clock.monotonicMs());
});

test('characters and line ends split between pieces; the two streams apart', () => {
  const { log } = openLog();
  const bytes = Buffer.from('grün\r\nzwei\n');
  for (const byte of bytes) {
    log.write('stdout', Buffer.from([byte]));
    log.write('stderr', 'e');
  }
  log.write('stdout', '\n\n');
  assert.deepEqual(texts(log.tail(10)), ['grün', 'zwei']);
  log.write('stdout', 'Killed');
  log.end();
  assert.deepEqual(texts(log.tail(10)), ['grün', 'zwei', 'Killed', 'e'.repeat(bytes.length)]);
  log.end();
  assert.equal(log.tail(10).length, 4);
});

test('a bar that redraws itself is a line now and then, and a sign of life always', () => {
  const { log, clock } = openLog();
  for (let percent = 0; percent <= 100; percent++) {
    clock.forward(100);
    log.write('stderr', `\rLoading: ${percent}%`);
    assert.equal(log.lastLineMs(), clock.monotonicMs());
  }
  log.write('stderr', '\nready\n');
  assert.deepEqual(texts(log.tail(10)), ['Loading: 0%', 'Loading: 50%', 'Loading: 100%', 'ready']);
});

const TRACEBACK = [
  'Traceback (most recent call last):',
  '  File "/x/core.py", line 12, in run',
  '    self.step()',
  '',
  'torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB',
];

test('a traceback is one line, bare or behind marks, and what follows is its own', () => {
  const marks = [
    '',
    '(EngineCore_DP0 pid=1) ',
    'ERROR 11-24 17:50:12 [core.py:77] ',
    '(EngineCore_DP0 pid=1) ERROR 11-24 17:50:12 [core.py:77] ',
  ];
  for (const mark of marks) {
    const { log, sent } = openLog();
    log.write(
      'stderr',
      `${[...TRACEBACK, ...TRACEBACK].map((line) => mark + line).join('\n')}\nINFO:     Shutting down\n`,
    );
    assert.deepEqual(texts(sent), [TRACEBACK.join('\n'), TRACEBACK.join('\n'), 'Shutting down'], mark);
    assert.equal(sent[0]?.level, 'error');
  }
  const { log, sent } = openLog();
  log.write('stderr', `ERROR:    ${TRACEBACK.join('\n')}\nnext\n`);
  assert.deepEqual(texts(sent), [TRACEBACK.join('\n'), 'next']);
  assert.equal(sent[0]?.source, 'uvicorn');
});

test('another process in between ends a traceback; an unfinished one is seen and kept', () => {
  const { log, sent } = openLog();
  log.write(
    'stderr',
    '(A pid=1) Traceback (most recent call last):\n(A pid=1)   File "x"\n(B pid=2) INFO:     hello\n',
  );
  assert.deepEqual(texts(sent), ['Traceback (most recent call last):\n  File "x"', 'hello']);
  log.write('stderr', 'Traceback (most recent call last):\n  File "y"\n');
  assert.equal(texts(log.tail(1))[0], 'Traceback (most recent call last):\n  File "y"');
  assert.equal(sent.length, 2);
  log.end();
  assert.equal(texts(sent)[2], 'Traceback (most recent call last):\n  File "y"');
});

test('an endless traceback and an endless line stay bounded, first and last kept', () => {
  const { log } = openLog();
  log.write('stderr', 'Traceback (most recent call last):\n');
  for (let frame = 0; frame < 5000; frame++) log.write('stderr', `  File "frame ${frame}" ${'x'.repeat(1000)}\n`);
  log.write('stderr', 'RecursionError: too deep\n');
  const [line] = log.tail(1);
  assert.ok((line?.text.length ?? Infinity) <= 24_000);
  assert.match(line?.text ?? '', /frame 0"[^]*4902 lines left out[^]*frame 4999"[^]*RecursionError: too deep$/);
  for (let index = 0; index < 1000; index++) log.write('stdout', 'y'.repeat(65_536));
  log.write('stdout', '\nafter\n');
  const [long, after] = log.tail(2);
  assert.equal(long?.text, `${'y'.repeat(4095)}…`);
  assert.equal(after?.text, 'after');
});

test('the ring keeps the newest; a note is never left out', () => {
  const { log, sent } = openLog({ capacity: 5, linesPerSecond: 2 });
  log.write('stdout', 'a\nb\nc\nd\ne\nf\n');
  log.note('warn', 'killed\u001b[31m');
  assert.deepEqual(texts(log.tail(99)), ['c', 'd', 'e', 'f', 'killed']);
  assert.deepEqual(texts(log.tail(2)), ['f', 'killed']);
  assert.deepEqual(log.tail(0), []);
  assert.deepEqual(texts(sent), ['a', 'b', '4 lines left out', 'killed']);
  assert.deepEqual(
    log.tail(9).map(({ seq, stream }) => `${seq} ${stream}`),
    ['3 stdout', '4 stdout', '5 stdout', '6 stdout', '7 supervisor'],
  );
});

test('at most so many lines a second, then one that tells how many were left out', () => {
  const { log, clock, sent } = openLog({ linesPerSecond: 10 });
  for (let second = 0; second < 3; second++) {
    for (let line = 0; line < 1000; line++) log.write('stdout', `${second} ${line}\n`);
    clock.forward(1000);
  }
  log.write('stdout', 'calm\n');
  assert.equal(sent.length, 34);
  assert.deepEqual(
    texts(sent).filter((text) => text.includes('left out')),
    Array(3).fill('990 lines left out'),
  );
  assert.equal(sent.at(-1)?.text, 'calm');
  const seqs = sent.map(({ seq }) => seq);
  assert.deepEqual(
    seqs,
    [...new Set(seqs)].toSorted((a, b) => a - b),
    'numbers only grow',
  );
});

test('what was left out is told even when nothing follows', async () => {
  const { log, sent } = openLog({ linesPerSecond: 1 });
  log.write('stdout', 'a\nb\nc\n');
  const deadline = Date.now() + 20_000;
  while (sent.length < 2 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(texts(sent), ['a', '2 lines left out']);
});

test('followers: until they leave, and one that throws harms nobody', () => {
  const { log, sent } = openLog();
  const followed: string[] = [];
  let thrown = 0;
  const leave = log.follow(({ text }) => void followed.push(text));
  log.follow(() => {
    thrown++;
    throw new Error('closed');
  });
  log.write('stdout', 'a\n');
  log.note('info', 'b');
  leave();
  leave();
  log.write('stdout', 'c\n');
  assert.deepEqual(followed, ['a', 'b']);
  assert.equal(thrown, 1);
  assert.deepEqual(texts(sent), ['a', 'b', 'c']);
});

const PIECES = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
  { weight: 3, arbitrary: fc.constantFrom('\n', '\r\n', '\r', '\n\n', '\r\r\n') },
  { weight: 2, arbitrary: fc.constantFrom(...TRACEBACK.map((line) => `${line}\n`)) },
  { weight: 1, arbitrary: fc.constantFrom('INFO:     x', '(A pid=1) ', '\u001b[31m') },
);

test('however the bytes are cut, the lines are the same', () => {
  fc.assert(
    fc.property(fc.array(PIECES, { maxLength: 20 }), fc.array(fc.nat(200), { maxLength: 10 }), (pieces, cuts) => {
      const bytes = Buffer.from(pieces.join(''));
      const whole = openLog();
      whole.log.write('stdout', bytes);
      whole.log.end();
      const cut = openLog();
      let from = 0;
      for (const at of [...cuts.toSorted((a, b) => a - b), bytes.length]) {
        cut.log.write('stdout', bytes.subarray(from, at));
        from = Math.min(at, bytes.length);
      }
      cut.log.end();
      assert.deepEqual(cut.log.tail(100), whole.log.tail(100));
      assert.deepEqual(cut.sent, whole.sent);
    }),
    { numRuns: 1000 },
  );
});

test('a planted key shows nowhere, in whatever form the line came', () => {
  const KEY = 'mema_client_0123456789abcdefghijABCDEFGHIJ0123456789abc000000';
  const around = fc.constantFrom(
    (key: string) => `INFO 11-24 17:50:12 [core.py:1] args: --api-key ${key}\n`,
    (key: string) => `{"level":"info","msg":"k ${key}","name":"${key}"}\n`,
    (key: string) => `${key}: ${key}\n`,
    (key: string) => `ERROR:${key}:x\n`,
    (key: string) => `${TRACEBACK.slice(0, 2).join('\n')}\n    f("${key}")\nValueError: ${key}\n`,
    (key: string) => `${'x '.repeat(2030)}${key}\n`,
    (key: string) => `${'x '.repeat(4090)}${key}\n`,
    (key: string) => `\r${key}\r${key}`,
    (key: string) => `\u001b[31m${key.slice(0, 20)}\u001b[0m${key.slice(20)}\n`,
  );
  fc.assert(
    fc.property(fc.array(around, { minLength: 1, maxLength: 6 }), fc.nat(100), (forms, size) => {
      const { log, sent } = openLog({ redact: redactSecrets, linesPerSecond: 3 });
      const text = forms.map((form) => form(KEY)).join('');
      for (let from = 0; from < text.length; from += size + 1) log.write('stderr', text.slice(from, from + size + 1));
      log.note('error', `could not start with ${KEY}`);
      log.end();
      assert.ok(!JSON.stringify([log.tail(100), sent]).includes(KEY.slice(0, 24)));
    }),
  );
});

test('the worker’s own key and tokens are taken out, whatever they look like', () => {
  const { log, sent } = openLog({ secrets: ['', 'short', 'hunter2!', 'hunter2!-and-more'], redact: redactSecrets });
  log.write('stderr', "INFO:     non-default args: {'api_key': ['hunter2!-and-more', 'hunter2!']} short\n");
  log.note('warn', 'with hunter2!');
  assert.deepEqual(texts(sent), [
    "non-default args: {'api_key': ['[redacted]', '[redacted]']} short",
    'with [redacted]',
  ]);
});

test('a flood costs little: a hundred thousand lines in well under the time they stand for', () => {
  const { log, clock, sent } = openLog({ capacity: 1000, linesPerSecond: 50, redact: redactSecrets });
  const line = '(EngineCore_DP0 pid=1) INFO 11-24 17:50:12 [loggers.py:1] Avg prompt throughput: 12.0 tokens/s\n';
  const chunk = Buffer.from(line.repeat(100));
  const tookMs = cpuMsOf(() => {
    for (let hundredth = 0; hundredth < 1000; hundredth++) {
      log.write('stderr', chunk);
      clock.forward(10);
    }
  });
  assert.ok(tookMs < 2000, `${tookMs} ms for 10 s of flood`);
  assert.equal(sent.length, 10 * 50 + 9);
  assert.equal(log.tail(1000).length, 1000);
});
