import { type Fields, fieldsOf, nameOf, text } from '../internal/fields.ts';
import { served } from '../internal/served.ts';
import type { Source } from '../internal/source.ts';
import { anthropicErrors } from '../tables/anthropic.ts';
import { geminiErrors } from '../tables/gemini.ts';
import { openaiErrors } from '../tables/openai.ts';

const CLASSES = new Set([
  'APIConnectionError',
  'APIConnectionTimeoutError',
  'APIUserAbortError',
  'LengthFinishReasonError',
  'ContentFilterFinishReasonError',
]);
/** Words that anybody's error may carry: they count only in the shape of an LLM provider's error. */
const COMMON = new Set([
  'conflict',
  'server_error',
  'slow_down',
  'api_error',
  'timeout_error',
  'conflict_error',
  'not_found_error',
  'permission_error',
  'authentication_error',
  'billing_error',
  'invalid_request_error',
]);
const KEYS = new Set([...openaiErrors, ...anthropicErrors].map((row) => row.code));
const TOO_LONG = 'invalid_request_error:prompt is too long';
const STATUS_NAMES = new Map<unknown, string>([
  [429, 'RESOURCE_EXHAUSTED'],
  [503, 'UNAVAILABLE'],
]);
/** A message longer than this is not searched for JSON. */
const MAX_JSON = 65_536;

/** OpenAI, Anthropic and Gemini, as SDK errors, as bodies, and as events inside a stream that began with a 200. */
export const llm: Source = {
  tables: [openaiErrors, anthropicErrors, geminiErrors],
  byCode: (key) => /^[a-z]+(?:_[a-z]+)+$/.test(key) && !COMMON.has(key),
  wrappers: ['APIConnectionError'],
  match(error) {
    const name = nameOf(error);
    if (CLASSES.has(name)) return name;
    return providerKey(error) ?? geminiKey(error);
  },
  adjust: served,
};

/** Codes first, types second: an exhausted quota has the status, and often the type, of a mere rate limit. */
function providerKey(error: Fields): string | undefined {
  const body = fieldsOf(error.error);
  const inner = fieldsOf(body.error);
  const failed = fieldsOf(fieldsOf(error.response).error);
  const isProvider =
    error.error !== undefined ||
    error.requestID !== undefined ||
    error.request_id !== undefined ||
    error.type === 'error';
  const words = [
    fieldsOf(inner.details).error_code,
    fieldsOf(body.details).error_code,
    fieldsOf(error.details).error_code,
    error.errorCode,
    error.code,
    body.code,
    inner.code,
    failed.code,
    inner.type,
    body.type,
    error.type,
  ];
  for (const word of words) {
    if (typeof word !== 'string' || !KEYS.has(word) || (COMMON.has(word) && !isProvider)) continue;
    if (word !== 'invalid_request_error') return word;
    const message = text(inner.message) || text(body.message) || text(error.message);
    return message.includes('prompt is too long') ? TOO_LONG : word;
  }
  return undefined;
}

/** google.rpc.Status, as the SDKs give it: parsed, under `errorDetails`, or as JSON inside the message. */
function geminiKey(error: Fields): string | undefined {
  const status = geminiStatus(error);
  if (status === undefined) return undefined;
  if (status.status === 'UNAVAILABLE') return 'UNAVAILABLE';
  if (status.status !== 'RESOURCE_EXHAUSTED') return undefined;
  const details = JSON.stringify(status.details ?? []);
  if (/"quotaId":"[^"]*PerDay/.test(details)) return 'RESOURCE_EXHAUSTED:PerDay';
  return details.includes('google.rpc.RetryInfo') ? 'RESOURCE_EXHAUSTED+RetryInfo' : undefined;
}

function geminiStatus(error: Fields): Fields | undefined {
  if (error.name === 'GoogleGenerativeAIFetchError')
    return { status: STATUS_NAMES.get(error.status), details: error.errorDetails };
  if (typeof error.status === 'string' && typeof error.code === 'number') return error;
  const body = fieldsOf(error.error);
  if (typeof body.status === 'string') return body;
  return error.name === 'ApiError' ? fromMessage(text(error.message)) : undefined;
}

function fromMessage(message: string): Fields | undefined {
  const start = message.indexOf('{');
  if (start === -1 || message.length > MAX_JSON) return undefined;
  try {
    const parsed = fieldsOf(JSON.parse(message.slice(start)));
    return fieldsOf(parsed.error);
  } catch {
    return undefined;
  }
}
