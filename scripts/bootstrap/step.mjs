import { ClearFailure } from './fail.mjs';

/**
 * One line per step: its name while it runs, its time and result when it has ended.
 * `run` returns what to say about the result, or nothing.
 */
export async function step(name, run) {
  const started = performance.now();
  process.stdout.write(`  ${name.padEnd(12)} `);
  const end = (words) => {
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    process.stdout.write(`${seconds.padStart(5)} s  ${words}\n`);
  };
  try {
    end((await run()) ?? 'done');
  } catch (error) {
    end('failed');
    throw error;
  }
}

/** Throws what a failed command printed, or one clear line when the cause is well known. */
export function expectSuccess(title, { code, output }) {
  if (code === 0) return;
  throw new ClearFailure(
    explain(output) ?? `${title} failed (exit code ${code}):\n\n${output.trimEnd()}`,
  );
}

function explain(output) {
  const unreachable =
    /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|EHOSTUNREACH|ETIMEDOUT|ERR_SOCKET_TIMEOUT|ECONNRESET)\b/.exec(
      output,
    );
  if (unreachable) {
    return `The npm registry cannot be reached (${unreachable[1]}): check the network, the proxy and npm's \`registry\` setting, then try again.`;
  }
  if (/\bENOSPC\b/.test(output)) return 'The disk is full (ENOSPC).';
  const unwritable = /\b(EACCES|EROFS|EPERM)\b.*?'([^']+)'/.exec(output);
  if (unwritable)
    return `Cannot write ${unwritable[2]} (${unwritable[1]}): this user needs write access to it.`;
  return undefined;
}
