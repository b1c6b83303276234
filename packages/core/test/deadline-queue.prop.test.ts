import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type DeadlineBucket, type DeadlineNode, DeadlineQueue } from '../src/authoring.ts';
import type { Clock, Timer } from '../src/index.ts';

interface Pending {
  readonly at: number;
  readonly fn: () => void;
  isRef: boolean;
}

/** A clock whose timers fire when the test says, as early or late as it says. */
class LooseClock implements Clock {
  time = 0;
  readonly pending = new Set<Pending>();
  started = 0;

  now(): number {
    return this.time;
  }

  wall(): number {
    return 0;
  }

  setTimeout(fn: () => void, ms: number): Timer {
    const timer: Pending = { at: this.time + ms, fn, isRef: true };
    this.pending.add(timer);
    this.started += 1;
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
  queueBucket: DeadlineBucket | undefined = undefined;
  readonly expiresAt: number;
  readonly expire: () => void;

  constructor(expiresAt: number, expire: (node: Node) => void) {
    this.expiresAt = expiresAt;
    this.expire = () => expire(this);
  }
}

/** What a test or an expiring node does with the queue. */
type Deed =
  | { readonly add: number; readonly then: readonly Deed[] }
  | { readonly remove: number }
  | { readonly removeAfter: number };
type Step = Deed | { readonly pass: number };

/** Mostly in order, nearly in order, or anything at all, of which much is equal. */
const duration = fc.oneof(
  fc.constant(50),
  fc.integer({ min: 45, max: 55 }),
  fc.integer({ min: 0, max: 2_000 }),
  fc.double({ min: 0, max: 200, noNaN: true }),
  fc.double({ min: 0, max: 1e10, noNaN: true }),
);
const { deed } = fc.letrec<{ deed: Deed }>((tie) => ({
  deed: fc.oneof(
    { depthSize: 'small' },
    { arbitrary: fc.record({ remove: fc.nat() }), weight: 20 },
    {
      arbitrary: fc.record({ removeAfter: fc.integer({ min: 0, max: 100 }) }),
      weight: 1,
    },
    {
      arbitrary: fc.record({ add: duration, then: fc.array(tie('deed'), { maxLength: 3 }) }),
      weight: 50,
    },
  ),
}));
const step: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: deed, weight: 60 },
  { arbitrary: fc.record({ pass: fc.double({ min: 0, max: 20, noNaN: true }) }), weight: 10 },
  { arbitrary: fc.record({ pass: fc.double({ min: 0, max: 1e9, noNaN: true }) }), weight: 1 },
);

/** The queue next to an unordered set that stands for what it should hold. */
class Model {
  readonly clock = new LooseClock();
  readonly queue: DeadlineQueue;
  readonly waiting = new Set<Node>();
  readonly #onExpire: (node: Node) => void;

  constructor(unref: boolean, onExpire: (node: Node) => void) {
    this.#onExpire = onExpire;
    this.queue = new DeadlineQueue(this.clock, { unref });
  }

  get earliest(): number {
    return Math.min(...Array.from(this.waiting, (node) => node.expiresAt));
  }

  perform(step: Step): void {
    if ('pass' in step) this.pass(step.pass);
    else if ('add' in step) this.#add(step.add, step.then);
    else if ('remove' in step) {
      this.#remove([...this.waiting][step.remove % Math.max(1, this.waiting.size)]);
    } else {
      const until = this.clock.time + step.removeAfter;
      for (const node of this.waiting) if (node.expiresAt > until) this.#remove(node);
    }
  }

  pass(ms: number): void {
    this.clock.time += ms;
    this.clock.fire();
  }

  #add(ms: number, then: readonly Deed[]): void {
    const node = new Node(this.clock.time + ms, () => {
      this.#onExpire(node);
      this.waiting.delete(node);
      for (const next of then) this.perform(next);
    });
    this.waiting.add(node);
    this.queue.add(node);
  }

  #remove(node: Node | undefined): void {
    if (node === undefined) return;
    this.waiting.delete(node);
    this.queue.remove(node);
    this.queue.remove(node);
  }
}

test('expires in order to the millisecond, never early, never twice, never what was removed, and only waiting nodes keep the process alive', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: 'max' }), fc.boolean(), (steps, unref) => {
      const model = new Model(unref, (node) => {
        expect(model.clock.time).toBeGreaterThanOrEqual(node.expiresAt);
        expect(model.waiting).toContain(node);
        expect(node.expiresAt).toBeLessThanOrEqual(Math.ceil(model.earliest));
      });
      for (const one of steps) {
        model.perform(one);
        expect(model.clock.keepsAlive).toBe(!unref && model.waiting.size > 0);
        expect(model.clock.pending.size).toBeLessThanOrEqual(1);
        // A moment and a delay are rounded up to whole milliseconds, and after a stall the loop runs once more.
        if ('pass' in one) {
          model.pass(0);
          expect(model.earliest).toBeGreaterThan(model.clock.time - 2.001);
        }
      }
      for (let i = 0; i < 20_000 && model.waiting.size > 0; i++) {
        model.pass(Math.max(1, model.earliest - model.clock.time));
      }
      expect(model.waiting.size).toBe(0);
      expect(model.clock.keepsAlive).toBe(false);
    }),
    { numRuns: 500 },
  );
});

test('a thousand nodes in any order expire in order, whichever of them leave before', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 700 }), { minLength: 1_000, maxLength: 1_000 }),
      fc.array(fc.nat(999), { maxLength: 900 }),
      (moments, leavers) => {
        const clock = new LooseClock();
        const queue = new DeadlineQueue(clock);
        const expired: number[] = [];
        const nodes = moments.map((at) => new Node(at, () => expired.push(at)));
        for (const node of nodes) queue.add(node);
        const left = new Set(leavers);
        for (const index of leavers) queue.remove(at(nodes, index));
        clock.time = 700;
        clock.fire();
        clock.fire();
        expect(expired).toEqual(
          moments.filter((_, index) => !left.has(index)).toSorted((a, b) => a - b),
        );
      },
    ),
    { numRuns: 20 },
  );
});

test('what is added while many expire costs one timer, however much it is', () => {
  const clock = new LooseClock();
  const queue = new DeadlineQueue(clock);
  for (let i = 0; i < 100; i++) {
    queue.add(new Node(10, () => queue.add(new Node(1_000 - i, () => {}))));
  }
  clock.time = 10;
  const before = clock.started;
  clock.fire();
  expect(clock.started - before).toBe(1);
  expect(clock.pending.size).toBe(1);
});

test('an expiry that throws does not keep the others from theirs', () => {
  const clock = new LooseClock();
  const queue = new DeadlineQueue(clock);
  const expired: string[] = [];
  queue.add(
    new Node(10, () => {
      throw new Error('from expire');
    }),
  );
  queue.add(new Node(10, () => expired.push('second')));
  clock.time = 10;
  expect(() => clock.fire()).toThrow('from expire');
  clock.fire();
  expect(expired).toEqual(['second']);
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

function at(nodes: readonly Node[], index: number): Node {
  const node = nodes[index];
  if (node === undefined) throw new RangeError(`no node ${index}`);
  return node;
}
