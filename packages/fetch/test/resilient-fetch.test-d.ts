import type { Component, Policy } from '@fournines/core';
import { fetch as undiciFetch, type Response as UndiciResponse } from 'undici';
import { type ResilientFetch, type ResilientFetchOptions, resilientFetch } from '../src/index.ts';

const get = resilientFetch();

// It stands wherever fetch does, and can be watched.
get satisfies typeof fetch;
get satisfies Component;
get satisfies ResilientFetch;
get.policy satisfies Policy;
const name: string = get.name;
void name;

// fetch's own signature, and more to say about a call.
const response: Promise<Response> = get(new URL('http://a.example'), { method: 'POST' });
const repeated: Promise<Response> = get(new Request('http://a.example'), { idempotent: true });
const chunks: AsyncIterable<Uint8Array> = get.stream('http://a.example', {
  idle: 1_000,
  idempotent: true,
});
const length: Promise<number> = get.read('http://a.example', { idempotent: true }, (whole) =>
  whole.text().then((text) => text.length),
);
void [response, repeated, chunks, length];
// @ts-expect-error: nobody reads the answer
void get.read('http://a.example', {});
// @ts-expect-error: misspelt
void get('http://a.example', { idempotend: true });
// @ts-expect-error: no input
void get();

// undici's fetch keeps its own types.
const undici = resilientFetch(undiciFetch, { timeout: 1_000 });
undici satisfies typeof undiciFetch;
const answer: Promise<UndiciResponse> = undici('http://a.example', { headersTimeout: 1 } as object);
const own: Promise<UndiciResponse> = undici.read('http://a.example', undefined, (whole) => whole);
void [answer, own];

// A fetch of one's own, as narrow as it is.
const narrow = resilientFetch((input: string) => fetch(input));
void narrow('http://a.example');
// @ts-expect-error: it takes strings
void narrow(new URL('http://a.example'));

// What stands elsewhere is not taken twice.
({ retry: { maxAttempts: 2 }, breaker: false }) satisfies ResilientFetchOptions;
// @ts-expect-error: `idempotent` is the fetch's own
({ retry: { idempotent: true } }) satisfies ResilientFetchOptions;
// @ts-expect-error: an option that is not there
resilientFetch(fetch, { deadlines: true });
