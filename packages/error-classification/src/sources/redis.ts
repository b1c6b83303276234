import { type Fields, nameOf, text } from '../internal/fields.ts';
import type { Source } from '../internal/source.ts';
import { ioredisErrors } from '../tables/ioredis.ts';
import { nodeRedisErrors } from '../tables/node-redis.ts';
import { redisErrors } from '../tables/redis.ts';

/** Classes of ioredis and node-redis for an error that the server sent. */
const REPLY_CLASSES = new Set(['ReplyError', 'ErrorReply', 'SimpleError', 'BlobError', 'MultiErrorReply']);
/** First words that other people's errors may start with, too: they count only with proof that Redis spoke. */
const AMBIGUOUS = new Set(['MOVED', 'ASK', 'LOADING', 'OOM', 'BUSY', 'DENIED', 'REDIRECT']);
const PROOF = /edis\b|^OOM command not allowed|^(?:MOVED|ASK|REDIRECT) (?:\d+ )?\S+:\d+$/;

const REPLIES = new Set(redisErrors.map((row) => row.code));
const ERR_REPLIES = redisErrors.map((row) => row.code).filter((code) => code.startsWith('ERR '));
const CLASSES = new Set([...ioredisErrors, ...nodeRedisErrors].map((row) => row.code).filter((code) => !code.includes(':')));
const MESSAGES = ioredisErrors.map((row) => row.code).filter((code) => code.startsWith('msg:'));
const ABORTED = 'AbortError:Command aborted due to connection close';

/** Redis and Valkey, ioredis and node-redis. */
export const redis: Source = {
  tables: [redisErrors, ioredisErrors, nodeRedisErrors],
  byCode: (key) => REPLIES.has(key) && !AMBIGUOUS.has(key) && !key.includes(' '),
  match(error) {
    const name = nameOf(error);
    if (CLASSES.has(name)) return name;
    if (name === 'SocketTimeoutDuringMaintenanceError') return 'CommandTimeoutDuringMaintenanceError';
    const message = text(error.message);
    // ioredis' AbortError is the connection's end, not somebody's cancellation.
    if (name === 'AbortError' && message.startsWith('Command aborted due to connection close')) return ABORTED;
    return reply(error, name, message) ?? MESSAGES.find((key) => message.startsWith(key.slice('msg:'.length)));
  },
};

function reply(error: Fields, name: string, message: string): string | undefined {
  const first = message.charCodeAt(0);
  if (first < 65 || first > 90) return undefined;
  const isReply = REPLY_CLASSES.has(name);
  if (isReply && AMBIGUOUS.has(text(error.code))) return text(error.code);
  if (message.startsWith('ERR ')) {
    return ERR_REPLIES.find((key) => message.toLowerCase().startsWith(key.toLowerCase()));
  }
  const space = message.indexOf(' ');
  const word = space === -1 ? message : message.slice(0, space);
  if (!REPLIES.has(word)) return undefined;
  return isReply || !AMBIGUOUS.has(word) || PROOF.test(message) ? word : undefined;
}
