import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { startRedis } from '@fournines/test-services';
import { Redis } from 'ioredis';
import { expect, test, vi } from 'vitest';
import { circuitBreaker, fleet } from '../src/index.ts';

interface News {
  readonly at: number;
  readonly to?: string;
  readonly reason?: string;
  readonly why?: string;
  readonly answer?: unknown;
}

/** A process of the fleet. */
class Worker implements AsyncDisposable {
  readonly news: News[] = [];
  readonly #process: ChildProcess;

  constructor(url: string, resetTimeout = 400) {
    const file = fileURLToPath(new URL('fleet-worker.ts', import.meta.url));
    this.#process = fork(file, [url, String(resetTimeout)], {
      execArgv: ['--conditions=@fournines/source'],
    });
    this.#process.on('message', (message: News) => {
      if (!('answer' in message)) this.news.push(message);
    });
  }

  async ask(command: string): Promise<unknown> {
    const answer = new Promise<unknown>((resolve) => {
      const listen = (message: News): void => {
        if (!('answer' in message)) return;
        this.#process.off('message', listen);
        resolve(message.answer);
      };
      this.#process.on('message', listen);
    });
    this.#process.send(command);
    return answer;
  }

  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process.kill(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const exit = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await exit;
  }
}

const until = <T>(check: () => Promise<T> | T): Promise<T> =>
  vi.waitFor(check, { timeout: 10_000, interval: 10 });
const connected = (worker: Worker): Promise<void> =>
  until(async () => expect(await worker.ask('connected')).toBe(true));
const last = (worker: Worker): News | undefined => worker.news.at(-1);

test('one process trips and the other knows within 100 ms; one probes; both close', async () => {
  await using server = await startRedis();
  await using first = new Worker(server.url);
  await using second = new Worker(server.url);
  await connected(first);
  await connected(second);
  await first.ask('fail');
  await first.ask('fail');
  await until(() => expect(last(second)?.to).toBe('open'));
  expect((last(second)?.at ?? Infinity) - (last(first)?.at ?? 0)).toBeLessThan(100);
  expect(last(second)).toMatchObject({
    reason: 'fleet',
    why: 'another process opened it: 2 failures in a row >= failureThreshold 2',
  });
  expect(await second.ask('call')).toBe('ECIRCUITOPEN');

  // Both want to probe: only the one with the lease does.
  await until(async () => {
    await Promise.all([first.ask('call'), second.ask('call')]);
    expect([await first.ask('state'), await second.ask('state')]).toEqual(['closed', 'closed']);
  });
  const probing = [first, second].filter((worker) =>
    worker.news.some(({ reason }) => reason === 'probing'),
  );
  expect(probing).toHaveLength(1);
  const other = probing[0] === first ? second : first;
  expect(last(other)).toMatchObject({ to: 'closed', reason: 'fleet' });
});

test('a process that starts later learns what is open, for the rest of the time', async () => {
  await using server = await startRedis();
  await using first = new Worker(server.url, 60_000);
  await connected(first);
  await first.ask('fail');
  await first.ask('fail');
  await using late = new Worker(server.url, 60_000);
  await connected(late);
  await until(() => expect(last(late)?.to).toBe('open'));
});

test('a process that was frozen hears of nothing that is over by then', async () => {
  await using server = await startRedis();
  await using first = new Worker(server.url, 60_000);
  await using second = new Worker(server.url, 60_000);
  await connected(first);
  await connected(second);
  second.signal('SIGSTOP');
  await first.ask('fail');
  await first.ask('fail');
  const openedAt = last(first)?.at ?? Infinity;
  // Longer than the deadline.
  await until(() => expect(Date.now() - openedAt).toBeGreaterThan(300));
  await first.ask('reset');
  second.signal('SIGCONT');
  await first.ask('fail');
  await first.ask('fail');
  await until(() => expect(last(second)?.to).toBe('open'));
  expect(second.news).toHaveLength(1);
});

test('Redis killed: both go on alone, and together again when it is back', async () => {
  await using server = await startRedis();
  await using first = new Worker(server.url);
  await using second = new Worker(server.url);
  await connected(first);
  await connected(second);
  await server.kill();
  await until(async () => expect(await first.ask('connected')).toBe(false));
  await first.ask('fail');
  await first.ask('fail');
  expect(await first.ask('state')).toBe('open');
  expect(await second.ask('call')).toBe('ok');
  await until(async () => {
    await first.ask('call');
    expect(await first.ask('state')).toBe('closed');
  });
  expect(await second.ask('state')).toBe('closed');
  expect(second.news).toEqual([]);
  await server.restart();
  await connected(first);
  await connected(second);
  await second.ask('fail');
  await second.ask('fail');
  await until(() => expect(last(first)).toMatchObject({ to: 'open', reason: 'fleet' }));
});

test('a call never waits for a Redis that hangs', async () => {
  await using server = await startRedis();
  const redis = new Redis(server.url);
  await using shared = fleet(redis, { deadline: 50 });
  const policy = circuitBreaker({ name: 'x', failureThreshold: 1, resetTimeout: 0, fleet: shared });
  await until(() => expect(shared.isConnected).toBe(true));
  server.hang();
  const begun = performance.now();
  const sick = Object.assign(new Error('down'), { code: 'ECONNREFUSED' });
  await policy.execute(() => Promise.reject(sick)).catch(() => {});
  await policy.execute(() => 'refused while it asks for the lease').catch(() => {});
  expect(performance.now() - begun).toBeLessThan(50);
  await until(async () => expect(await policy.execute(() => 'alone')).toBe('alone'));
  server.resume();
  redis.disconnect();
});

test('what is no message of a fleet is not heard', async () => {
  await using server = await startRedis();
  const redis = new Redis(server.url);
  await using shared = fleet(redis, { prefix: 'p' });
  const policy = circuitBreaker({ name: 'x', fleet: shared });
  await until(() => expect(shared.isConnected).toBe(true));
  const opening = {
    breakMs: 1_000,
    openings: 1,
    trip: { inequality: '', window: {}, failures: {} },
  };
  const at = Date.now();
  const nonsense = [
    'no json',
    'null',
    '[]',
    JSON.stringify({ by: 'me' }),
    JSON.stringify({ by: 'me', name: 'x', opening }),
    JSON.stringify({ by: 'me', name: 'x', at, opening: { ...opening, breakMs: 'long' } }),
    JSON.stringify({ by: 'me', name: 'y', at, opening }),
  ];
  for (const text of nonsense) await redis.publish('p', text);
  expect(policy.state).toBe('closed');
  await redis.publish('p', JSON.stringify({ by: 'me', name: 'x', at: Date.now(), opening }));
  await until(() => expect(policy.state).toBe('open'));
  redis.disconnect();
});
