import { type ChildProcess, spawn } from 'node:child_process';
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from './free-port.ts';
import { guard, release } from './guard.ts';
import { signalTree } from './process-tree.mjs';

/** How to run one kind of server. */
export interface ServerKind {
  readonly name: string;
  /** Signal on which it ends in good order. */
  readonly stopSignal: NodeJS.Signals;
  /** Who runs it, when not we. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
  /** Once, before the first start. */
  prepare?(folder: string): Promise<void>;
  /** Must name the folder: by it the right process is known again. */
  command(folder: string, port: number): readonly [string, ...string[]];
  /** Whether it answers; throws while it does not. */
  probe(port: number): Promise<void>;
}

/** A real server process of a test, with a port and a data folder of its own. */
export class TestServer implements AsyncDisposable {
  readonly host: string = '127.0.0.1';
  readonly port: number;
  /** Holds its data and its log; removed by `stop()`. */
  readonly folder: string;
  readonly #kind: ServerKind;
  #child: ChildProcess | undefined;
  #ended: Promise<unknown> = Promise.resolve();
  #output = '';

  private constructor(kind: ServerKind, port: number, folder: string) {
    this.#kind = kind;
    this.port = port;
    this.folder = folder;
  }

  /** Starts one and waits until it answers. */
  static async start(kind: ServerKind): Promise<TestServer> {
    const folder = mkdtempSync(path.join(tmpdir(), `fournines-${kind.name}-`));
    try {
      if (kind.owner !== undefined) chownSync(folder, kind.owner.uid, kind.owner.gid);
      await kind.prepare?.(folder);
      const server = new TestServer(kind, await freePort(), folder);
      await server.#start();
      return server;
    } catch (error) {
      release(folder);
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** Its process; undefined after `kill()` and `stop()`. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** What its process has printed so far: for the message of a failing test. */
  get output(): string {
    return this.#output;
  }

  /** SIGKILL to it and all its processes, as a machine dies; resolves when they are gone. */
  async kill(): Promise<void> {
    if (this.pid === undefined) return;
    signalTree(this.pid, 'SIGKILL');
    await this.#ended;
  }

  /** SIGSTOP to it and all its processes: connections stay open, new ones are accepted by the kernel, nobody answers. */
  hang(): void {
    if (this.pid !== undefined) signalTree(this.pid, 'SIGSTOP');
  }

  /** Ends a `hang()`. */
  resume(): void {
    if (this.pid !== undefined) signalTree(this.pid, 'SIGCONT');
  }

  /** Starts it again on the same port with the same data; ends it in good order first when it runs. */
  async restart(): Promise<void> {
    await this.#end();
    await this.#start();
  }

  /** Ends it in good order and removes its data. May be called again. */
  async stop(): Promise<void> {
    await this.#end();
    rmSync(this.folder, { recursive: true, force: true });
    release(this.folder);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #start(): Promise<void> {
    const [command, ...args] = this.#kind.command(this.folder, this.port);
    const child = spawn(command, args, {
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...this.#kind.owner,
    });
    this.#output = '';
    const keep = (chunk: Buffer): void => {
      this.#output = (this.#output + chunk.toString()).slice(-20_000);
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    const { promise, resolve } = Promise.withResolvers<void>();
    child.once('error', (error) => {
      this.#output += error.message;
      this.#child = undefined;
      resolve();
    });
    child.once('exit', () => {
      if (this.#child === child) this.#child = undefined;
      resolve();
    });
    this.#child = child;
    this.#ended = promise;
    if (child.pid !== undefined) guard(this.folder, child.pid);
    await this.#untilReady();
  }

  async #untilReady(): Promise<void> {
    const limit = performance.now() + 30_000;
    for (;;) {
      try {
        await this.#kind.probe(this.port);
        if (this.#child !== undefined) return;
      } catch (error) {
        if (performance.now() > limit) {
          throw new Error(`${this.#kind.name} did not answer within 30 s:\n${this.#output}`, {
            cause: error,
          });
        }
      }
      if (this.#child === undefined) {
        throw new Error(`${this.#kind.name} did not start:\n${this.#output}`);
      }
      await delay(20);
    }
  }

  async #end(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.resume();
    child.kill(this.#kind.stopSignal);
    const impatient = setTimeout(() => void this.kill(), 5000);
    await this.#ended;
    clearTimeout(impatient);
  }
}
