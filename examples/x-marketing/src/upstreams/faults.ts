import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { readJson, sendJson } from './json-http.ts';

const MODES = ['ok', 'slow', 'hang', 'reset', 'error', 'rate-limit', 'garbage'] as const;

/** How a sample server misbehaves. */
export type FaultMode = (typeof MODES)[number];

interface Fault {
  readonly mode: FaultMode;
  /** The status of mode `error`. */
  readonly status: number;
  /** The delay of mode `slow`, in milliseconds. */
  readonly delayMs: number;
  /** How many requests it still meets; without end when absent. */
  readonly count?: number;
}

const NO_FAULT: Fault = { mode: 'ok', status: 500, delayMs: 3_000 };

/** The fault switch of a sample server: `POST /__faults { mode, status?, delayMs?, count? }`. */
export class Faults {
  #fault: Fault = NO_FAULT;

  /** Answers requests to the switch itself. Returns whether this was one. */
  async serveSwitch(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    if (request.url !== '/__faults') return false;
    if (request.method === 'POST') {
      const wanted = faultFrom(await readJson(request));
      if (wanted === undefined) {
        sendJson(response, 400, { error: `mode must be one of ${MODES.join(', ')}` });
        return true;
      }
      this.#fault = wanted;
    }
    sendJson(response, 200, this.#fault);
    return true;
  }

  /** Misbehaves as the switch says. Returns whether the request is dealt with. */
  async meet(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const { mode, status, delayMs } = this.#next();
    switch (mode) {
      case 'ok':
        return false;
      case 'slow':
        await sleep(delayMs);
        return false;
      case 'hang':
        return true;
      case 'reset':
        request.socket.resetAndDestroy();
        return true;
      case 'error':
        sendJson(response, status, { title: 'The sample server was told to fail' });
        return true;
      case 'rate-limit': {
        const reset = Math.ceil(Date.now() / 1_000) + 2;
        const headers = { 'retry-after': '2', 'x-rate-limit-remaining': '0' };
        sendJson(response, 429, { title: 'Too Many Requests' }, { ...headers, 'x-rate-limit-reset': String(reset) });
        return true;
      }
      case 'garbage':
        response.writeHead(200, { 'content-type': 'application/json' }).end('{"data": [');
        return true;
    }
  }

  #next(): Fault {
    const fault = this.#fault;
    if (fault.count === undefined) return fault;
    this.#fault = fault.count <= 1 ? NO_FAULT : { ...fault, count: fault.count - 1 };
    return fault;
  }
}

function faultFrom(body: unknown): Fault | undefined {
  if (typeof body !== 'object' || body === null || !('mode' in body)) return undefined;
  const mode = MODES.find((known) => known === body.mode);
  if (mode === undefined) return undefined;
  const status = 'status' in body && typeof body.status === 'number' ? body.status : NO_FAULT.status;
  const delayMs =
    'delayMs' in body && typeof body.delayMs === 'number' ? body.delayMs : NO_FAULT.delayMs;
  const count = 'count' in body && typeof body.count === 'number' ? { count: body.count } : {};
  return { mode, status, delayMs, ...count };
}
