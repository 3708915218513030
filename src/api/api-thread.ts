/**
 * The API as signalling sees it: a thread of its own that is started once calls are taken, asks over the control
 * socket like everybody else, and is started again when it dies. Nothing of the API is loaded here.
 */
import { Worker } from "node:worker_threads";
import type { Clock, Timer } from "#base/clock.ts";

export interface ApiThreadOptions {
  /** State folder. */
  readonly home: string;
  readonly controlPath: string;
  readonly address: string;
  readonly port: number;
  /** Of each user or key; undefined: request-limit.ts says. */
  readonly requestsPerSecond: number | undefined;
  readonly version: string;
  /** The OpenTelemetry collector that spans of calls go to. */
  readonly otlp: { readonly endpoint: string; readonly headers: readonly string[] } | undefined;
  readonly nodeName: string;
  /** Whether webhooks may go to addresses of private networks. */
  readonly allowPrivate: boolean;
  /** See local-token.ts. */
  readonly key: Uint8Array;
}

export type FromApi =
  | { readonly type: "listening"; readonly url: string; readonly firstLogin: string | undefined }
  /** It goes on without: starting again would change nothing. */
  | { readonly type: "unavailable"; readonly reason: string }
  | { readonly type: "mistake"; readonly text: string }
  | { readonly type: "closed" };
export type ToApi = { readonly type: "close" };

export interface ApiThread {
  /** Undefined until it listens. */
  readonly url: string | undefined;
  close(): Promise<void>;
}

interface StartOptions {
  readonly entry: URL;
  readonly clock: Clock;
  readonly options: ApiThreadOptions;
  readonly startDelayMs: number;
  readonly onListening: (url: string, firstLogin: string | undefined) => void;
  readonly onProblem: (reason: string) => void;
}

const RESTART_MS = 5_000;
const CLOSE_MS = 1_000;
/** An export that runs wild ends this thread and not the switch. */
const LIMITS = { maxOldGenerationSizeMb: 512 };

export function startApi({ entry, clock, options, startDelayMs, onListening, onProblem }: StartOptions): ApiThread {
  let worker: Worker | undefined;
  let url: string | undefined;
  let closing: (() => void) | undefined;
  let closed = false;
  let timer: Timer | undefined = clock.after(startDelayMs, start);

  function start(): void {
    timer = undefined;
    const made = new Worker(entry, { workerData: options, resourceLimits: LIMITS });
    let over = false;
    worker = made;
    made.on("message", (message: FromApi) => {
      if (message.type === "listening") {
        url = message.url;
        onListening(message.url, message.firstLogin);
      } else if (message.type === "unavailable") {
        over = true;
        onProblem(message.reason);
        void made.terminate();
      } else if (message.type === "mistake") onProblem(message.text);
      else closing?.();
    });
    made.on("error", (error) => onProblem(`the API's thread failed: ${String(error)}`));
    made.on("exit", () => {
      worker = undefined;
      url = undefined;
      closing?.();
      if (!over && !closed) timer = clock.after(RESTART_MS, start);
    });
  }

  return {
    get url() {
      return url;
    },
    async close() {
      closed = true;
      timer?.cancel();
      const running = worker;
      if (running === undefined) return;
      await new Promise<void>((resolve) => {
        const late = clock.after(CLOSE_MS, resolve);
        closing = () => {
          late.cancel();
          resolve();
        };
        const close: ToApi = { type: "close" };
        running.postMessage(close);
      });
      await running.terminate();
    },
  };
}
