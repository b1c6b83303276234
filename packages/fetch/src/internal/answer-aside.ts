import type { Clock } from '@fournines/core';
import { disposeResult } from '@fournines/core/authoring';

/** A longer answer is not kept: 10 000 calls that wait hold 160 MB at most. */
const LONGEST_BYTES = 16_384;

/** How long the rest of an answer is waited for, in milliseconds: its socket may be one of few. */
const PATIENCE_MS = 1_000;

/**
 * The answer of an attempt, while the next one is waited for. A small one is read to its end, so
 * that its socket is free for others, and kept: the last that the origin has said, should the next
 * attempt not be let through to it. Of a long one, or one that takes long, the body is cancelled.
 */
export class AnswerAside {
  /** The answer whose body is still to be read; undefined when it was not kept. */
  #copy: Response | undefined;
  readonly #drain: ReadableStreamDefaultReader<Uint8Array> | undefined;

  constructor(response: Response, clock: Clock) {
    if ((response.body ?? null) === null) {
      this.#copy = response;
      return;
    }
    if (!isCopyable(response)) {
      disposeResult(response);
      return;
    }
    // Its original is read here; the copy keeps status, headers and address.
    this.#copy = response.clone();
    this.#drain = response.body?.getReader();
    const timer = clock.setTimeout(() => this.drop(), PATIENCE_MS);
    timer.unref();
    void this.#read().then((isWhole) => {
      timer.cancel();
      if (!isWhole) this.drop();
    });
  }

  /** The answer, for the caller: it reads what is still to come. */
  take(): Response | undefined {
    const response = this.#copy;
    this.#copy = undefined;
    this.#stop();
    return response;
  }

  /** Another attempt is sent, or the call has ended with something else. */
  drop(): void {
    disposeResult(this.take());
  }

  /** Whether it came to the end within the limit. */
  async #read(): Promise<boolean> {
    let size = 0;
    try {
      for (;;) {
        const chunk = await this.#drain?.read();
        // Taken meanwhile, it ends here; what is left is the caller's.
        if (chunk === undefined || chunk.done) return true;
        size += chunk.value.byteLength;
        if (size > LONGEST_BYTES) return false;
      }
    } catch {
      // Cut off: so it is for who reads the copy.
      return true;
    }
  }

  #stop(): void {
    this.#drain?.cancel().catch(() => {});
  }
}

/** Mocks, and fetches of other kinds, may not be able to. */
function isCopyable({ body, bodyUsed, clone }: Response): boolean {
  const isFresh = body instanceof ReadableStream && !body.locked && !bodyUsed;
  return isFresh && typeof clone === 'function';
}
