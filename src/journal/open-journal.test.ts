import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import * as fc from "fast-check";
import type { Clock } from "#base/clock.ts";
import { type CallId, DEFAULT_TENANT } from "#base/ids.ts";
import type { Cdr } from "#cdr/record.ts";
import type { TandemEvent } from "#observe/event.ts";
import { crc32c } from "./crc32c.ts";
import type { JournalCall, Sections } from "./journal.ts";
import { type JournalFiles, type JournalOptions, openJournal } from "./open-journal.ts";
import { readJournal } from "./read-journal.ts";
import { listSegments } from "./segments.ts";

function tempDir(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "tandem-journal-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

const id = (n: number): CallId => `call${String(n).padStart(12, "0")}` as CallId;

/** Only what the journal looks at matters here. */
const cdrOf = (callId: CallId, reason = "done"): Cdr => ({
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
  endReason: reason,
  legs: [],
  attempts: [],
  skipped: [],
});

function virtualClock(): Clock & { advance(ms: number): void } {
  let now = 0;
  let timers: { at: number; run: () => void }[] = [];
  return {
    nowMs: () => now,
    wallMs: () => now,
    after(delayMs, run) {
      const timer = { at: now + delayMs, run };
      timers.push(timer);
      return { cancel: () => void (timers = timers.filter((other) => other !== timer)) };
    },
    advance(ms) {
      const until = now + ms;
      for (;;) {
        const due = timers.filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at)[0];
        if (due === undefined) break;
        timers = timers.filter((timer) => timer !== due);
        now = due.at;
        due.run();
      }
      now = until;
    },
  };
}

/** A journal with a model of the calls beside it, as `call/` would hold them. */
function world(dir: string, more: Partial<JournalOptions> = {}) {
  const clock = virtualClock();
  const live = new Map<CallId, Record<string, unknown>>();
  const closed: string[] = [];
  const events: TandemEvent[] = [];
  const found = readJournal(dir);
  for (const call of found.live) live.set(call.callId, { ...call.sections });
  const journal = openJournal({
    dir,
    found,
    clock,
    publish: (event) => events.push(event),
    liveCalls: function* (): Iterable<JournalCall> {
      for (const [callId, sections] of live) yield { callId, tenant: DEFAULT_TENANT, sections };
    },
    onSegmentClosed: (path) => closed.push(path),
    ...more,
  });
  const append = (callId: CallId, sections: Sections): void => {
    journal.append(callId, DEFAULT_TENANT, sections);
    const call = live.get(callId) ?? {};
    for (const [name, value] of Object.entries(sections))
      if (value === null) delete call[name];
      else call[name] = value;
    live.set(callId, call);
  };
  const end = (callId: CallId): void => {
    journal.end(cdrOf(callId));
    live.delete(callId);
  };
  return { journal, clock, live, closed, events, found, append, end };
}

const liveOf = (dir: string): Map<string, Sections> => new Map(readJournal(dir).live.map((call) => [call.callId, call.sections]));

test("CRC-32C agrees with RFC 3720 §B.4 and the check value", () => {
  assert.equal(crc32c(Buffer.from("123456789"), 0, 9), 0xe3069283);
  assert.equal(crc32c(Buffer.alloc(32), 0, 32), 0x8a9136aa);
  assert.equal(crc32c(Buffer.alloc(32, 0xff), 0, 32), 0x62a8ab43);
  assert.equal(crc32c(Buffer.from(Array.from({ length: 32 }, (_, i) => i)), 0, 32), 0x46dd794e);
});

test("folding merges sections, null removes one, and an end leaves a CDR", (t) => {
  const dir = tempDir(t);
  const { journal, append, end } = world(dir);
  append(id(1), { core: { caller: "+4930" }, dialogA: { n: 1 } });
  append(id(1), { dialogA: { n: 2 }, wire: "\u00e4\u20ac\u{1f600}" });
  append(id(2), { core: 1, attempt: 7 });
  append(id(2), { attempt: null });
  append(id(3), { core: 1 });
  end(id(3));
  journal.close();
  const { live, ended, cuts } = readJournal(dir);
  assert.deepEqual(
    live.map((call) => [call.callId, call.sections]),
    [
      [id(1), { core: { caller: "+4930" }, dialogA: { n: 2 }, wire: "\u00e4\u20ac\u{1f600}" }],
      [id(2), { core: 1 }],
    ],
  );
  assert.deepEqual(ended, [cdrOf(id(3))]);
  assert.deepEqual(cuts, []);
});

