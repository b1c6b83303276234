import type { Clock } from '@fournines/core';
import type { FleetOpening, FleetRedis } from '../fleet.ts';
import { type FleetMessage, messageText, parseMessage } from './fleet-message.ts';
import { wholeMs } from './fleet-seat.ts';

const NOW = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
`;

/** Redis' own time, in milliseconds. The key says which node of a cluster is asked. */
const TIME = `${NOW}
return string.format('%.0f', now)
`;

/**
 * Keeps the word under the key, and publishes it. A word that was on its way for too long is given
 * back (0), and none takes back what is newer: a closing is kept for a while too, so that no
 * opening of before can come after it. Where nothing may be written (no memory, no disk), it is
 * published all the same. Arguments: channel, word, when it happened, the last moment
 * at which it may be said, how long a break is (or a closing is kept), whether it is a closing; times by Redis' clock.
 */
const TELL = `${NOW}
if now > tonumber(ARGV[4]) then return 0 end
local isClosing = ARGV[6] == '1'
local saved = redis.call('GET', KEYS[1])
if saved then
  local isRead, word = pcall(cjson.decode, saved)
  local isNewer = isRead and type(word) == 'table' and tonumber(word.at) and tonumber(word.at) > tonumber(ARGV[3])
  if isNewer and (isClosing or not word.opening) then return 1 end
end
local left = tonumber(ARGV[5])
if not isClosing then left = math.max(1, left + tonumber(ARGV[3]) - now) end
redis.pcall('SET', KEYS[1], ARGV[2], 'PX', string.format('%.0f', math.ceil(left)))
redis.call('PUBLISH', ARGV[1], ARGV[2])
return 1
`;

/** How long a closing is kept, in milliseconds: words that hung together with it are said by then. */
const CLOSING_KEPT_MS = 60_000;

/** So often Redis is asked for a time that comes quickly, and given a word to be said quickly. */
const MOST_TRIES = 3;

/** How old a word is, in milliseconds. */
export interface Age {
  readonly ms: number;
  /** Whether it came too late to be believed without a look at what happened since. */
  readonly isLate: boolean;
}

/** What news is told and heard by. */
export interface NewsParts {
  readonly redis: FleetRedis;
  readonly clock: Clock;
  readonly channel: string;
  readonly by: string;
  /** Older than that, news is late. */
  readonly deadline: number;
  keyOf(name: string): string;
}

/**
 * News with its age. Clocks of processes are their own, and a Redis that hung, a connection that
 * was lost or a frozen process deliver late what was said long ago: so each word carries when it
 * happened by Redis' clock. Both ends reckon from that clock to their own at the time they need it.
 */
export class FleetNews {
  readonly #parts: NewsParts;
  /** What is being told of each name: what came before it does not hold any more. */
  readonly #latest = new Map<string, object>();

  constructor(parts: NewsParts) {
    this.#parts = parts;
  }

  /** Tells all, unless Redis was so late that the break is over, or that there is a newer word. */
  async tell(
    name: string,
    opening: FleetOpening | undefined,
    isClosed: () => boolean,
  ): Promise<void> {
    const word = {};
    this.#latest.set(name, word);
    try {
      await this.#tell(name, opening, () => this.#latest.get(name) === word && !isClosed());
    } finally {
      if (this.#latest.get(name) === word) this.#latest.delete(name);
    }
  }

  async #tell(
    name: string,
    opening: FleetOpening | undefined,
    isCurrent: () => boolean,
  ): Promise<void> {
    const { redis, clock, channel, by, deadline, keyOf } = this.#parts;
    const happenedAt = clock.now();
    const breakMs = opening?.breakMs ?? Infinity;
    for (let tries = 1; ; tries++) {
      const time = await this.#time(name);
      const ms = clock.now() - happenedAt;
      if (ms > deadline && (ms >= breakMs || !isCurrent())) return;
      const at = time - ms;
      const text = messageText({ by, name, at, ...(opening === undefined ? {} : { opening }) });
      const kept = opening === undefined ? CLOSING_KEPT_MS : wholeMs(breakMs);
      const isClosing = opening === undefined ? 1 : 0;
      // A Redis that is always slow is told all the same.
      const sayBy = tries < MOST_TRIES ? time + deadline : Number.MAX_SAFE_INTEGER;
      const args = [channel, text, at, sayBy, kept, isClosing];
      if ((await redis.eval(TELL, 1, keyOf(name), ...args)) === 1) return;
    }
  }

  /** The last word that still holds, with the time that it holds for. */
  async read(name: string): Promise<FleetMessage | undefined> {
    const { redis, keyOf } = this.#parts;
    const key = keyOf(name);
    const [text, remaining] = await Promise.all([redis.get(key), redis.pttl(key)]);
    const message = text === null ? undefined : parseMessage(text);
    if (message === undefined || remaining <= 0) return undefined;
    if (message.opening === undefined || message.opening.breakMs === Infinity) return message;
    return { ...message, opening: { ...message.opening, breakMs: remaining } };
  }

  async age({ name, at }: FleetMessage): Promise<Age> {
    const ms = Math.max(0, (await this.#time(name)) - at);
    return { ms, isLate: ms > this.#parts.deadline };
  }

  /** Redis' time, as of about now: asked anew where the answer itself was late. */
  async #time(name: string): Promise<number> {
    const { redis, clock, deadline, keyOf } = this.#parts;
    for (let tries = 1; ; tries++) {
      const askedAt = clock.now();
      const time = Number(await redis.eval(TIME, 1, keyOf(name)));
      if (clock.now() - askedAt <= deadline || tries === MOST_TRIES) return time;
    }
  }
}
