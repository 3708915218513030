import assert from "node:assert/strict";
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { DatabaseSync } from "node:sqlite";
import { systemClock } from "#base/clock.ts";
import { type CallId, CallIds, DEFAULT_TENANT } from "#base/ids.ts";
import { seededRandom } from "#base/random.ts";
import type { Cdr } from "#cdr/record.ts";
import { openJournal } from "#journal/open-journal.ts";
import { readJournal } from "#journal/read-journal.ts";
import { listSegments } from "#journal/segments.ts";
import type { TandemEvent } from "#observe/event.ts";
import type { CdrStore } from "./cdr-store.ts";
import { openSqliteStore } from "./sqlite/open-sqlite.ts";
import { StoreError, startStore } from "./store-client.ts";
import type { FromStore } from "./store-messages.ts";
import { StoreRest } from "./store-rest.ts";
import { createStoreThread } from "./store-thread.ts";

const ids = new CallIds(() => Date.UTC(2026, 0, 2), seededRandom(3));

const cdrOf = (callId: CallId): Cdr => ({
  callId,
  tenant: DEFAULT_TENANT,
  node: "01",
  direction: "inbound",
  caller: "+1",
  called: "ai",
  route: "",
  configGeneration: 1,
  startedAtMs: 1,
  answeredAtMs: 2,
  endedAtMs: 3,
  setupMs: 1,
  durationMs: 1,
  outcome: "answered",
  sipStatus: 200,
  q850: 16,
  endedBy: "caller",
  endReason: "done",
  legs: [],
  attempts: [],
  skipped: [],
});

