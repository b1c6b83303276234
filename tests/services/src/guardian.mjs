// A process of its own that outlives the one under test by a moment: it reads what that one has
// started, and when its standard input closes, whatever the reason, it ends and removes it all.
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { signalTree } from './process-tree.mjs';

/** @type {Map<string, { pids: number[] }>} By data folder. */
const services = new Map();

for await (const line of createInterface({ input: process.stdin })) {
  const { folder, pid, isGone } = JSON.parse(line);
  if (isGone) services.delete(folder);
  else services.set(folder, { pids: [...(services.get(folder)?.pids ?? []), pid] });
}
for (const [folder, { pids }] of services) {
  for (const pid of pids) signalTree(pid, 'SIGKILL', folder);
  rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
}
