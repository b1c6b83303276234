import { expect } from 'vitest';
import type { Run } from './run-service.ts';

/** A fault of a sample upstream that one more attempt gets past. */
export const PASSING_FAULTS = [
  { mode: 'slow', delayMs: 10_000 },
  { mode: 'slow-body', delayMs: 10_000 },
  { mode: 'cut' },
  { mode: 'reset' },
  { mode: 'garbage' },
  { mode: 'hang' },
  { mode: 'error', status: 503 },
] as const;

/** Switches a fault of a run's sample server on. */
export async function setFault(run: Run, server: 'x-api' | 'llm', fault: unknown): Promise<void> {
  const target = await run.printed(new RegExp(`${server}-server.ts: (\\S+)`));
  const response = await fetch(`${target}/__faults`, {
    method: 'POST',
    body: JSON.stringify(fault),
  });
  expect(response.status).toBe(200);
}

/** An answer of the service, as far as tests look at it. */
export interface Answered {
  readonly status: number;
  /** Of a stand-in. */
  readonly state: string | undefined;
  readonly reason: string | undefined;
  /** NaN without one. */
  readonly retryAfter: number;
  readonly ms: number;
}

/** Asks the service for JSON. */
export async function ask(url: string, init?: RequestInit): Promise<Answered> {
  const began = performance.now();
  const response = await fetch(url, init);
  const { meta } = (await response.json()) as { meta?: { state: string; reason: string } };
  return {
    status: response.status,
    state: meta?.state,
    reason: meta?.reason,
    retryAfter: Number(response.headers.get('retry-after') ?? Number.NaN),
    ms: performance.now() - began,
  };
}

/** A request for a text about `prompt`. */
export function prompting(prompt: string, headers: Record<string, string> = {}): RequestInit {
  return {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ prompt }),
  };
}

/** What `/health` says. */
export interface Health {
  readonly level: number;
  readonly dependencies: Readonly<
    Record<string, { readonly policies: readonly { kind: string; name: string; state?: string }[] }>
  >;
}

/** Asks for the service's health. */
export async function healthOf(base: string): Promise<Health> {
  return (await (await fetch(`${base}/health`)).json()) as Health;
}

/** Ends a run; it must have lived until now, and so must its sample servers. */
export async function endQuietly(run: Run): Promise<void> {
  const livedOn = run.child.exitCode === null;
  await run.cleanUp();
  const { code, stdout, stderr } = await run.ended;
  expect({ livedOn, code, stderr }).toEqual({ livedOn: true, code: 0, stderr: '' });
  expect(stdout).not.toContain('starting it again');
}
