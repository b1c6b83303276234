import { getEventListeners } from 'node:events';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type AbortNode, type SignalHub, joinHub } from '../src/internal/signal-hub.ts';

class Member implements AbortNode {
  hubNext: AbortNode | undefined = undefined;
  hubPrevious: AbortNode | undefined = undefined;
  hub: SignalHub | undefined;
  readonly heard: unknown[] = [];
  onAbort: () => void = () => {};

  parentAborted(reason: unknown): void {
    this.heard.push(reason);
    this.onAbort();
  }
}

test('whoever is in the hub at the abort hears it once, nobody else; one listener while anybody is in it', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.boolean(), fc.nat({ max: 9 })), { maxLength: 60 }),
      (steps) => {
        const caller = new AbortController();
        const members = Array.from({ length: 10 }, () => new Member());
        const inside = new Set<Member>();
        for (const [joins, i] of steps) {
          const member = members[i];
          if (member === undefined) continue;
          if (joins && !inside.has(member)) {
            member.hub = joinHub(caller.signal, member);
            inside.add(member);
          } else if (!joins) {
            member.hub?.leave(member);
            inside.delete(member);
          }
          expect(getEventListeners(caller.signal, 'abort')).toHaveLength(inside.size > 0 ? 1 : 0);
        }
        caller.abort('gone');
        for (const member of members)
          expect(member.heard).toEqual(inside.has(member) ? ['gone'] : []);
        expect(getEventListeners(caller.signal, 'abort')).toEqual([]);
      },
    ),
  );
});

test('a member may leave, and take others with it, while it is told', () => {
  const caller = new AbortController();
  const [a, b, c] = [new Member(), new Member(), new Member()];
  for (const member of [a, b, c]) member.hub = joinHub(caller.signal, member);
  c.onAbort = () => {
    c.hub?.leave(c);
    b.hub?.leave(b);
  };
  caller.abort('gone');
  expect([a.heard, b.heard, c.heard]).toEqual([['gone'], [], ['gone']]);
});
