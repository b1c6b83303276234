import { GCRA_SCRIPT, GCRA_SHA } from './gcra-script.ts';

/** The two commands of a Redis client that a fleet's rate limit needs. ioredis' `Redis` and `Cluster` fit. */
export interface RedisScripts {
  /** `EVALSHA sha keys key… arg…` */
  evalsha(sha: string, keys: number, ...args: (string | number)[]): Promise<unknown>;
  /** `EVAL script keys key… arg…` */
  eval(script: string, keys: number, ...args: (string | number)[]): Promise<unknown>;
}

/**
 * Takes one from the bucket in Redis; resolves with 0, or how many milliseconds it is too early.
 * Rejects when Redis does, or answers something else.
 */
export async function takeRemotely(
  redis: RedisScripts,
  key: string,
  stepMs: number,
  burst: number,
): Promise<number> {
  const args = [key, stepMs * 1_000, burst] as const;
  const answer = await redis.evalsha(GCRA_SHA, 1, ...args).catch((error: unknown) => {
    // A Redis that was restarted has forgotten the script.
    if (error instanceof Error && error.message.startsWith('NOSCRIPT')) {
      return redis.eval(GCRA_SCRIPT, 1, ...args);
    }
    throw error;
  });
  const tooEarly = Number(answer);
  if (answer === null || !(tooEarly >= 0)) {
    throw new TypeError(`the rate limit's script answered ${String(answer)}, not a number`);
  }
  return tooEarly;
}
