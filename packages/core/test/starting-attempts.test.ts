import { wrap } from 'cockatiel';
import { expect, test } from 'vitest';
import { type Stage, startingAttempts } from '../src/authoring.ts';
import { probe, repeater } from './probe.ts';

/** A policy that keeps which attempts were just being started when a call came to it. */
function curious() {
  const seen: (readonly Stage[])[][] = [];
  const policy = probe({
    announcesStart: true,
    enter: () => void seen.push(startingAttempts().map(({ pipeline }) => pipeline.stages)),
  });
  return { policy, seen };
}

test("under cockatiel's wrap a policy sees the attempts of those around it, repetitions too", async () => {
  const { policy, seen } = curious();
  const outer = repeater(2, { announcesStart: true });
  const between = probe({ announcesStart: true });
  const call = wrap(outer, wrap(between, policy)).execute(() => Promise.reject(new Error('fails')));
  await expect(call).rejects.toThrow('fails');
  expect(seen).toEqual([
    [[outer], [between]],
    [[outer], [between]],
  ]);
  expect(startingAttempts()).toEqual([]);
});

test('what follows later, or after a function that threw, is no part of it', async () => {
  const { policy, seen } = curious();
  const { policy: outer } = curious();
  const throwing = outer.execute(() => {
    throw new Error('bug');
  });
  await policy.execute(() => 1);
  await expect(throwing).rejects.toThrow('bug');
  await outer.execute(async () => {
    await Promise.resolve();
    return policy.execute(() => 1);
  });
  expect(seen).toEqual([[], []]);
});

test('a policy that announces nothing is not among them', async () => {
  const { policy, seen } = curious();
  await wrap(probe({}), policy).execute(() => 1);
  expect(seen).toEqual([[]]);
});
