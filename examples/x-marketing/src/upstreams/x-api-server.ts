import { readJson, sendJson } from './json-http.ts';
import { type Answer, serve } from './serve.ts';

/** A sample of the X API, as far as the service uses it. */
const TRENDS = [
  ['#BuildInPublic', 48_200],
  ['Node.js', 31_900],
  ['#PostgreSQL', 22_400],
  ['Release day', 15_100],
  ['#DevOps', 12_700],
] as const;

let nextPost = 1_700_000_000_000;
const posts = new Map<string, string>();

const answer: Answer = async (request, response, url) => {
  if (request.headers.authorization?.startsWith('Bearer ') !== true) {
    sendJson(response, 401, { title: 'Unauthorized' });
    return true;
  }
  const limits = { 'x-rate-limit-limit': '900', 'x-rate-limit-remaining': '899' };
  if (request.method === 'GET' && url.pathname === '/2/trends/by/woeid/1') {
    const data = TRENDS.map(([trend_name, tweet_count]) => ({ trend_name, tweet_count }));
    sendJson(response, 200, { data }, limits);
    return true;
  }
  if (request.method === 'GET' && url.pathname === '/2/tweets') {
    const ids = (url.searchParams.get('ids') ?? '').split(',').filter((id) => posts.has(id));
    sendJson(response, 200, { data: ids.map((id) => ({ id, public_metrics: metricsOf(id) })) }, limits);
    return true;
  }
  if (request.method === 'POST' && url.pathname === '/2/tweets') {
    const body = await readJson(request);
    const text = typeof body === 'object' && body !== null && 'text' in body ? body.text : undefined;
    if (typeof text !== 'string' || text === '') {
      sendJson(response, 400, { title: 'Invalid Request' });
      return true;
    }
    const id = String((nextPost += 1));
    posts.set(id, text);
    sendJson(response, 201, { data: { id, text } }, limits);
    return true;
  }
  return false;
};

/** Figures that only depend on the post. */
function metricsOf(id: string): Record<string, number> {
  const seed = Number(id.slice(-4)) + 1;
  return {
    impression_count: seed * 97,
    like_count: seed * 5,
    retweet_count: seed * 2,
    reply_count: seed,
  };
}

serve(answer);
