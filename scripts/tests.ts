import { spawn } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { root } from './workspace.ts';

/** How many tests passed and failed; a file that could not run is one failure. */
export interface TestCount {
  readonly passed: number;
  readonly failed: number;
}

interface JsonReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly unknown[];
  }[];
}

/** Runs vitest, its own report on our output, and counts by its JSON report. */
export async function runTests(filters: readonly string[]): Promise<TestCount> {
  const file = path.join(root, 'temp', 'tests.json');
  rmSync(file, { force: true });
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
  const code = await runVitest([...reporters, ...filters]);
  return count(file, code);
}

async function runVitest(args: readonly string[]): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const child = spawn('vitest', ['run', ...args], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  child.once('error', reject);
  child.once('close', (code) => resolve(code ?? 1));
  return promise;
}

function count(file: string, code: number): TestCount {
  const report = readReport(file);
  if (report === undefined) return { passed: 0, failed: 1 };
  const brokenFiles = report.testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
  ).length;
  const failed = report.numFailedTests + brokenFiles;
  const passed = report.numPassedTests;
  // Unhandled errors and the like: vitest failed although no test did. And where none ran, a name
  // was mistyped.
  const isAmiss = code !== 0 || passed === 0;
  return { passed, failed: failed === 0 && isAmiss ? 1 : failed };
}

function readReport(file: string): JsonReport | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as JsonReport;
  } catch {
    return undefined;
  }
}
