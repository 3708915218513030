/** Loads a configuration in a thread of its own, so that a reload of any size keeps no call waiting. */
import { Worker } from "node:worker_threads";
import type { LoadedConfig } from "./load.ts";
import { type FromLoader, LoadedParts, type ToLoader } from "./load-messages.ts";

/** What the thread is given; the rest it finds out itself. */
export interface LoadApartOptions {
  readonly file: string | undefined;
  readonly home: string | undefined;
  readonly generation: number;
}

/** Room for a configuration to be read in: with less, the collector walks over it again and again. */
export const LOADER_LIMITS = { maxYoungGenerationSizeMb: 64 };

/** @param entry the composition root of the thread; rejects when the thread itself fails */
export function loadApart(entry: URL, options: LoadApartOptions): Promise<LoadedConfig> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(entry, { workerData: options, resourceLimits: LOADER_LIMITS });
    const parts = new LoadedParts();
    const more: ToLoader = { type: "more" };
    worker.on("error", reject);
    worker.on("exit", (code) => reject(new Error(`the thread that reads the configuration ended with ${code}`)));
    worker.on("message", (part: FromLoader) => {
      const whole = parts.take(part);
      if (whole === undefined) return worker.postMessage(more);
      resolve(whole);
      void worker.terminate();
    });
  });
}
