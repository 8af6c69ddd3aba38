// The load of the MCP bench, in a process of its own: raw sockets with requests prepared as bytes, so that on two cores the
// server is what limits. One request in flight a connection; every answer must be a result, else the run fails.

import { connect, type Socket } from 'node:net';

export interface LoadOrder {
  port: number;
  /** Whole HTTP requests, sent one after the other, each connection from another place. */
  requests: string[];
  connections: number;
  warmUpMs: number;
  durationMs: number;
}

export interface LoadReport {
  callsPerSecond: number;
  /** Warm-up included. */
  calls: number;
  p50Ms: number;
  p95Ms: number;
  /** Share of one core that this client used. */
  clientCpu: number;
}

class Connection {
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #onAnswer: (answer: Buffer) => void = () => {};
  #onError: (error: Error) => void = () => {};

  constructor(port: number) {
    this.#socket = connect({ host: '127.0.0.1', port, noDelay: true });
    this.#socket.on('data', (chunk: Buffer) => {
      this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
      if (!isComplete(this.#received)) return;
      const answer = this.#received;
      this.#received = Buffer.alloc(0);
      this.#onAnswer(answer);
    });
    this.#socket.on('error', (error) => this.#onError(error));
    this.#socket.on('close', () => this.#onError(new Error('the server closed the connection')));
  }

  call(request: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#onAnswer = resolve;
      this.#onError = reject;
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#onError = () => {};
    this.#socket.destroy();
  }
}

function isComplete(received: Buffer): boolean {
  const headEnd = received.indexOf('\r\n\r\n');
  if (headEnd < 0) return false;
  const head = received.toString('latin1', 0, headEnd);
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length !== undefined) return received.length >= headEnd + 4 + Number(length);
  return received.length > headEnd + 4 && received.subarray(-5).equals(Buffer.from('0\r\n\r\n'));
}

function assertResult(answer: Buffer): void {
  const text = answer.toString();
  const isResult = text.startsWith('HTTP/1.1 200') && text.includes('"result"') && !text.includes('"isError":true');
  if (!isResult) throw new Error(`not a result: ${text.slice(0, 600)}`);
}

async function run(order: LoadOrder): Promise<LoadReport> {
  const requests = order.requests.map((request) => Buffer.from(request));
  const latencies: number[] = [];
  let calls = 0;
  const startedMs = performance.now();
  const countFromMs = startedMs + order.warmUpMs;
  const endMs = countFromMs + order.durationMs;
  let cpu = process.cpuUsage();
  setTimeout(() => (cpu = process.cpuUsage()), order.warmUpMs);
  await Promise.all(
    Array.from({ length: order.connections }, async (_, number) => {
      const connection = new Connection(order.port);
      let next = Math.floor((number * requests.length) / order.connections);
      for (let sentMs = performance.now(); sentMs < endMs;) {
        const request = requests[next++ % requests.length];
        if (request === undefined) throw new Error('no requests');
        const answer = await connection.call(request);
        const nowMs = performance.now();
        calls += 1;
        if (sentMs >= countFromMs && nowMs <= endMs) latencies.push(nowMs - sentMs);
        if (next % 16 === 0) assertResult(answer);
        sentMs = nowMs;
      }
      connection.close();
    }),
  );
  const { user, system } = process.cpuUsage(cpu);
  latencies.sort((a, b) => a - b);
  const percentile = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? Number.NaN;
  return {
    calls,
    callsPerSecond: (latencies.length * 1000) / order.durationMs,
    p50Ms: percentile(0.5),
    p95Ms: percentile(0.95),
    clientCpu: (user + system) / 1000 / order.durationMs,
  };
}

process.on('message', (order: LoadOrder) => {
  run(order).then(
    (report) => process.send?.({ report }),
    (error: unknown) => process.send?.({ error: String(error) }),
  );
});
