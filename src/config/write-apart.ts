/**
 * Small changes of stored resources, one after the other as they come, in a thread that holds all of them: each is
 * checked with what it touches, those that come together share a transaction, and signalling gets what changed.
 *
 * The thread is started by the first change and ends when none came for a while. While it runs nobody else may change
 * the configuration: whoever wants to asks it to `rest` before.
 */
import { Worker } from "node:worker_threads";
import type { Clock, Timer } from "#base/clock.ts";
import { type SnapshotPatch } from "#routing/patch-snapshot.ts";
import { type CarriedSecrets, restoreSecrets } from "./accounts.ts";
import type { ApplyOutcome } from "./apply-apart.ts";
import { deepFreeze } from "./build-snapshot.ts";
import { LOADER_LIMITS } from "./load-apart.ts";

export interface WriteWish {
  /** Entries as tandem.yaml has them, by section. */
  readonly sections: Readonly<Record<string, readonly unknown[]>>;
  readonly remove: readonly { readonly kind: string; readonly name: string }[];
  readonly tenant: string | undefined;
  /** Of the stored resources when the wish was worked out: what it touches must not have changed since. */
  readonly expectedGeneration: number | undefined;
  /** What the entries are called in problems. */
  readonly file: string;
}

/** What is in force when the thread starts. */
export interface WriterOptions {
  /** tandem.yaml's text and name. */
  readonly text: string;
  readonly file: string;
  readonly home: string;
  readonly generation: number;
  readonly hash: string;
}

export type ToWriter = { readonly type: "wish"; readonly id: number; readonly wish: WriteWish } | { readonly type: "close" };

export type FromWriter =
  | {
      readonly type: "written";
      readonly outcomes: readonly (readonly [id: number, outcome: ApplyOutcome])[];
      /** Undefined: nothing changed. */
      readonly patch: SnapshotPatch | undefined;
      readonly secrets: CarriedSecrets;
    }
  /** What is stored is not what is in force: load it, then ask again. */
  | { readonly type: "behind" }
  | { readonly type: "closed" };

export interface WriterPorts {
  readonly entry: URL;
  readonly clock: Clock;
  /** What is in force now. */
  readonly options: () => WriterOptions;
  /** Puts it in force at once. */
  readonly take: (patch: SnapshotPatch) => void;
  /** What is stored has to be loaded anew: somebody else wrote to the database. */
  readonly onBehind: () => void;
}

/** The thread holds all resources in memory: not for longer than somebody changes them. */
const IDLE_MS = 60_000;

export class ResourceWriter {
  readonly #ports: WriterPorts;
  readonly #waiting = new Map<number, (outcome: ApplyOutcome | undefined) => void>();
  #worker: Worker | undefined;
  /** Threads that were told to end → who waits for it. */
  readonly #ending = new Map<Worker, () => void>();
  #idle: Timer | undefined;
  #ids = 0;

  constructor(ports: WriterPorts) {
    this.#ports = ports;
  }

  /** Never rejects. Undefined: what is stored has to be loaded anew before; `onBehind` was told. */
  write(wish: WriteWish): Promise<ApplyOutcome | undefined> {
    return new Promise((resolve) => {
      const id = ++this.#ids;
      this.#waiting.set(id, resolve);
      this.#idle?.cancel();
      this.#worker ??= this.#start();
      const message: ToWriter = { type: "wish", id, wish };
      this.#worker.postMessage(message);
    });
  }

  /** Ends the thread once what it was asked is done. What is asked from now on is a new one's. */
  async rest(): Promise<void> {
    const worker = this.#worker;
    if (worker === undefined) return;
    this.#worker = undefined;
    this.#idle?.cancel();
    await new Promise<void>((resolve) => {
      this.#ending.set(worker, resolve);
      const message: ToWriter = { type: "close" };
      worker.postMessage(message);
    });
    this.#ending.delete(worker);
    await worker.terminate();
  }

  #start(): Worker {
    const worker = new Worker(this.#ports.entry, { workerData: this.#ports.options(), resourceLimits: LOADER_LIMITS, name: "writer" });
    let reason = "it ended";
    worker.on("message", (message: FromWriter) => this.#receive(worker, message));
    worker.on("error", (error) => (reason = error instanceof Error ? error.message : String(error)));
    worker.on("exit", () => {
      const ending = this.#ending.get(worker);
      if (this.#worker !== worker && ending === undefined) return;
      if (this.#worker === worker) this.#worker = undefined;
      this.#answerAll({ ok: false, code: "STORE", message: `the thread that writes resources is gone: ${reason}`, problems: [] });
      ending?.();
    });
    return worker;
  }

  #receive(worker: Worker, message: FromWriter): void {
    if (message.type === "closed") return this.#ending.get(worker)?.();
    if (message.type === "behind") return this.#behind(worker);
    if (message.patch !== undefined) this.#ports.take(restored(message.patch, message.secrets));
    for (const [id, outcome] of message.outcomes) {
      this.#waiting.get(id)?.(outcome);
      this.#waiting.delete(id);
    }
    if (this.#waiting.size === 0) this.#idle = this.#ports.clock.after(IDLE_MS, () => void this.rest());
  }

  #behind(worker: Worker): void {
    if (this.#worker === worker) this.#worker = undefined;
    this.#ports.onBehind();
    this.#answerAll(undefined);
    void worker.terminate();
  }

  #answerAll(outcome: ApplyOutcome | undefined): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const resolve of waiting) resolve(outcome);
  }
}

function restored(patch: SnapshotPatch, secrets: CarriedSecrets): SnapshotPatch {
  const named = <T extends { readonly name: string }>(list: readonly T[]): ReadonlyMap<string, T> =>
    new Map(list.map((one) => [one.name, one]));
  const peers = restoreSecrets({ trunks: named(patch.trunks), gateways: named(patch.gateways) }, secrets);
  return deepFreeze({ ...patch, trunks: [...peers.trunks.values()], gateways: [...peers.gateways.values()] });
}
