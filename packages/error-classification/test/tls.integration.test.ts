import type { TlsOptions } from 'node:tls';
import { generate } from 'selfsigned';
import { Agent, request } from 'undici';
import { describe, expect, it } from 'vitest';
import { classify } from '../src/index.ts';
import { classifyNode } from '../src/node.ts';
import { type Trust, clients } from './http-clients.ts';
import { type Meaning, meaningOf, rejection } from './meaning.ts';
import { misbehavingServer, tlsServer } from './misbehaving-server.ts';

const DAY = 86_400_000;
const NEVER: readonly [Meaning[1], Meaning[2], Meaning[3]] = ['tls', 'no', true];

/** A certificate for a host name, valid between two days counted from today, trusted by whoever has it. */
async function certificate(host: string, fromDay: number, toDay: number) {
  const { cert, private: key } = await generate([{ name: 'commonName', value: host }], {
    notBeforeDate: new Date(Date.now() + fromDay * DAY),
    notAfterDate: new Date(Date.now() + toDay * DAY),
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'subjectAltName', altNames: [{ type: 2, value: host }] },
    ],
  });
  return { cert, key };
}

const askers = {
  'undici.fetch': clients['undici.fetch'],
  'undici.request': clients['undici.request'],
  'node:https': clients['node:http'],
};

/** What each client says of a server with this certificate. */
async function meanings(
  host: string,
  [fromDay, toDay]: readonly [number, number],
  trust: 'trusted' | 'unknown',
): Promise<readonly Meaning[]> {
  const { cert, key } = await certificate(host, fromDay, toDay);
  await using server = await tlsServer({ cert, key });
  const tls: Trust = {
    servername: 'localhost',
    ...(trust === 'trusted' && { ca: cert }),
  };
  const found: Meaning[] = [];
  for (const get of Object.values(askers)) {
    const error = await rejection(get(`https://127.0.0.1:${server.port}/`, tls));
    expect(meaningOf(classifyNode, error)).toEqual(meaningOf(classify, error));
    found.push(meaningOf(classify, error));
  }
  return found;
}

const byAll = (row: string): Meaning[] => Object.keys(askers).map((): Meaning => [row, ...NEVER]);

describe('a certificate', () => {
  it('that has expired', async () => {
    expect(await meanings('localhost', [-10, -1], 'trusted')).toEqual(byAll('CERT_HAS_EXPIRED'));
  });

  it('that is not valid yet', async () => {
    expect(await meanings('localhost', [1, 10], 'trusted')).toEqual(byAll('CERT_NOT_YET_VALID'));
  });

  it('that its owner signed', async () => {
    expect(await meanings('localhost', [-1, 10], 'unknown')).toEqual(
      byAll('DEPTH_ZERO_SELF_SIGNED_CERT'),
    );
  });

  it('of another host', async () => {
    expect(await meanings('elsewhere.example', [-1, 10], 'trusted')).toEqual(
      byAll('ERR_TLS_CERT_ALTNAME_INVALID'),
    );
  });
});

describe('a handshake', () => {
  // node:https fails in a write, whose code is EPROTO whatever OpenSSL's reason; undici in a read, whose code is it.
  it('with a server that does not speak TLS: the configuration is wrong', async () => {
    await using server = await misbehavingServer((socket) =>
      socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'),
    );
    for (const get of Object.values(askers)) {
      const error = await rejection(get(`https://127.0.0.1:${server.port}/`, {}));
      expect(meaningOf(classify, error)).toEqual([
        'ERR_SSL_WRONG_VERSION_NUMBER',
        ...['configuration', 'no', true],
      ]);
    }
  });

  it.each<readonly [string, string, TlsOptions, Trust]>([
    [
      'too old for us',
      'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
      { maxVersion: 'TLSv1.2' },
      { minVersion: 'TLSv1.3' },
    ],
    [
      'without a common cipher',
      'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE',
      { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' },
      { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES256-GCM-SHA384' },
    ],
  ])('with a server %s', async (_, row, theirs, ours) => {
    const { cert, key } = await certificate('localhost', -1, 10);
    await using server = await tlsServer({ cert, key, ...theirs });
    const trust = { servername: 'localhost', ca: cert, ...ours };
    for (const get of Object.values(askers)) {
      const error = await rejection(get(`https://127.0.0.1:${server.port}/`, trust));
      expect(meaningOf(classify, error)).toEqual([row, ...NEVER]);
    }
  });

  it('that the server cuts: nothing of the request was sent', async () => {
    await using server = await misbehavingServer((socket) => socket.end());
    for (const get of Object.values(askers)) {
      const error = await rejection(get(`https://127.0.0.1:${server.port}/`, {}));
      expect(meaningOf(classify, error)).toEqual(['ECONNRESET:connect', 'network', 'yes', true]);
    }
  });

  it('that never ends counts as connecting, so a second try is safe', async () => {
    await using server = await misbehavingServer(() => undefined);
    const agent = new Agent({ connect: { timeout: 100 } });
    const error = await rejection(
      request(`https://127.0.0.1:${server.port}/`, { dispatcher: agent }),
    );
    await agent.destroy();
    expect(meaningOf(classify, error)).toEqual([
      'UND_ERR_CONNECT_TIMEOUT',
      ...['timeout', 'yes', true],
    ]);
  });
});

it('a certificate of an authority that nobody knows, with and without its chain', async () => {
  const ca = await certificate('Authority', -1, 10);
  const leaf = await generate([{ name: 'commonName', value: 'localhost' }], { ca });
  const rows = { [leaf.cert]: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' };
  rows[`${leaf.cert}\n${ca.cert}`] = 'SELF_SIGNED_CERT_IN_CHAIN';
  for (const [cert, row] of Object.entries(rows)) {
    await using server = await tlsServer({ cert, key: leaf.private });
    for (const get of Object.values(askers)) {
      const error = await rejection(
        get(`https://127.0.0.1:${server.port}/`, { servername: 'localhost' }),
      );
      expect(meaningOf(classify, error)).toEqual([row, ...NEVER]);
    }
  }
});
