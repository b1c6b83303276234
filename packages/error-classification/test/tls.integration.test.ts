import { generate } from 'selfsigned';
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

it('a server that does not speak TLS is configured wrongly', async () => {
  await using server = await misbehavingServer((socket) =>
    socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'),
  );
  const error = await rejection(clients['node:http'](`https://127.0.0.1:${server.port}/`, {}));
  expect(classify(error)).toMatchObject({ retryable: 'no', breakerFailure: true });
});
