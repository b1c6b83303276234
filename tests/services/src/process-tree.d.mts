/** Signals a process and all its descendants, ancestors first. */
export declare function signalTree(
  pid: number,
  signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT',
  commandLineHas?: string,
): void;
