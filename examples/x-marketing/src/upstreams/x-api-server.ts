import { createHash } from 'node:crypto';
import { type SampleAnswer, type SampleRequest, serveSample } from './sample-server.ts';

/** A sample of the X API, as far as the service uses it. Runs as a process of its own. */
const TOKEN = process.env['X_API_TOKEN'] ?? 'sample-token';
const LIMIT = 900;
const WINDOW_MS = 15 * 60_000;

const TRENDS = [
  { trend_name: '#NodeJS', tweet_count: 48_200 },
  { trend_name: '#PostgreSQL', tweet_count: 31_700 },
  { trend_name: '#OpenSource', tweet_count: 27_350 },
  { trend_name: 'Site Reliability', tweet_count: 12_900 },
  { trend_name: '#TypeScript', tweet_count: 11_480 },
];

const tweets = new Map<string, string>();
let windowEnd = Date.now() + WINDOW_MS;
let remaining = LIMIT;
let nextId = 1_900_000_000_000_000_000n;

serveSample(
  (request) => {
    const answer = route(request);
    return { ...answer, headers: { ...rateLimitHeaders(), ...answer.headers } };
  },
  { rateLimited },
);

function route(request: SampleRequest): SampleAnswer {
  if (request.headers.authorization !== `Bearer ${TOKEN}`) {
    return problem(401, 'Unauthorized', 'Unauthorized');
  }
  if (Date.now() >= windowEnd) {
    windowEnd = Date.now() + WINDOW_MS;
    remaining = LIMIT;
  }
  if (remaining === 0) return rateLimited();
  remaining -= 1;
  const { method, url } = request;
  if (method === 'GET' && url.pathname === '/2/trends/by/woeid/1') {
    return { status: 200, body: { data: TRENDS } };
  }
  if (method === 'POST' && url.pathname === '/2/tweets') return publish(request.body);
  if (method === 'GET' && url.pathname === '/2/tweets') return lookUp(url.searchParams);
  return problem(404, 'Not Found', `${method} ${url.pathname} is not part of this sample`);
}

function publish(body: unknown): SampleAnswer {
  const text = typeof body === 'object' && body !== null && 'text' in body ? body.text : undefined;
  if (typeof text !== 'string' || text.trim() === '' || text.length > 280) {
    return problem(400, 'Invalid Request', 'text must have 1 to 280 characters');
  }
  nextId += 1n;
  const id = String(nextId);
  tweets.set(id, text);
  return { status: 201, body: { data: { id, text } } };
}

function lookUp(query: URLSearchParams): SampleAnswer {
  const ids = (query.get('ids') ?? '').split(',').filter((id) => /^\d{1,19}$/.test(id));
  if (ids.length === 0 || ids.length > 100) {
    return problem(400, 'Invalid Request', 'ids must name 1 to 100 posts');
  }
  const withMetrics = query.get('tweet.fields')?.split(',').includes('public_metrics') === true;
  const found = ids.flatMap((id) => {
    const text = tweets.get(id);
    if (text === undefined) return [];
    return [withMetrics ? { id, text, public_metrics: metricsOf(id) } : { id, text }];
  });
  const errors = ids
    .filter((id) => !tweets.has(id))
    .map((id) => ({
      type: 'https://api.twitter.com/2/problems/resource-not-found',
      title: 'Not Found Error',
      detail: `Could not find tweet with ids: [${id}].`,
      value: id,
    }));
  return { status: 200, body: errors.length === 0 ? { data: found } : { data: found, errors } };
}

/** The same post has the same figures in every run. */
function metricsOf(id: string): Record<string, number> {
  const digest = createHash('sha256').update(id).digest();
  const likes = digest.readUInt16BE(0) % 900;
  return {
    retweet_count: Math.floor(likes / 6),
    reply_count: Math.floor(likes / 11),
    like_count: likes,
    quote_count: Math.floor(likes / 29),
    impression_count: likes * 37 + (digest.readUInt8(2) % 37),
  };
}

function rateLimited(): SampleAnswer {
  return {
    ...problem(429, 'Too Many Requests', 'Too Many Requests'),
    headers: {
      ...rateLimitHeaders(),
      'x-rate-limit-remaining': '0',
      'x-rate-limit-reset': String(Math.ceil(Date.now() / 1_000) + 60),
    },
  };
}

function rateLimitHeaders(): Record<string, string> {
  return {
    'x-rate-limit-limit': String(LIMIT),
    'x-rate-limit-remaining': String(remaining),
    'x-rate-limit-reset': String(Math.ceil(windowEnd / 1_000)),
  };
}

function problem(status: number, title: string, detail: string): SampleAnswer {
  return { status, body: { title, detail, type: 'about:blank', status } };
}
