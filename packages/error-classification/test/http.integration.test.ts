import { connect, type LookupFunction, type Socket } from 'node:net';
import { freePort } from '@fournines/test-services';
import { describe, expect, it } from 'vitest';
import { classify } from '../src/index.ts';
import { classifyHttp } from '../src/http.ts';
import { classifyNode } from '../src/node.ts';
import { type Get, clients } from './http-clients.ts';
import { type Meaning, meaningOf, rejection } from './meaning.ts';
import { misbehavingServer } from './misbehaving-server.ts';

type Client = keyof typeof clients;
type Answers = readonly [Meaning[1], Meaning[2], Meaning[3]];

/** One misbehaviour, what it means for every client, and the row that each of them finds. */
interface Case {
  readonly name: string;
  readonly act: (socket: Socket) => void;
  readonly meaning: Answers;
  readonly rows: Readonly<Partial<Record<Client, string>>>;
}

const LOST = ['network', 'if-idempotent', true] as const;
const ALL = (row: string): Case['rows'] => ({
  fetch: row,
  'undici.fetch': row,
  'undici.request': row,
  'node:http': row,
});
const CLOSED = { ...ALL('UND_ERR_SOCKET'), 'node:http': 'ECONNRESET' };
const UNDICI = (row: string): Case['rows'] => ({ 'undici.fetch': row, 'undici.request': row });
const OK = 'HTTP/1.1 200 OK\r\n';
const SHORT = `${OK}content-length: 100\r\n\r\nabc`;

const CASES: readonly Case[] = [
  {
    name: 'resets the connection instead of answering',
    act: (socket) => socket.resetAndDestroy(),
    meaning: LOST,
    rows: ALL('ECONNRESET'),
  },
  {
    name: 'closes the connection instead of answering',
    act: (socket) => socket.end(),
    meaning: LOST,
    rows: CLOSED,
  },
  {
    name: 'closes within the headers',
    act: (socket) => socket.end(`${OK}conte`),
    meaning: LOST,
    rows: CLOSED,
  },
  {
    name: 'closes within a body of known length',
    act: (socket) => socket.end(SHORT),
    meaning: LOST,
    rows: CLOSED,
  },
  {
    name: 'closes within a chunked body',
    act: (socket) => socket.end(`${OK}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n`),
    meaning: LOST,
    rows: CLOSED,
  },
  {
    name: 'never answers',
    act: () => undefined,
    meaning: ['timeout', 'if-idempotent', true],
    rows: UNDICI('UND_ERR_HEADERS_TIMEOUT'),
  },
  {
    name: 'stops within the body',
    act: (socket) => socket.write(SHORT),
    meaning: ['timeout', 'if-idempotent', true],
    rows: UNDICI('UND_ERR_BODY_TIMEOUT'),
  },
  {
    name: 'does not speak HTTP',
    act: (socket) => socket.end('220 mail.example ESMTP\r\n'),
    meaning: ['internal', 'if-idempotent', true],
    rows: ALL('HPE_*'),
  },
  {
    name: 'sends a chunk without a size',
    act: (socket) => socket.end(`${OK}transfer-encoding: chunked\r\n\r\nxyz\r\nabc\r\n`),
    meaning: ['internal', 'if-idempotent', true],
    rows: { fetch: 'HPE_*', ...UNDICI('HPE_*') },
  },
  {
    name: 'sends headers without end',
    act: (socket) => socket.end(`${OK}a: ${'x'.repeat(40_000)}\r\n\r\n`),
    meaning: ['limit-exceeded', 'no', false],
    rows: ALL('UND_ERR_HEADERS_OVERFLOW'),
  },
  {
    name: 'sends more than we want to read',
    act: (socket) => socket.end(`${OK}content-length: 2000\r\n\r\n${'x'.repeat(2_000)}`),
    meaning: ['limit-exceeded', 'no', false],
    rows: UNDICI('UND_ERR_RES_EXCEEDED_MAX_SIZE'),
  },
  {
    name: 'sends as gzip what is none',
    act: (socket) => socket.end(`${OK}content-length: 3\r\ncontent-encoding: gzip\r\n\r\nabc`),
    meaning: LOST,
    rows: { fetch: 'TypeError:terminated', 'undici.fetch': 'TypeError:terminated' },
  },
  {
    name: 'redirects for ever',
    act: (socket) =>
      socket.end(
        'HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\nconnection: close\r\n\r\n',
      ),
    meaning: ['internal', 'no', true],
    rows: {
      fetch: 'TypeError:fetch failed <- redirect count exceeded',
      'undici.fetch': 'TypeError:fetch failed <- redirect count exceeded',
    },
  },
];

