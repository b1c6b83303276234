import { show } from '../check.ts';

/**
 * Checks that a value is a policy: an object with an `execute` method.
 *
 * @throws TypeError otherwise.
 */
export function checkPolicy(option: string, policy: unknown): void {
  const isPolicy =
    typeof policy === 'object' &&
    policy !== null &&
    'execute' in policy &&
    typeof policy.execute === 'function';
  if (!isPolicy) throw new TypeError(`${option} must have an execute method, got ${show(policy)}`);
}
