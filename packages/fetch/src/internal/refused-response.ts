import { HttpError } from '@fournines/error-classification';

/**
 * A response of status 400 or above on its way through the policies, which judge it as the error
 * that it is. Its body is left alone: after the last attempt the caller gets the response itself.
 */
export class RefusedResponse extends HttpError {}
