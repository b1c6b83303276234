import { type Fields, text } from '../internal/fields.ts';
import type { Source } from '../internal/source.ts';
import { dnsErrors } from '../tables/dns.ts';
import { nodeErrors } from '../tables/node.ts';
import { tlsErrors } from '../tables/tls.ts';

/** What OpenSSL writes into a message, and the row of the code that the same reason has elsewhere. */
const TLS_REASONS = [
  [':wrong version number:', 'ERR_SSL_WRONG_VERSION_NUMBER'],
  [' alert handshake failure:', 'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE'],
  [':tlsv1 alert protocol version:', 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION'],
] as const;

/** Node.js: system errors, core, DNS and TLS. */
export const node: Source = {
  tables: [nodeErrors, dnsErrors, tlsErrors],
  // An abort says only that somebody stopped it; what made them is its cause.
  wrappers: ['ABORT_ERR'],
  aliases: {
    EAI_NONAME: 'ENOTFOUND',
    EAI_NODATA: 'ENODATA',
    // OpenSSL has renamed the alert that was sslv3's, and Node makes its code of the name.
    'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE': 'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE',
  },
  refine: {
    ECONNRESET: (error) =>
      error.syscall === 'connect' ||
      text(error.message).includes('before secure TLS connection was established')
        ? 'ECONNRESET:connect'
        : undefined,
    EPROTO: tlsFailure,
    ETIMEDOUT: timeoutVariant,
    ENOENT: (error) => (error.syscall === 'connect' ? 'ENOENT:connect' : undefined),
    EACCES: (error) => (error.syscall === 'connect' ? 'EACCES:connect' : undefined),
    ERR_HTTP2_STREAM_ERROR: (error) =>
      text(error.message).includes('NGHTTP2_REFUSED_STREAM')
        ? 'ERR_HTTP2_STREAM_ERROR:NGHTTP2_REFUSED_STREAM'
        : undefined,
  },
  match: (error) => (text(error.code).startsWith('ERR_SSL_') ? 'ERR_SSL_*' : undefined),
};

/** ETIMEDOUT is the kernel's (connecting, or in flight), a timeout policy's, or opossum's. */
function timeoutVariant(error: Fields): string | undefined {
  if (error.syscall === 'connect') return 'ETIMEDOUT:connect';
  if (error.syscall !== undefined) return undefined;
  if (error.name === 'TimeoutError' || error.isTaskCancelledError === true)
    return 'app/TimeoutError';
  const message = text(error.message);
  if (message.startsWith('Timed out after')) return 'app/opossum:ETIMEDOUT';
  return message.startsWith('connect ETIMEDOUT') ? 'ETIMEDOUT:connect' : undefined;
}

/** Where a handshake fails in a write, OpenSSL's reason stands in the message alone. */
function tlsFailure(error: Fields): string | undefined {
  const message = text(error.message);
  return TLS_REASONS.find(([reason]) => message.includes(reason))?.[1];
}
