import { type Policy, compose } from '@fournines/core';
import { type Deadline, TIMEOUT_CONFIGS, timeout, timeouts } from '@fournines/timeout';

// The context has a deadline, alone and in a composition; the result keeps its type.
const policy = timeout(1_000);
const alone: Promise<'x'> = policy.execute(({ deadline }) => {
  deadline satisfies Deadline;
  return 'x' as const;
});
void alone;
const plain: Policy = policy;
void compose(plain, policy).execute(({ deadline, signal }) => [deadline.at, signal.aborted]);

// Operations are known by name: the usual ones, and one's own.
const usual = timeouts();
void usual.for('DATABASE_QUERY').execute(({ deadline }) => deadline.expired);
// @ts-expect-error there is no such operation
usual.for('DATABASE_QUERRY');
const own = timeouts({ REPORT: 5, quick: { duration: 5, mode: 'cooperative' } }, { env: {} });
void own.for('REPORT').execute(() => own.for('quick').execute(() => own.for('LLM_REQUEST').name));
// @ts-expect-error there is no such operation
own.for('REPORTS');
// @ts-expect-error a duration is a number
timeouts({ REPORT: '5s' });

// @ts-expect-error the table is read-only
TIMEOUT_CONFIGS.LLM_REQUEST = 5;
