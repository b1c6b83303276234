import { type Fields, fieldsOf } from './fields.ts';

/** Causes deeper than this are not looked at; it also ends cycles, cheaper than remembering what was seen. */
export const MAX_DEPTH = 10;

/** What stands behind an error: its cause, or what ORMs and clients keep under another name. */
export function innerOf(error: Fields): unknown {
  if (error.cause !== undefined) return error.cause;
  if (error.name === 'SuppressedError') return error.suppressed;
  return error.driverError ?? error.original ?? error.lastNodeError ?? error.originalError;
}

/** The members of an aggregate: of AggregateError by name, of anything else whose `errors` are real errors. */
export function membersOf(error: Fields): readonly unknown[] | undefined {
  const errors = error.errors;
  if (errors === undefined)
    return error.errorIndexes === undefined ? undefined : failedReplies(error);
  if (!Array.isArray(errors) || errors.length === 0) return undefined;
  const first: unknown = errors[0];
  return error.name === 'AggregateError' || typeof fieldsOf(first).stack === 'string'
    ? errors
    : undefined;
}

/** node-redis' MultiErrorReply: a MULTI in which some commands failed. */
function failedReplies(error: Fields): readonly unknown[] | undefined {
  const replies = error.replies;
  if (!Array.isArray(replies)) return undefined;
  const failed = replies.filter((reply) => typeof fieldsOf(reply).stack === 'string');
  return failed.length === 0 ? undefined : failed;
}