test("a call ends once, and a straggler does not revive it", (t) => {
  const dir = tempDir(t);
  const { journal, append, end } = world(dir);
  append(id(1), { core: 1 });
  end(id(1));
  journal.end(cdrOf(id(1), "again"));
  append(id(1), { core: 2 });
  journal.close();
  const { live, ended } = readJournal(dir);
  assert.deepEqual(live, []);
  assert.deepEqual(ended, [cdrOf(id(1))]);
});

test("a tail torn at any byte of the last record loses that record only", (t) => {
  const dir = tempDir(t);
  const { journal, append } = world(dir);
  append(id(1), { core: 1 });
  const segment = listSegments(dir)[0]!;
  const before = readFileSync(segment).length;
  append(id(1), { core: 2 });
  journal.close();
  const whole = readFileSync(segment);
  for (let length = before; length < whole.length; length++) {
    writeFileSync(segment, whole.subarray(0, length));
    const { live, cuts } = readJournal(dir);
    assert.deepEqual(live[0]!.sections, { core: 1 }, `cut at ${length}`);
    assert.equal(cuts.length, length === before ? 0 : 1);
    if (length > before) assert.deepEqual([cuts[0]!.at, cuts[0]!.bytes], [before, length - before]);
  }
  writeFileSync(segment, Buffer.concat([whole.subarray(0, before), Buffer.alloc(64)]));
  assert.match(readJournal(dir).cuts[0]!.reason, /record length 0/);
});

test("random corruption is cut with an event, never thrown, and what stands before it is kept", (t) => {
  const dir = tempDir(t);
  const { journal, append } = world(dir);
  const ends: number[] = [];
  const segment = listSegments(dir)[0]!;
  for (let n = 0; n < 20; n++) {
    append(id(n), { core: { n }, text: "x".repeat(n * 3) });
    ends.push(readFileSync(segment).length);
  }
  journal.close();
  const whole = readFileSync(segment);
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const bytes = Buffer.from(whole);
      bytes[at]! ^= flip;
      writeFileSync(segment, bytes);
      const { live, cuts } = readJournal(dir);
      const intact = ends.filter((end) => end <= at).length;
      assert.equal(live.length, intact);
      assert.equal(cuts.length, 1);
    }),
    { numRuns: 200 },
  );
  const { journal: next, events, found } = world(dir);
  assert.equal(events.filter((event) => event.type === "process" && event.what === "journal-cut").length, found.cuts.length);
  next.close();
});

