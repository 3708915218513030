import assert from "node:assert/strict";
import { test } from "node:test";
import { VirtualClock } from "../../test/kit/virtual-clock.ts";
import { ResourceWriter, type WriteWish } from "./write-apart.ts";

/** Answers with the number of wishes it has had; does what the wish's file is called. */
const THREAD = `
import { parentPort } from "node:worker_threads";
let wishes = 0;
parentPort.on("message", ({ type, id, wish }) => {
  if (type === "close") return parentPort.postMessage({ type: "closed" });
  wishes++;
  if (wish.file === "die") process.exit(3);
  if (wish.file === "behind") return parentPort.postMessage({ type: "behind" });
  parentPort.postMessage({ type: "written", outcomes: [[id, { ok: true, report: { generation: wishes } }]], patch: undefined, secrets: new Map() });
});`;

function writer(clock = new VirtualClock()) {
  const told: string[] = [];
  const made = new ResourceWriter({
    entry: new URL(`data:text/javascript,${encodeURIComponent(THREAD)}`),
    clock,
    options: () => ({ text: "", file: "", home: "", generation: 1, hash: "" }),
    take: () => told.push("patch"),
    onBehind: () => told.push("behind"),
  });
  return { made, told, clock };
}
const wish = (file = ""): WriteWish => ({ sections: {}, remove: [], tenant: undefined, expectedGeneration: undefined, file });
const generationOf = (outcome: Awaited<ReturnType<ResourceWriter["write"]>>): number =>
  outcome?.ok === true ? outcome.report.generation : NaN;

test("one thread takes what comes, and another what comes after it rested", async () => {
  const { made } = writer();
  assert.deepEqual((await Promise.all([made.write(wish()), made.write(wish())])).map(generationOf), [1, 2]);
  const last = made.write(wish());
  const resting = made.rest();
  const next = made.write(wish());
  assert.deepEqual([generationOf(await last), generationOf(await next)], [3, 1]);
  await resting;
  await made.rest();
  await made.rest();
});

test("after a minute of nothing the thread ends", async () => {
  const { made, clock } = writer();
  assert.equal(generationOf(await made.write(wish())), 1);
  clock.advance(59_000);
  assert.equal(generationOf(await made.write(wish())), 2);
  clock.advance(61_000);
  assert.equal(generationOf(await made.write(wish())), 1);
  await made.rest();
});

test("a thread that dies is an answer, and the next wish gets another", async () => {
  const { made } = writer();
  const outcome = await made.write(wish("die"));
  assert.ok(outcome?.ok === false && outcome.code === "STORE", JSON.stringify(outcome));
  assert.equal(generationOf(await made.write(wish())), 1);
  await made.rest();
});

test("whose store was written to by others asks for it to be loaded", async () => {
  const { made, told } = writer();
  assert.equal(await made.write(wish("behind")), undefined);
  assert.deepEqual(told, ["behind"]);
  assert.equal(generationOf(await made.write(wish())), 1);
  await made.rest();
});