describe.each(CASES)('a server that $name', ({ act, meaning, rows }) => {
  it.each(Object.entries(rows))('%s: %s', async (client, row) => {
    await using server = await misbehavingServer(act);
    const get: Get = clients[client as Client];
    const error = await rejection(get(`http://127.0.0.1:${server.port}/`));
    expect(meaningOf(classify, error)).toEqual([row, ...meaning]);
    // One of the two tables for it knows it by itself.
    const alone = [classifyHttp, classifyNode].map((one) => meaningOf(one, error));
    expect(alone).toContainEqual([row, ...meaning]);
  });
});

describe.each(Object.entries(clients))('without a server, by %s', (_name, get: Get) => {
  it('nobody listens', async () => {
    const error = await rejection(get(`http://127.0.0.1:${await freePort()}/`));
    expect(meaningOf(classify, error)).toEqual(['ECONNREFUSED', 'unavailable', 'yes', true]);
  });

  // RFC 6761 reserves `.invalid`; without any resolver the same question ends in EAI_AGAIN.
  it('the name does not exist', async () => {
    const error = await rejection(get('http://nothing.invalid/'));
    const [row, ...meaning] = meaningOf(classify, error);
    expect(row).toMatch(/^(ENOTFOUND|EAI_AGAIN)$/);
    expect(meaning).toEqual(['unavailable', 'yes', true]);
  });

  it('the URL is wrong', async () => {
    const error = await rejection((async () => get('http://:80:/'))());
    expect(meaningOf(classify, error)).toEqual(['ERR_INVALID_URL', 'bug', 'no', false]);
  });
});

it.each(['fetch', 'undici.fetch'] as const)('%s: the port is forbidden', async (name) => {
  const error = await rejection(clients[name]('http://127.0.0.1:25/'));
  expect(meaningOf(classify, error)).toEqual([
    'TypeError:fetch failed <- bad port/unknown scheme',
    ...['bug', 'no', false],
  ]);
});

describe('sockets', () => {
  it('all addresses of a name refuse: an aggregate means what its members mean', async () => {
    const port = await freePort();
    const addresses = ['127.0.0.1', '127.0.0.2'].map((address) => ({ address, family: 4 }));
    const lookup: LookupFunction = (_, __, done) => done(null, addresses);
    const error = await new Promise((resolve) =>
      connect({ host: 'twice.invalid', port, lookup, autoSelectFamily: true }).once(
        'error',
        resolve,
      ),
    );
    expect(error).toBeInstanceOf(AggregateError);
    expect(meaningOf(classify, error)).toEqual(['ECONNREFUSED', 'unavailable', 'yes', true]);
  });

  it('a unix socket that is not there is a service that is down, not a file not found', async () => {
    const error = await new Promise((resolve) =>
      connect('/nowhere/at/all.sock').once('error', resolve),
    );
    expect(meaningOf(classify, error)).toEqual(['ENOENT:connect', 'unavailable', 'yes', true]);
  });

  it('a fetch that its caller’s signal ends is the caller’s, the same signal within is a timeout', async () => {
    await using server = await misbehavingServer(() => undefined);
    const signal = AbortSignal.timeout(20);
    const error = await rejection(fetch(`http://127.0.0.1:${server.port}/`, { signal }));
    expect(meaningOf(classify, error)).toEqual(['TimeoutError', 'timeout', 'if-idempotent', true]);
    expect(classify(error, signal)).toMatchObject({
      code: 'caller:deadline',
      breakerFailure: false,
    });
  });
});
