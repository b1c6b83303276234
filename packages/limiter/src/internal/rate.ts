import { checkNumber } from '@fournines/core/authoring';

/** The burst that a limit has, checked. */
export function burstOf(limit: number, burst: number | undefined): number {
  return checkNumber('rateLimit: burst', burst ?? Math.max(1, Math.floor(limit)), {
    min: 1,
    integer: true,
  });
}

/** Why a call was refused. */
export function tooOften(limit: number, interval: number): string {
  return `more than ${limit} calls in ${interval} ms`;
}