test("any crash point: each ended call has exactly one CDR, each live call its last sections", () => {
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant("append" as const),
        call: fc.nat(12),
        name: fc.constantFrom("a", "b", "c"),
        value: fc.oneof(fc.constant(null), fc.string({ maxLength: 60 })),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("end" as const), call: fc.nat(12), linger: fc.boolean() }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("time" as const), ms: fc.nat(20) }) },
    { weight: 1, arbitrary: fc.constant({ do: "fold" as const }) },
    { weight: 1, arbitrary: fc.constant({ do: "crash" as const }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150, size: "max" }), (steps) => {
      const dir = mkdtempSync(join(tmpdir(), "tandem-journal-"));
      const open = () => world(dir, { segmentBytes: 400 });
      let now = open();
      const stored = new Map<string, number>();
      const endedCalls = new Set<CallId>();
      let offset = 0;
      const fold = (): void => {
        // As the store thread: oldest first, insert-or-ignore, then delete.
        for (const path of now.closed.splice(0)) {
          const alone = mkdtempSync(join(tmpdir(), "tandem-fold-"));
          copyFileSync(path, join(alone, "00000001.tj"));
          for (const cdr of readJournal(alone).ended) stored.set(cdr.callId, 1);
          rmSync(alone, { recursive: true });
          unlinkSync(path);
        }
      };
      const check = (): void => {
        const contents = readJournal(dir);
        assert.deepEqual(contents.cuts, []);
        const expected = new Map([...now.live].filter(([callId]) => !endedCalls.has(callId)));
        assert.deepEqual(new Map(contents.live.map((call) => [call.callId, call.sections])), expected);
        const unfolded = contents.ended.map((cdr) => cdr.callId).filter((callId) => !stored.has(callId));
        assert.deepEqual([...stored.keys(), ...unfolded].sort(), [...endedCalls].sort());
      };
      try {
        for (const one of steps) {
          if (one.do === "append" && !endedCalls.has(id(one.call + offset))) now.append(id(one.call + offset), { [one.name]: one.value });
          if (one.do === "end") {
            const callId = id(one.call + offset);
            if (!now.live.has(callId) || endedCalls.has(callId)) continue;
            endedCalls.add(callId);
            // A call whose owner keeps listing it after its end must stay ended all the same.
            if (one.linger) now.journal.end(cdrOf(callId));
            else now.end(callId);
          }
          if (one.do === "time") now.clock.advance(one.ms);
          if (one.do === "fold") fold();
          if (one.do === "crash") {
            // Nothing is closed: what was written is what there is.
            check();
            now.journal.close();
            offset += 13;
            now = open();
          }
          check();
        }
      } finally {
        now.journal.close();
        rmSync(dir, { recursive: true });
      }
    }),
    { numRuns: 60 },
  );
});

test("rotation copies live calls little by little and closes the segment only then", (t) => {
  const dir = tempDir(t);
  const { journal, append, closed, clock, end } = world(dir, { segmentBytes: 20_000 });
  for (let n = 0; n < 300; n++) append(id(n), { core: { n, text: "y".repeat(20) } });
  assert.equal(listSegments(dir).length, 2);
  assert.deepEqual(closed, []);
  clock.advance(4);
  assert.deepEqual(closed, []);
  end(id(299));
  append(id(298), { core: "newer" });
  clock.advance(100);
  assert.equal(closed.length, 1);
  unlinkSync(closed[0]!);
  const live = liveOf(dir);
  assert.equal(live.size, 299);
  assert.deepEqual(live.get(id(298)), { core: "newer" });
  journal.close();
});

test("many live calls do not make it rotate for ever", (t) => {
  const dir = tempDir(t);
  const { journal, append, clock } = world(dir, { segmentBytes: 1_000 });
  for (let n = 0; n < 200; n++) {
    append(id(n), { core: "z".repeat(100) });
    clock.advance(100);
  }
  assert.ok(journal.counters.segments < 20, `${journal.counters.segments} segments`);
  journal.close();
});

/** A disk that takes so many bytes and then refuses, writing what still fits first. */
function smallDisk(): JournalFiles & { free: number } {
  const content = new Map<number, string>();
  let nextFd = 100;
  return {
    free: 0,
    open(path) {
      writeFileSync(path, "", { flag: "wx" });
      content.set(++nextFd, path);
      return nextFd;
    },
    write(fd, bytes, offset, length) {
      const taken = Math.min(length, this.free);
      if (taken === 0) throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
      this.free -= taken;
      writeFileSync(content.get(fd)!, bytes.subarray(offset, offset + taken), { flag: "a" });
      return taken;
    },
    truncate(fd, length) {
      const path = content.get(fd)!;
      writeFileSync(path, readFileSync(path).subarray(0, length));
    },
    close: () => {},
    unlink: (path) => unlinkSync(path),
  };
}

