import { type Gate, gates } from './gates/gate.ts';
import { type RunResult, run, runAll } from './run.ts';
import { type TestCount, runTests } from './tests.ts';

/** What `npm test` runs when everything is set up; with arguments only the tests that they name. */
const filters = process.argv.slice(2);
const failed = filters.length > 0 ? 0 : await runGates();
const tests = await runTests(filters);
report(tests);

async function runGates(): Promise<number> {
  const running = new Map<string, Promise<boolean>>();
  const outcomes = await runAll(gates, (gate) => {
    const outcome = runGate(gate, gate.after === undefined ? undefined : running.get(gate.after));
    running.set(gate.name, outcome);
    return outcome;
  });
  return outcomes.filter((passed) => !passed).length;
}

async function runGate({ name, command }: Gate, before?: Promise<boolean>): Promise<boolean> {
  await before;
  const result: RunResult = await run(command);
  const passed = result.code === 0;
  const seconds = result.seconds.toFixed(1).padStart(5);
  process.stdout.write(`  ${name.padEnd(12)} ${seconds} s  ${passed ? 'passed' : 'FAILED'}\n`);
  if (!passed) process.stdout.write(`\n${result.output.trimEnd()}\n\n`);
  return passed;
}

function report(count: TestCount): void {
  const gatesRun = filters.length > 0 ? 0 : gates.length;
  const failures = count.failed + failed;
  process.stdout.write(`${count.passed + gatesRun - failed} passed, ${failures} failed\n`);
  process.exitCode = failures === 0 ? 0 : 1;
}
