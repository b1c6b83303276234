import * as http from 'node:http';
import * as https from 'node:https';
import { text } from 'node:stream/consumers';
import type { SecureVersion } from 'node:tls';
import { Agent, fetch as undiciFetch, request } from 'undici';

/** Whom a client takes the server for, whose signature it trusts, and what it speaks. */
export interface Trust {
  readonly servername?: string;
  readonly ca?: string;
  readonly minVersion?: SecureVersion;
  readonly maxVersion?: SecureVersion;
  readonly ciphers?: string;
}

/** Reads a URL to its end. */
export type Get = (url: string, tls?: Trust) => Promise<string>;

/** How people call HTTP in Node: undici waits 1.5 s, the others as long as they like. */
export const clients: Readonly<
  Record<'fetch' | 'undici.fetch' | 'undici.request' | 'node:http', Get>
> = {
  fetch: async (url) => (await fetch(url)).text(),
  'undici.fetch': (url, tls) =>
    withAgent(tls, async (dispatcher) => (await undiciFetch(url, { dispatcher })).text()),
  'undici.request': (url, tls) =>
    withAgent(tls, async (dispatcher) => (await request(url, { dispatcher })).body.text()),
  'node:http': (url, tls) =>
    new Promise((resolve, reject) => {
      const { get } = url.startsWith('https') ? https : http;
      get(url, { agent: false, ...tls }, (response) => resolve(text(response))).on('error', reject);
    }),
};

async function withAgent<T>(connect: Trust = {}, call: (agent: Agent) => Promise<T>): Promise<T> {
  const timeouts = { headersTimeout: 1_500, bodyTimeout: 1_500, maxResponseSize: 1_000 };
  const agent = new Agent({ ...timeouts, connect: { timeout: 10_000, ...connect } });
  try {
    return await call(agent);
  } finally {
    await agent.destroy();
  }
}
