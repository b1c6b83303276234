import { type Fields, fieldsOf } from './fields.ts';

/** The HTTP status of an error or of its `response`: 400 to 599, as a number or as digits. */
export function statusOf(error: Fields): number | undefined {
  const own = status(error.status) ?? status(error.statusCode);
  if (own !== undefined || error.response === undefined) return own;
  const response = fieldsOf(error.response);
  return status(response.status) ?? status(response.statusCode);
}

/** The headers of an error or of its `response`, in whatever form they come. */
export function headersOf(error: Fields): unknown {
  return error.headers ?? error.responseHeaders ?? fieldsOf(error.response).headers;
}

function status(value: unknown): number | undefined {
  const number = typeof value === 'string' && /^\d{3}$/.test(value) ? Number(value) : value;
  return typeof number === 'number' && Number.isInteger(number) && number >= 400 && number <= 599
    ? number
    : undefined;
}
