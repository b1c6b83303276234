import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type DeadlineNode, DeadlineQueue } from '../src/authoring.ts';
import type { Clock, Timer } from '../src/index.ts';

interface Pending {
  readonly at: number;
  readonly fn: () => void;
  isRef: boolean;
}

/** A clock whose one timer fires when the test says, as early or late as it says. */
class LooseClock implements Clock {
  time = 0;
  readonly pending = new Set<Pending>();

  now(): number {
    return this.time;
  }

  wall(): number {
    return 0;
  }

  setTimeout(fn: () => void, ms: number): Timer {
    const timer: Pending = { at: this.time + ms, fn, isRef: true };
    this.pending.add(timer);
    return {
      cancel: () => void this.pending.delete(timer),
      ref: () => void (timer.isRef = true),
      unref: () => void (timer.isRef = false),
    };
  }

  /** Fires what is due, up to 0.9 ms early as Node may. */
  fire(): void {
    for (const timer of [...this.pending]) {
      if (timer.at <= this.time + 0.9 && this.pending.delete(timer)) timer.fn();
    }
  }

  get keepsAlive(): boolean {
    return [...this.pending].some((timer) => timer.isRef);
  }
}

class Node implements DeadlineNode {
  queueNext: DeadlineNode | undefined = undefined;
  queuePrevious: DeadlineNode | undefined = undefined;
  readonly expiresAt: number;
  readonly expire: () => void;

  constructor(expiresAt: number, expire: (node: Node) => void) {
    this.expiresAt = expiresAt;
    this.expire = () => expire(this);
  }
}

const step = fc.oneof(
  fc.record({ add: fc.integer({ min: 1, max: 100 }) }),
  fc.record({ remove: fc.nat() }),
  fc.record({ pass: fc.double({ min: 0, max: 20, noNaN: true }) }),
);

test('expires in order, never early, never twice, never what was removed, and only waiting nodes keep the process alive', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), fc.boolean(), (steps, unref) => {
      const clock = new LooseClock();
      const queue = new DeadlineQueue(clock, { unref });
      let waiting: Node[] = [];
      const expired: number[] = [];
      const onExpire = (node: Node): void => {
        expect(clock.time).toBeGreaterThanOrEqual(node.expiresAt);
        expect(waiting).toContain(node);
        expect(Math.min(...waiting.map((other) => other.expiresAt))).toBe(node.expiresAt);
        waiting = waiting.filter((other) => other !== node);
        expired.push(node.expiresAt);
      };
      const pass = (ms: number): void => {
        clock.time += ms;
        clock.fire();
      };
      for (const one of steps) {
        if ('add' in one) {
          const node = new Node(clock.time + one.add, onExpire);
          waiting.push(node);
          queue.add(node);
        } else if ('remove' in one) {
          const node = waiting[one.remove % Math.max(1, waiting.length)];
          if (node === undefined) continue;
          waiting = waiting.filter((other) => other !== node);
          queue.remove(node);
          queue.remove(node);
        } else pass(one.pass);
        expect(clock.keepsAlive).toBe(!unref && waiting.length > 0);
        expect(clock.pending.size).toBeLessThanOrEqual(1);
      }
      for (let i = 0; i < 300 && waiting.length > 0; i++) pass(1);
      expect(waiting).toEqual([]);
    }),
    { numRuns: 500 },
  );
});

test('after a blocked event loop, what answers meanwhile is spared: the loop runs once before anything expires', () => {
  const clock = new LooseClock();
  const queue = new DeadlineQueue(clock);
  const expired: string[] = [];
  const answered = new Node(10, () => expired.push('answered'));
  queue.add(answered);
  queue.add(new Node(12, () => expired.push('silent')));
  clock.time = 500;
  clock.fire();
  expect(expired).toEqual([]);
  queue.remove(answered);
  clock.time = 501;
  clock.fire();
  expect(expired).toEqual(['silent']);
  // Each stall is spared anew, also one that left the queue empty.
  const again = new Node(510, () => expired.push('again'));
  queue.add(again);
  clock.time = 900;
  clock.fire();
  queue.remove(again);
  clock.time = 901;
  clock.fire();
  queue.add(new Node(910, () => expired.push('last')));
  clock.time = 1_500;
  clock.fire();
  expect(expired).toEqual(['silent']);
  clock.time = 1_501;
  clock.fire();
  expect(expired).toEqual(['silent', 'last']);
});

test('a node may be added and removed while another expires', () => {
  const clock = new LooseClock();
  const queue = new DeadlineQueue(clock);
  const expired: string[] = [];
  const victim = new Node(10, () => expired.push('victim'));
  queue.add(
    new Node(10, () => {
      expired.push('first');
      queue.remove(victim);
      queue.add(new Node(12, () => expired.push('new')));
    }),
  );
  queue.add(victim);
  clock.time = 10;
  clock.fire();
  clock.time = 12;
  clock.fire();
  expect(expired).toEqual(['first', 'new']);
  expect(clock.keepsAlive).toBe(false);
});
