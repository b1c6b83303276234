/**
 * A `random` for policies in tests: the same seed gives the same series. Uniform in [0, 1).
 * The generator is sfc32 of PractRand by Chris Doty-Humphrey; not for secrets.
 */
export function seededRandom(seed: number): () => number {
  let a = 0x9e3779b9;
  let b = 0x243f6a88;
  let c = seed | 0;
  let counter = 1;
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  };
  // The first values of neighbouring seeds are alike: pass them over.
  for (let i = 0; i < 12; i++) next();
  return next;
}
