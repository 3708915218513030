/** Composition root of the store thread: opens the database, here or far away, and listens to signalling. */
import { join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { assert } from "#base/assert.ts";
import { systemClock } from "#base/clock.ts";
import { LADDER_FOLDER, readLadder } from "#observe/read-ladder.ts";
import { houseAt, keepFresh, openCdrStore, resealStored } from "#store/database.ts";
import type { StoreThreadOptions, ToStore } from "#store/store-messages.ts";
import { StoreRest } from "#store/store-rest.ts";
import { createStoreThread } from "#store/store-thread.ts";
import { giveWay } from "./giving-way-main.ts";

assert(parentPort !== null, "store-main.ts runs as a worker thread");
const port = parentPort;
const { home, rest } = workerData as StoreThreadOptions;
giveWay();

// Messages that come meanwhile wait in the port until it has a listener.
const house = houseAt(home, process.env);
const store = await openCdrStore(house.database);
const thread = createStoreThread({
  store,
  clock: systemClock,
  rest: new StoreRest(rest),
  post: (message) => port.postMessage(message),
  readLadder: (call, untilMs) => readLadder(join(home, LADDER_FOLDER), call, untilMs),
});
port.on("message", (message: ToStore) => thread.receive(message));

// Passwords that an older version left open, or that another key sealed.
const RESEAL_AGAIN_MS = 30_000;
function reseal(): void {
  resealStored(house).catch(() => systemClock.after(RESEAL_AGAIN_MS, reseal));
}
reseal();
void keepFresh(home, house.database);
