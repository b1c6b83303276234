import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';

/**
 * Signals a process and all its descendants, ancestors first: a stopped parent forks no more.
 * PostgreSQL's backends lead sessions of their own, so that a process group would miss them.
 * With `commandLineHas`, only when the process still is the one meant: pids are used again.
 */
export function signalTree(pid, signal, commandLineHas) {
  if (commandLineHas !== undefined && !commandLine(pid).includes(commandLineHas)) return;
  // Again until no new child appears: one may have been forked while we looked.
  const signalled = new Set();
  for (let found = -1; found !== signalled.size;) {
    found = signalled.size;
    for (const member of [pid, ...descendants(pid)]) {
      if (signalled.has(member)) continue;
      signalled.add(member);
      try {
        process.kill(member, signal);
      } catch (error) {
        if (error.code !== 'ESRCH') throw error;
      }
    }
    // A killed parent's children belong to somebody else now: one look has to do.
    if (signal === 'SIGKILL') return;
  }
}

function descendants(pid) {
  const children = childrenByParent();
  const found = [];
  const open = [pid];
  while (open.length > 0) {
    const next = children.get(open.pop()) ?? [];
    found.push(...next);
    open.push(...next);
  }
  return found;
}

function childrenByParent() {
  const children = new Map();
  for (const [pid, parent] of processes()) {
    children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  return children;
}

function processes() {
  if (process.platform !== 'linux') {
    return execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' })
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/\s+/).map(Number));
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
        // The name in brackets may hold spaces and brackets itself.
        return [[Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])]];
      } catch {
        return [];
      }
    });
}

function commandLine(pid) {
  try {
    return process.platform === 'linux'
      ? readFileSync(`/proc/${pid}/cmdline`, 'utf8')
      : execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
  } catch {
    return '';
  }
}
