/** What stands in a log where a secret stood. */
const REDACTED = '[redacted]';

/** Names whose values are secrets, whatever they hold. */
const SECRET_NAME =
  /pass(?:word|wd|phrase)?$|^pwd$|secret|token|authorization|cookie|api[-_]?key|access[-_]?key|private[-_]?key|credential|session|signature|^sid$|^jwt$|^auth$|bearer|^dsn$|connection[-_]?string/i;

// Each takes time in proportion to the text, whatever that is: none may begin at many places and run
// on from each. So a name's beginning, or a scheme's, is not looked for.
const PEM = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g;
const URL_CREDENTIALS = /(:\/\/)[^\s/?#"'<>]*@/g;
const HEADER =
  /\b((?:proxy-)?authorization|(?:set-)?cookie|x-api-key|x-auth-token|api-key)(["']?\s*[:=]\s*)[^\r\n]*/gi;
const SCHEME = /\b(Bearer|Basic|Digest|Token)(\s+)[\w~+/.=:-]{6,}/gi;
const ASSIGNMENT =
  /((?:password|passwd|pwd|passphrase|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|credential|session(?:id)?|signature|sig|auth)\\?["']?\s*[=:]\s*)(\\"[^"]*(?:"|$)|"(?:[^"\\]|\\.)*(?:"|$)|'(?:[^'\\]|\\.)*(?:'|$)|(?:\[redacted\]|[^\s&;,"'})\]])+)/gi;
const DOTTED = /[\w.-]+/g;
const JWT_HEADER = /\beyJ/;
/** Keys that give themselves away: OpenAI and Anthropic, GitHub, AWS, Google, Slack, Stripe, npm. */
const VENDOR_KEY =
  /\b(?:sk-[\w-]{16,}|gh[pousr]_\w{20,}|github_pat_\w{20,}|A[KS]IA[A-Z0-9]{16}|AIza[\w-]{30,}|xox[abprs]-[\w-]{10,}|[rs]k_(?:live|test)_\w{10,}|npm_\w{30,})/g;

/** A text without the secrets that can be told from its form, cut to `limit` characters. */
export function redactText(value: string, limit: number): string {
  // Cut first, with room for what redaction shortens: a message of megabytes must not cost a log line its time.
  const cut = value.length > limit * 2 ? value.slice(0, limit * 2) : value;
  const clean = cut
    .replace(PEM, REDACTED)
    .replace(URL_CREDENTIALS, `$1${REDACTED}@`)
    .replace(HEADER, `$1$2${REDACTED}`)
    .replace(SCHEME, `$1$2${REDACTED}`)
    .replace(DOTTED, redactJwt)
    .replace(VENDOR_KEY, REDACTED)
    .replace(ASSIGNMENT, `$1${REDACTED}`);
  return clean.length > limit ? `${clean.slice(0, limit)}…` : clean;
}

/** A run of words, hyphens and dots without the web tokens in it: `eyJ….….…`, the last part optional. */
function redactJwt(run: string): string {
  if (!run.includes('eyJ')) return run;
  const parts = run.split('.');
  const clean: string[] = [];
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i] ?? '';
    const start = part.search(JWT_HEADER);
    const isToken = start >= 0 && part.length - start > 10 && (parts[i + 1]?.length ?? 0) >= 8;
    clean.push(isToken ? part.slice(0, start) + REDACTED : part);
    if (isToken) i += 2;
  }
  return clean.join('.');
}

/** Whether a property of this name is a secret. */
function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name);
}

/** A plain, bounded, acyclic JSON copy without secrets. Getters and proxies that throw are left out. */
export function redactValue(value: unknown, limit: number, depth: number = 0): unknown {
  switch (typeof value) {
    case 'string':
      return redactText(value, limit);
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'boolean':
      return value;
    case 'bigint':
      return String(value);
    case 'object':
      return value === null ? null : redactObject(value, limit, depth);
    default:
      return undefined;
  }
}

function redactObject(value: object, limit: number, depth: number): unknown {
  if (depth >= 5) return '[deep]';
  try {
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
    if (Array.isArray(value))
      return value.slice(0, 50).map((item) => redactValue(item, limit, depth + 1) ?? null);
    const copy: Record<string, unknown> = {};
    for (const name of Object.keys(value).slice(0, 50)) {
      const inner: unknown = isSecretName(name)
        ? REDACTED
        : readAndRedact(value, name, limit, depth);
      if (inner !== undefined)
        Object.defineProperty(copy, name, {
          value: inner,
          enumerable: true,
          writable: true,
          configurable: true,
        });
    }
    return copy;
  } catch {
    return '[unreadable]';
  }
}

function readAndRedact(value: object, name: string, limit: number, depth: number): unknown {
  try {
    return redactValue(Reflect.get(value, name), limit, depth + 1);
  } catch {
    return '[unreadable]';
  }
}
