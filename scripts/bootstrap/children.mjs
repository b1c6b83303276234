import { spawn } from 'node:child_process';
import { constants } from 'node:os';

/** The process groups that this process started and that have not ended. */
const groups = new Set();
let interrupted;

/**
 * Starts a command in a process group of its own, so that the whole group can be ended and a
 * terminal's Ctrl-C reaches it once, through us, and not a second time.
 */
function launch(command, args, options) {
  const child = spawn(command, args, { ...options, detached: true });
  if (child.pid !== undefined) {
    groups.add(child.pid);
    child.once('exit', () => groups.delete(child.pid));
  }
  return child;
}

/** Sends a signal to a group; false when nothing of it is left. */
function signalGroup(pid, signal) {
  try {
    process.kill(-pid, signal);
    return true;
  } catch {
    return false;
  }
}

/** Ends what is left of a group: politely, then for good after `graceMs`. */
async function endGroup(pid, graceMs) {
  const until = Date.now() + graceMs;
  signalGroup(pid, 'SIGTERM');
  while (signalGroup(pid, 0) && Date.now() < until) await pause(50);
  signalGroup(pid, 'SIGKILL');
}

/** The exit code by which a shell reports an end. */
function exitCodeOf(code, signal) {
  return code ?? 128 + (constants.signals[signal] ?? 0);
}

/**
 * Calls `onSignal` for SIGINT, SIGTERM and SIGHUP, once per press: npm passes on a Ctrl-C that the
 * terminal has already delivered. When our parent disappears without a word, that is a SIGTERM.
 */
function onTermination(onSignal) {
  const parent = process.ppid;
  let last = -Infinity;
  const handlers = ['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => {
    const handler = () => {
      const now = performance.now();
      if (now - last < 400) return;
      last = now;
      onSignal(signal);
    };
    process.on(signal, handler);
    return [signal, handler];
  });
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    onSignal('SIGTERM');
  }, 1000);
  watch.unref();
  return () => {
    clearInterval(watch);
    for (const [signal, handler] of handlers) process.off(signal, handler);
  };
}

/** Runs a command to its end and collects its output. A signal to us ends it and us. */
export async function collect(command, args, options) {
  const child = launch(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  const chunks = [];
  child.stdout.on('data', (chunk) => chunks.push(chunk));
  child.stderr.on('data', (chunk) => chunks.push(chunk));
  const release = onTermination((signal) => {
    interrupted = signal;
    for (const pid of groups) void endGroup(pid, 3000);
  });
  try {
    const code = await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (exitCode, signal) => resolve(exitCodeOf(exitCode, signal)));
    });
    if (interrupted !== undefined) process.exit(exitCodeOf(null, interrupted));
    return { code, output: Buffer.concat(chunks).toString() };
  } finally {
    release();
  }
}

/**
 * Runs a command as if it were this process: its output is ours, signals go to it, its exit code
 * comes back when it has ended and nothing of its group is left.
 */
export async function runInForeground(command, args, options) {
  const child = launch(command, args, {
    ...options,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const release = onTermination((signal) => child.kill(signal));
  try {
    const code = await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (exitCode, signal) => resolve(exitCodeOf(exitCode, signal)));
    });
    await endGroup(child.pid, 5000);
    return code;
  } finally {
    release();
  }
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
