import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bulkhead } from '../src/index.ts';
import { type Gate, gate } from './gates.ts';

type Step =
  | { readonly do: 'call'; readonly priority: number }
  | { readonly do: 'end'; readonly which: number }
  | { readonly do: 'abort'; readonly which: number }
  | { readonly do: 'resize'; readonly to: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('call' as const),
      priority: fc.integer({ min: -1, max: 2 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('end' as const), which: fc.nat(50) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('abort' as const), which: fc.nat(50) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('resize' as const),
      to: fc.integer({ min: 1, max: 4 }),
    }),
  },
);

/** The same rules on plain arrays, searched from end to end. */
class NaiveBulkhead {
  running: number[] = [];
  waiting: { id: number; priority: number }[] = [];
  refused: number[] = [];
  started: number[] = [];
  limit: number;
  readonly maxQueue: number;
  readonly order: 'fifo' | 'lifo';

  constructor(limit: number, maxQueue: number, order: 'fifo' | 'lifo') {
    this.limit = limit;
    this.maxQueue = maxQueue;
    this.order = order;
  }

  call(id: number, priority: number): void {
    if (this.running.length < this.limit) this.#start(id);
    else if (this.waiting.length < this.maxQueue) this.waiting.push({ id, priority });
    else this.refused.push(id);
  }

  fill(): void {
    while (this.running.length < this.limit && this.waiting.length > 0) {
      const best = Math.max(...this.waiting.map((one) => one.priority));
      const candidates = this.waiting.filter((one) => one.priority === best);
      const next = this.order === 'fifo' ? candidates[0] : candidates.at(-1);
      if (next === undefined) return;
      this.waiting = this.waiting.filter((one) => one !== next);
      this.#start(next.id);
    }
  }

  #start(id: number): void {
    this.running.push(id);
    this.started.push(id);
  }
}

describe('bulkhead, against a naive model', () => {
  it('starts, refuses and drops the same calls in the same order', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 3 }),
        fc.nat(5),
        fc.constantFrom('fifo' as const, 'lifo' as const),
        fc.array(step, { maxLength: 60, size: 'max' }),
        async (maxConcurrent, maxQueue, order, steps) => {
          const model = new NaiveBulkhead(maxConcurrent, maxQueue, order);
          const policy = bulkhead({ maxConcurrent, maxQueue, order });
          const started: number[] = [];
          const refused: number[] = [];
          const work = new Map<
            number,
            { gate: Gate; controller: AbortController; call: Promise<unknown> }
          >();
          for (const [id, one] of steps.entries()) {
            if (one.do === 'call') {
              const own = gate();
              const controller = new AbortController();
              const call = policy
                .execute(
                  () => {
                    started.push(id);
                    return own.promise;
                  },
                  { signal: controller.signal, priority: one.priority },
                )
                .catch((error: { code?: string }) => {
                  if (error.code === 'ELIMITED') refused.push(id);
                });
              work.set(id, { gate: own, controller, call });
              model.call(id, one.priority);
            } else if (one.do === 'end') {
              const id = model.running[one.which % Math.max(1, model.running.length)];
              const ended = id === undefined ? undefined : work.get(id);
              if (ended === undefined) continue;
              ended.gate.resolve(undefined);
              await ended.call;
              model.running = model.running.filter((running) => running !== id);
              model.fill();
            } else if (one.do === 'abort') {
              const waiting = model.waiting[one.which % Math.max(1, model.waiting.length)];
              if (waiting === undefined) continue;
              work.get(waiting.id)?.controller.abort('gone');
              model.waiting = model.waiting.filter((other) => other !== waiting);
            } else {
              policy.resize(one.to);
              model.limit = one.to;
              model.fill();
            }
            const { gauges } = policy.snapshot();
            expect(gauges).toEqual({
              limit: model.limit,
              inFlight: model.running.length,
              queued: model.waiting.length,
            });
            expect(started).toEqual(model.started);
          }
          for (const { gate: own, controller } of work.values()) {
            own.resolve(undefined);
            controller.abort('end');
          }
          await Promise.all([...work.values()].map(({ call }) => call));
          expect(refused).toEqual(model.refused);
          const { counts, gauges } = policy.snapshot();
          expect(gauges).toMatchObject({ inFlight: 0, queued: 0 });
          expect(counts.admitted).toBe(started.length);
          expect(counts.rejected.full).toBe(refused.length);
        },
      ),
      { numRuns: 300 },
    );
  });
});