test("a full disk degrades without a throw or half a record, and recovers by itself with nothing lost", (t) => {
  const dir = tempDir(t);
  const disk = smallDisk();
  disk.free = 200;
  const { journal, append, end, clock, events, live } = world(dir, { files: disk });
  append(id(1), { core: 1 });
  append(id(2), { core: 1 });
  assert.equal(journal.degraded, false);
  append(id(2), { text: "x".repeat(300) });
  assert.equal(journal.degraded, true);
  assert.deepEqual(readJournal(dir).cuts, []);
  assert.equal(liveOf(dir).size, 2);
  append(id(1), { core: 2 });
  end(id(2));
  clock.advance(3_500);
  assert.equal(journal.degraded, true);
  assert.equal(listSegments(dir).length, 1, "probes leave no files");
  disk.free = 10_000;
  clock.advance(1_000);
  assert.equal(journal.degraded, false);
  append(id(3), { core: 3 });
  const { live: recovered, ended, cuts } = readJournal(dir);
  assert.deepEqual(cuts, []);
  assert.deepEqual(new Map(recovered.map((call) => [call.callId, call.sections])), live);
  assert.deepEqual(ended, [cdrOf(id(2))]);
  assert.deepEqual(
    events.flatMap((event) => (event.type === "process" ? [event.what] : [])),
    ["journal-degraded", "journal-recovered"],
  );
  journal.close();
});

test("the records of a turn are one write at its end, and those before a rotation stand in the segment before", (t) => {
  const dir = tempDir(t);
  let written = 0;
  let asked = 0;
  const { journal, append, end, closed, clock } = world(dir, {
    segmentBytes: 4_000,
    soon: () => void asked++,
    onWritten: () => void written++,
  });
  append(id(1), { core: 1 });
  append(id(1), { core: 2 });
  end(id(2));
  assert.deepEqual([asked, written, liveOf(dir).size], [3, 0, 0]);
  journal.flush();
  journal.flush();
  assert.equal(written, 1);
  assert.deepEqual(liveOf(dir), new Map([[id(1), { core: 2 }]]));
  for (let n = 10; n < 40; n++) append(id(n), { core: "x".repeat(200) });
  clock.advance(100);
  journal.flush();
  for (const path of closed) unlinkSync(path);
  assert.ok(closed.length > 0);
  assert.equal(liveOf(dir).size, 31);
  journal.close();
});

test("a call whose end was held when the disk refused has its record all the same", (t) => {
  const dir = tempDir(t);
  const disk = smallDisk();
  disk.free = 200;
  const { journal, append, end, clock, live } = world(dir, { files: disk, soon: () => {} });
  append(id(1), { core: 1 });
  journal.flush();
  append(id(2), { core: 1, text: "x".repeat(300) });
  end(id(1));
  append(id(3), { core: 1 });
  assert.equal(journal.degraded, false, "nobody has asked the disk yet");
  journal.flush();
  assert.equal(journal.degraded, true);
  assert.deepEqual(readJournal(dir).cuts, []);
  disk.free = 10_000;
  clock.advance(1_000);
  journal.flush();
  const { live: recovered, ended } = readJournal(dir);
  assert.deepEqual(new Map(recovered.map((call) => [call.callId, call.sections])), live);
  assert.deepEqual(ended, [cdrOf(id(1))]);
  journal.close();
});

test("a disk that is full from the start degrades, and the calls found are kept", (t) => {
  const dir = tempDir(t);
  const first = world(dir);
  first.append(id(1), { core: 1 });
  first.journal.close();
  const disk = smallDisk();
  const { journal, clock, closed } = world(dir, { files: disk });
  assert.equal(journal.degraded, true);
  assert.deepEqual(closed, []);
  disk.free = 10_000;
  clock.advance(1_000);
  assert.equal(journal.degraded, false);
  assert.equal(closed.length, 1);
  unlinkSync(closed[0]!);
  assert.deepEqual(liveOf(dir), new Map([[id(1), { core: 1 }]]));
  journal.close();
});

test("sections that are no JSON or too large are refused with an event", (t) => {
  const dir = tempDir(t);
  const { journal, events } = world(dir);
  journal.append(id(1), DEFAULT_TENANT, { big: "x".repeat(1 << 21) });
  journal.append(id(1), DEFAULT_TENANT, { big: 1n });
  assert.equal(events.filter((event) => event.type === "limit").length, 2);
  assert.equal(journal.degraded, false);
  journal.close();
});