function tempDir(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "tandem-store-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** The thread's body in this thread, its clock moved by hand. */
function world(dir: string, store: CdrStore, rest?: StoreRest) {
  const posted: FromStore[] = [];
  let due: (() => void)[] = [];
  const clock = {
    nowMs: () => 0,
    wallMs: () => 0,
    after: (_: number, run: () => void) => {
      due.push(run);
      return { cancel: () => void (due = due.filter((one) => one !== run)) };
    },
  };
  const thread = createStoreThread({
    store,
    clock,
    ...(rest !== undefined && { rest }),
    post: (message) => posted.push(message),
    readLadder: () => ({ callId: undefined, candidates: [], events: [] }),
  });
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  const pass = async (): Promise<void> => {
    for (const run of due.splice(0)) run();
    await settle();
  };
  const journal = openJournal({
    dir,
    found: readJournal(dir),
    clock: { ...clock, after: () => ({ cancel: () => {} }) },
    publish: () => {},
    liveCalls: () => [],
    segmentBytes: 2_000,
    onSegmentOpened: (path) => thread.receive({ type: "segment-opened", path }),
    onSegmentClosed: (path) => thread.receive({ type: "segment-closed", path }),
  });
  return { thread, journal, posted, pass, settle, due: () => due.length };
}

test("a record that the database refuses is told, and keeps no other waiting", async (t) => {
  const dir = tempDir(t);
  const store = await openSqliteStore(join(dir, "tandem.db"));
  t.after(() => store.close());
  const { journal, pass, posted } = world(dir, store);
  const [first, bad, shapeless, last] = [ids.next(), ids.next(), ids.next(), ids.next()];
  journal.end(cdrOf(first));
  journal.end({ ...cdrOf(bad), outcome: null as never });
  journal.end({ callId: shapeless, tenant: DEFAULT_TENANT } as Cdr);
  journal.end(cdrOf(last));
  await pass();
  await pass();
  assert.deepEqual(
    (await store.list({ limit: 10 })).map(({ callId }) => callId),
    [last, first],
  );
  assert.deepEqual(
    posted.map((message) => [message.type, message.type === "refused" && message.cdr.callId]),
    [
      ["refused", bad],
      ["refused", shapeless],
    ],
  );
  journal.close();
});

test("ended calls are stored from the living segment, and a closed one is deleted once folded", async (t) => {
  const dir = tempDir(t);
  const store = await openSqliteStore(join(dir, "tandem.db"));
  const { journal, pass, posted, thread, settle } = world(dir, store);
  const first = ids.next();
  journal.append(first, DEFAULT_TENANT, { core: 1 });
  journal.end(cdrOf(first));
  await pass();
  assert.deepEqual(await store.list({ limit: 10 }), [cdrOf(first)]);
  const ended = [first];
  for (let n = 0; n < 20; n++) {
    const callId = ids.next();
    journal.append(callId, DEFAULT_TENANT, { core: "x".repeat(100) });
    journal.end(cdrOf(callId));
    ended.push(callId);
  }
  const before = listSegments(dir).length;
  assert.ok(before > 3);
  // A question right after sees all of it.
  thread.receive({ type: "ask", id: 1, question: { type: "cdrs", filter: { limit: 100 } } });
  await settle();
  const answer = posted.find((message) => message.type === "answer");
  assert.ok(answer);
  assert.deepEqual(
    (answer.value as readonly Cdr[]).map((cdr) => cdr.callId),
    ended.toReversed(),
  );
  assert.equal(listSegments(dir).length, 1);
  assert.equal(posted.filter((message) => message.type === "folded").length, before - 1);
  thread.receive({ type: "close" });
  await settle();
  assert.equal(posted.at(-1)?.type, "closed");
  journal.close();
});

test("under load calls are stored every fifth time the journal is synced, after quiet the next time", async (t) => {
  const dir = tempDir(t);
  const store = await openSqliteStore(join(dir, "tandem.db"));
  t.after(() => store.close());
  const batches: number[] = [];
  const { journal, pass } = world(dir, {
    ...store,
    insert: (cdrs) => (batches.push(cdrs.length), store.insert(cdrs)),
  });
  for (let n = 0; n < 11; n++) {
    journal.end(cdrOf(ids.next()));
    await pass();
  }
  assert.deepEqual(batches, [1, 5, 5]);
  for (let n = 0; n < 5; n++) await pass();
  journal.end(cdrOf(ids.next()));
  await pass();
  assert.deepEqual(batches, [1, 5, 5, 1]);
  journal.close();
});

test("what a crash left behind is folded at the next start, the same call once", async (t) => {
  const dir = tempDir(t);
  const path = join(dir, "tandem.db");
  const [kept, over, late] = [ids.next(), ids.next(), ids.next()];
  const one = world(dir, await openSqliteStore(path));
  one.journal.append(kept, DEFAULT_TENANT, { core: "kept" });
  one.journal.end(cdrOf(over));
  await one.pass();
  one.journal.end(cdrOf(late));
  // Killed: nothing is closed, and the last record is torn.
  appendFileSync(listSegments(dir)[0]!, Buffer.from([9, 0, 0, 0, 1, 2]));
  const store = await openSqliteStore(path);
  const two = world(dir, store);
  await two.pass();
  assert.deepEqual(
    (await store.list({ limit: 10 })).map((cdr) => cdr.callId),
    [late, over],
  );
  assert.equal(listSegments(dir).length, 1);
  assert.deepEqual(
    readJournal(dir).live.map((call) => call.callId),
    [kept],
  );
});

test("a database that fails is told once, CDRs wait in the journal, segments stay, and it recovers", async (t) => {
  const dir = tempDir(t);
  const store = await openSqliteStore(join(dir, "tandem.db"));
  let full = true;
  const { journal, pass, posted } = world(dir, {
    ...store,
    insert: (cdrs) => (full ? Promise.reject(new Error("database or disk is full")) : store.insert(cdrs)),
  });
  const ended = Array.from({ length: 20 }, () => ids.next());
  for (const callId of ended) journal.end(cdrOf(callId));
  await pass();
  await pass();
  assert.deepEqual(posted, [{ type: "problem", reason: "database or disk is full" }]);
  assert.ok(listSegments(dir).length > 1);
  full = false;
  // It is tried once a second.
  for (let n = 0; n < 20; n++) await pass();
  assert.equal(posted.at(-1)?.type, "recovered");
  assert.equal(listSegments(dir).length, 1);
  assert.deepEqual(
    (await store.list({ limit: 100 })).map((cdr) => cdr.callId),
    ended.toReversed(),
  );
});

test("the real thread: migrated database with its rights, questions, its death and its end", async (t) => {
  const home = tempDir(t);
  const dir = join(home, "journal");
  const events: TandemEvent[] = [];
  const store = startStore({ home, clock: systemClock, publish: (event) => events.push(event) });
  const journal = openJournal({
    dir,
    found: readJournal(dir),
    clock: systemClock,
    publish: (event) => events.push(event),
    liveCalls: () => [],
    onSegmentOpened: (path) => store.segmentOpened(path),
    onSegmentClosed: (path) => store.segmentClosed(path),
  });
  const callId = ids.next();
  journal.end(cdrOf(callId));
  assert.deepEqual(await store.cdrs({ limit: 5 }), [cdrOf(callId)]);
  await store.saveConfig({ number: 1, hash: "h", text: "t", appliedAtMs: 5 });
  assert.deepEqual(await store.configs(5), [{ number: 1, hash: "h", text: "t", appliedAtMs: 5 }]);
  assert.deepEqual(await store.ladder(undefined), { callId: undefined, candidates: [], events: [] });
  assert.equal(statSync(join(home, "tandem.db")).mode & 0o777, 0o600);
  journal.end(cdrOf(ids.next()));
  await store.close();
  journal.close();
  await assert.rejects(store.cdrs({ limit: 1 }), StoreError);
  const db = new DatabaseSync(join(home, "tandem.db"));
  assert.equal(db.prepare("select count(*) as calls from call").get()?.["calls"], 2);
  db.close();
  assert.deepEqual(events, []);
});

test("a store thread that can't open its database is told of and tried again; the journal keeps the CDRs", async (t) => {
  const home = tempDir(t);
  const dir = join(home, "journal");
  appendFileSync(join(home, "tandem.db"), "this is no database, and it is longer than a header would be ".repeat(20));
  const events: TandemEvent[] = [];
  const restarts: (() => void)[] = [];
  let told = (): void => {};
  const store = startStore({
    home,
    clock: {
      ...systemClock,
      after: (delayMs, run) => (delayMs === 1_000 ? (restarts.push(run), { cancel: () => {} }) : systemClock.after(delayMs, run)),
    },
    publish: (event) => {
      events.push(event);
      told();
    },
  });
  const journal = openJournal({
    dir,
    found: readJournal(dir),
    clock: systemClock,
    publish: () => {},
    liveCalls: () => [],
    onSegmentOpened: (path) => store.segmentOpened(path),
  });
  const callId = ids.next();
  journal.end(cdrOf(callId));
  await assert.rejects(store.cdrs({ limit: 1 }), StoreError);
  if (events.length === 0) await new Promise<void>((resolve) => (told = resolve));
  assert.match(JSON.stringify(events[0]), /store-gone.*not a database/);
  rmSync(join(home, "tandem.db"));
  restarts[0]!();
  assert.deepEqual(await store.cdrs({ limit: 5 }), [cdrOf(callId)]);
  await store.close();
  journal.close();
  assert.equal(existsSync(listSegments(dir)[0]!), true);
  assert.ok(readFileSync(listSegments(dir)[0]!).length > 0);
});

test("without a record the thread rests, and the first one wakes it whatever is going on just then", async (t) => {
  const dir = tempDir(t);
  const store = await openSqliteStore(join(dir, "tandem.db"));
  const rest = new StoreRest();
  const { journal, pass, thread, due } = world(dir, store, rest);
  const passes = async (): Promise<void> => {
    for (let n = 0; n < 25; n++) await pass();
  };
  await passes();
  assert.equal(due(), 0);
  // Written, and not told yet: whoever writes first after that has nothing to tell any more.
  const [first, second] = [ids.next(), ids.next()];
  journal.end(cdrOf(first));
  assert.equal(rest.end(), true);
  assert.equal(rest.end(), false);
  thread.receive({ type: "wake" });
  assert.equal(due(), 1);
  await pass();
  await pass();
  assert.deepEqual(
    (await store.list({ limit: 10 })).map(({ callId }) => callId),
    [first],
  );
  await passes();
  assert.equal(due(), 0);
  // A question stores what is there without being woken, and the message that comes late does no harm.
  journal.end(cdrOf(second));
  thread.receive({ type: "ask", id: 1, question: { type: "cdrs", filter: { limit: 10 } } });
  await pass();
  assert.equal((await store.list({ limit: 10 })).length, 2);
  thread.receive({ type: "wake" });
  thread.receive({ type: "wake" });
  assert.equal(due(), 1);
  await passes();
  assert.equal(due(), 0);
  journal.close();
});
