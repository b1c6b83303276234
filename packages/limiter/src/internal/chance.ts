import { reportOnce } from '@fournines/core/authoring';

/** Asks a source of chance that was given by the user; one that throws, or gives no number, gives `instead`. */
export function chanceOf(random: () => number, role: string, instead: number): number {
  try {
    const chance = random();
    if (chance >= 0 && chance <= 1) return chance;
    reportOnce(random, role, new RangeError(`must be in [0, 1), got ${String(chance)}`));
  } catch (thrown) {
    reportOnce(random, role, thrown);
  }
  return instead;
}
