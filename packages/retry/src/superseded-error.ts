/**
 * Why a hedged attempt was aborted: another one was faster, or ended the call. It is the `reason`
 * of that attempt's signal; the caller never sees it, and no breaker counts it.
 */
export class SupersededError extends Error {
  /** Always `SupersededError`. */
  override readonly name = 'SupersededError';
  /** As every abort of Node: such an error is classified as cancelled. */
  readonly code = 'ABORT_ERR';
  /** The name of the hedge policy. */
  readonly policy: string;

  /** @param policy The name of the hedge policy. */
  constructor(policy: string) {
    super(`${policy}: another attempt has ended the call`);
    this.policy = policy;
  }
}
