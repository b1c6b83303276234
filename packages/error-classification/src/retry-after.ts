import { parseHttpDate, parseInstant } from './internal/dates.ts';
import { isObject } from './internal/fields.ts';
import { retryDelayOf } from './internal/retry-info.ts';

/** Headers in any form: a `Headers`, an axios or gRPC object with `get`, or a plain record in any letter case. */
export type HeadersLike = HeadersWithGet | Readonly<Record<string, unknown>>;

/** Headers as `fetch` has them. */
export interface HeadersWithGet {
  /** The value of a header, whatever the case of its name. */
  get(name: string): unknown;
}

/** Nobody means to wait longer than this: a year. Above it a value is taken for nonsense. */
const MAX_DELAY_MS = 366 * 86_400_000;
/** 2024-01-01 as epoch seconds: a smaller number is a delay, a larger one an instant. */
const EPOCH_SECONDS = 1_704_067_200;
const EPOCH_MS = EPOCH_SECONDS * 1_000;

/**
 * How long a server asks to wait, in milliseconds. The first of these that is present decides, and a value that makes
 * no sense (negative, empty, hexadecimal, above a year) is no answer; a date that has passed is 0:
 * `retry-after-ms`, `x-ms-retry-after-ms`, `x-amz-retry-after` (ms) · `Retry-After` (seconds or any of the three HTTP
 * dates, RFC 9110 §10.2.3) · `RateLimit` (`t`, of exhausted policies) · `RateLimit-Reset` · `x-rate-limit-reset` and
 * `x-ratelimit-reset…` · `anthropic-ratelimit-…-reset` (RFC 3339) · google.rpc.RetryInfo in `body`.
 * A reset whose `…-remaining` says that something is left asks nobody to wait. Never throws.
 *
 * @param headers The response's headers.
 * @param now The time that dates are compared with, epoch milliseconds; default `Date.now()`.
 * @param body The parsed body, looked at last.
 */
export function parseRetryAfter(
  headers: unknown,
  now: number = Date.now(),
  body?: unknown,
): number | undefined {
  try {
    return fromHeaders(headers, now) ?? bounded(retryDelayOf(body));
  } catch {
    return undefined;
  }
}

/** One header's value, whatever the form of the headers; several values are joined as HTTP joins them. */
export function headerOf(headers: unknown, name: string): string | undefined {
  if (!isObject(headers)) return undefined;
  const get: unknown = Reflect.get(headers, 'get');
  if (typeof get === 'function') return asText(Reflect.apply(get, headers, [name]));
  const exact = asText(Reflect.get(headers, name));
  if (exact !== undefined) return exact;
  for (const key of Object.keys(headers)) {
    if (key.length === name.length && key.toLowerCase() === name)
      return asText(Reflect.get(headers, key));
  }
  return undefined;
}

function fromHeaders(headers: unknown, now: number): number | undefined {
  if (!isObject(headers)) return undefined;
  for (const name of ['retry-after-ms', 'x-ms-retry-after-ms', 'x-amz-retry-after']) {
    const value = headerOf(headers, name);
    if (value !== undefined) return bounded(decimal(value));
  }
  const retryAfter = headerOf(headers, 'retry-after');
  if (retryAfter !== undefined) return retryAfterValue(retryAfter, now);
  return (
    rateLimitField(headers) ??
    reset(headers, 'ratelimit-reset', 'ratelimit-remaining', now) ??
    reset(headers, 'x-rate-limit-reset', 'x-rate-limit-remaining', now) ??
    reset(headers, 'x-ratelimit-reset', 'x-ratelimit-remaining', now) ??
    latest(
      ['requests', 'tokens'].map((kind) =>
        reset(headers, `x-ratelimit-reset-${kind}`, `x-ratelimit-remaining-${kind}`, now),
      ),
    ) ??
    latest(
      ['requests', 'tokens', 'input-tokens', 'output-tokens'].map((kind) =>
        reset(
          headers,
          `anthropic-ratelimit-${kind}-reset`,
          `anthropic-ratelimit-${kind}-remaining`,
          now,
        ),
      ),
    )
  );
}

function retryAfterValue(value: string, now: number): number | undefined {
  const seconds = decimal(value);
  if (seconds !== undefined) return bounded(seconds * 1_000);
  const date = parseHttpDate(value.trim(), now);
  return date === undefined ? undefined : bounded(Math.max(0, date - now));
}

/** `"burst";r=0;t=30, "day";r=7;t=900` of the current draft, `limit=10, remaining=0, reset=30` of older ones. */
function rateLimitField(headers: object): number | undefined {
  const value = headerOf(headers, 'ratelimit');
  if (value === undefined) return undefined;
  if (/\breset=/.test(value))
    return seconds(/\bremaining=(\d+)/.exec(value)?.[1], /\breset=([^\s,;]+)/.exec(value)?.[1]);
  return latest(
    value
      .split(',')
      .map((item) => seconds(/;\s*r=(\d+)/.exec(item)?.[1], /;\s*t=([^\s,;]+)/.exec(item)?.[1])),
  );
}

function seconds(remaining: string | undefined, wait: string | undefined): number | undefined {
  if (wait === undefined || (remaining !== undefined && Number(remaining) > 0)) return undefined;
  const value = decimal(wait);
  return value === undefined ? undefined : bounded(value * 1_000);
}

function reset(
  headers: object,
  name: string,
  remainingName: string,
  now: number,
): number | undefined {
  const value = headerOf(headers, name)?.trim();
  if (value === undefined) return undefined;
  const remaining = headerOf(headers, remainingName);
  if (remaining !== undefined && Number(remaining) > 0) return undefined;
  const number = decimal(value);
  if (number !== undefined) {
    if (number >= EPOCH_MS) return bounded(Math.max(0, number - now));
    if (number >= EPOCH_SECONDS) return bounded(Math.max(0, number * 1_000 - now));
    return bounded(number * 1_000);
  }
  const duration = goDuration(value);
  if (duration !== undefined) return bounded(duration);
  const instant = parseInstant(value) ?? parseHttpDate(value, now);
  return instant === undefined ? undefined : bounded(Math.max(0, instant - now));
}

/** OpenAI's `6m0s`, `1s`, `120ms`. */
function goDuration(value: string): number | undefined {
  const match =
    /^(?=\d)(?:(\d{1,6})h)?(?:(\d{1,6})m(?!s))?(?:(\d{1,9}(?:\.\d{1,9})?)s)?(?:(\d{1,9}(?:\.\d{1,9})?)ms)?$/.exec(
      value,
    );
  if (match === null) return undefined;
  const [, hours = 0, minutes = 0, wholeSeconds = 0, millis = 0] = match;
  return (
    Number(hours) * 3_600_000 +
    Number(minutes) * 60_000 +
    Number(wholeSeconds) * 1_000 +
    Number(millis)
  );
}

/** Digits and at most one point: no sign, no exponent, no hexadecimal, not empty. */
function decimal(value: string): number | undefined {
  const digits = value.trim();
  return /^\d{1,15}(?:\.\d{1,9})?$/.test(digits) ? Number(digits) : undefined;
}

function bounded(delay: number | undefined): number | undefined {
  return delay !== undefined && delay >= 0 && delay <= MAX_DELAY_MS ? delay : undefined;
}

function latest(delays: readonly (number | undefined)[]): number | undefined {
  const known = delays.filter((delay) => delay !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}

function asText(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  if (!Array.isArray(value) || value.length === 0) return undefined;
  return value.map(String).join(', ');
}
