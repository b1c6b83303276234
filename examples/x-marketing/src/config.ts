/** Everything the service reads from its environment. */
export interface Config {
  /** Where the service listens; 0 takes any free port. */
  readonly port: number;
  /** The address it listens on. */
  readonly host: string;
  /** The PostgreSQL to use; without one the service runs its own. */
  readonly databaseUrl: string | undefined;
  /** The folder of the service's own PostgreSQL. */
  readonly dataDir: string;
  /** The X API to use; without one the service runs a sample server. */
  readonly xApiUrl: string | undefined;
  /** Bearer token for the X API. */
  readonly xApiToken: string | undefined;
  /** The LLM service to use; without one the service runs a sample server. */
  readonly llmServiceUrl: string | undefined;
  /** Whether a dependency that is gone is answered for by a pre-configured answer. */
  readonly enableFallbacks: boolean;
}

/** A usable configuration, or one line for each value that is not. */
export type ConfigResult =
  | { readonly config: Config; readonly problems?: never }
  | { readonly config?: never; readonly problems: readonly string[] };

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the environment. An empty value counts as not set.
 *
 * @param env The environment variables.
 * @param defaultDataDir Where the service's own PostgreSQL lives when `DATA_DIR` is not set.
 */
export function readConfig(env: Environment, defaultDataDir: string): ConfigResult {
  const problems: string[] = [];
  const config: Config = {
    port: readPort(env, problems),
    host: readHost(env, problems),
    databaseUrl: readUrl(env, 'DATABASE_URL', ['postgres:', 'postgresql:'], problems),
    dataDir: read(env, 'DATA_DIR') ?? defaultDataDir,
    xApiUrl: readUrl(env, 'X_API_URL', ['http:', 'https:'], problems),
    xApiToken: readToken(env, problems),
    llmServiceUrl: readUrl(env, 'LLM_SERVICE_URL', ['http:', 'https:'], problems),
    enableFallbacks: readBoolean(env, 'ENABLE_FALLBACKS', true, problems),
  };
  return problems.length === 0 ? { config } : { problems };
}

function read(env: Environment, name: string): string | undefined {
  const value = env[name]?.trim();
  return value === '' ? undefined : value;
}

function readPort(env: Environment, problems: string[]): number {
  const text = read(env, 'PORT');
  if (text === undefined) return 3001;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  problems.push(`PORT must be a whole number from 0 to 65535, got "${text}"`);
  return 0;
}

function readHost(env: Environment, problems: string[]): string {
  const host = read(env, 'HOST') ?? '127.0.0.1';
  if (/^[\w.:-]+$/.test(host)) return host;
  problems.push(`HOST must be a host name or an IP address, got "${host}"`);
  return host;
}

/** The value itself stays out of the message: a URL may carry a password. */
function readUrl(
  env: Environment,
  name: string,
  protocols: readonly string[],
  problems: string[],
): string | undefined {
  const text = read(env, name);
  if (text === undefined) return undefined;
  const forms = protocols.map((protocol) => `${protocol}//`).join(' or ');
  if (!URL.canParse(text)) {
    problems.push(`${name} must be a URL that starts with ${forms}; it cannot be read as a URL`);
    return undefined;
  }
  const url = new URL(text);
  if (!protocols.includes(url.protocol)) {
    problems.push(`${name} must start with ${forms}, got "${url.protocol}//"`);
    return undefined;
  }
  if (url.hostname === '' && !url.searchParams.has('host')) {
    problems.push(`${name} must name a host`);
    return undefined;
  }
  return text.replace(/\/+$/, '');
}

function readToken(env: Environment, problems: string[]): string | undefined {
  const token = read(env, 'X_API_TOKEN');
  if (token === undefined || /^[\x21-\x7e]+$/.test(token)) return token;
  problems.push('X_API_TOKEN must consist of printable ASCII characters without spaces');
  return undefined;
}

function readBoolean(
  env: Environment,
  name: string,
  fallback: boolean,
  problems: string[],
): boolean {
  const text = read(env, name)?.toLowerCase();
  if (text === undefined) return fallback;
  if (text === 'true' || text === '1') return true;
  if (text === 'false' || text === '0') return false;
  problems.push(`${name} must be true or false, got "${text}"`);
  return fallback;
}
