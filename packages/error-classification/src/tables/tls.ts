import { table, type ErrorTable } from '../internal/table.ts';

/** TLS. Notes and references of each row: `error-codes.json`. */
export const tlsErrors: ErrorTable = /* @__PURE__ */ table('tls', [
  ['CERT_HAS_EXPIRED', 'certificate expired', 'tls', 'critical', 'no', true, 502],
  ['CERT_NOT_YET_VALID', 'not yet valid (clock?)', 'tls', 'critical', 'no', true, 502],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'incomplete chain', 'tls', 'critical', 'no', true, 502],
  ['UNABLE_TO_GET_ISSUER_CERT', 'issuer missing', 'tls', 'critical', 'no', true, 502],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'issuer unknown locally', 'tls', 'critical', 'no', true, 502],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'self-signed in chain', 'tls', 'critical', 'no', true, 502],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'self-signed leaf', 'tls', 'critical', 'no', true, 502],
  ['CERT_REVOKED', 'revoked', 'tls', 'critical', 'no', true, 502],
  ['CERT_SIGNATURE_FAILURE', 'bad signature', 'tls', 'critical', 'no', true, 502],
  ['HOSTNAME_MISMATCH', 'hostname mismatch', 'tls', 'critical', 'no', true, 502],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'altname mismatch', 'tls', 'critical', 'no', true, 502],
  ['ERR_TLS_HANDSHAKE_TIMEOUT', 'handshake timeout', 'timeout', 'high', 'yes', true, 503],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'plain text on a TLS port', 'configuration', 'critical', 'no', true, 502],
  ['ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE', 'no common cipher/client cert', 'tls', 'critical', 'no', true, 502],
  ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', 'protocol version', 'tls', 'critical', 'no', true, 502],
  ['ERR_SSL_*', 'any other TLS failure of OpenSSL', 'tls', 'critical', 'no', true, 502],
]);
