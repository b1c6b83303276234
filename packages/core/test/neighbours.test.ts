import { noop } from 'cockatiel';
import { expect, test } from 'vitest';
import type { Stage } from '../src/authoring.ts';
import { compose } from '../src/index.ts';
import { probe } from './probe.ts';

/** A policy that keeps which stages its chain has further out and further in. */
function curious() {
  const seen: { outside: readonly Stage[]; inside: readonly Stage[] } = { outside: [], inside: [] };
  const policy = probe({
    enter({ pipeline }) {
      Object.assign(seen, { outside: pipeline.outside, inside: pipeline.inside });
    },
  });
  return { policy, seen };
}

test('a stage sees those of its chain beyond a policy that is not ours, in order', async () => {
  const [first, second, third] = [curious(), curious(), curious()];
  await compose(first.policy, noop, compose(second.policy, noop), third.policy).execute(() => 1);
  const contract = expect.objectContaining({ contract: expect.anything() }) as Stage;
  expect(first.seen).toEqual({ outside: [], inside: [contract, second.policy, third.policy] });
  expect(second.seen).toEqual({
    outside: [contract, first.policy],
    inside: [third.policy],
  });
  expect(third.seen).toEqual({
    outside: [contract, first.policy, contract, second.policy],
    inside: [],
  });
});

test('alone there is nobody else', async () => {
  const { policy, seen } = curious();
  await policy.execute(() => 1);
  expect(seen).toEqual({ outside: [], inside: [] });
});
