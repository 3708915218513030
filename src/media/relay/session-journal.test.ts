import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import type { SessionId } from "#media/engine.ts";
import { SessionJournal } from "./session-journal.ts";
import { type SessionRecord, foldRecords, recordLine } from "./session-record.ts";

const record = (session: SessionId, timeoutMs: number): SessionRecord => ({
  session,
  timeoutMs,
  pair: "b1",
  sides: {
    a: {
      local: {
        pool: "p",
        bindAddress: "127.0.0.1",
        advertisedAddress: "192.0.2.1",
        port: 10_000,
        nat: false,
        signallingAddress: "127.0.0.2",
      },
    },
  },
});

async function inFolder(run: (path: string) => void): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "media-journal-"));
  try {
    run(join(folder, "journal"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("the newest line of a session wins, an ended one is gone", () => {
  const text =
    recordLine("s1", record("s1", 1)) + recordLine("s2", record("s2", 2)) + recordLine("s1", record("s1", 3)) + recordLine("s2", undefined);
  const { live, damaged } = foldRecords(text);
  assert.deepEqual([...live.values()], [record("s1", 3)]);
  assert.equal(damaged, 0);
});

test("wherever the file is torn, all whole lines before it are read and nothing throws", () => {
  const text = recordLine("s1", record("s1", 1)) + recordLine("s2", record("s2", 2)) + recordLine("s1", undefined);
  fc.assert(
    fc.property(fc.nat(text.length), fc.string(), (cut, garbage) => {
      const { live } = foldRecords(text.slice(0, cut) + garbage.replaceAll("\n", ""));
      assert.equal(live.has("s2"), cut >= recordLine("s1", record("s1", 1)).length + recordLine("s2", record("s2", 2)).length);
    }),
  );
});

test("a journal opened again has what was flushed, and a torn tail does not spoil the next line", () =>
  inFolder((path) => {
    const first = SessionJournal.open(path, assert.fail);
    assert.equal(first.live.size, 0);
    const source = { sessionIds: () => [], record: () => undefined };
    first.journal.changed("s1", record("s1", 1));
    first.journal.flush(source);
    first.journal.close();
    appendFileSync(path, '{"session":"s2","si');
    const second = SessionJournal.open(path, assert.fail);
    second.journal.changed("s3", record("s3", 3));
    second.journal.flush(source);
    second.journal.close();
    assert.deepEqual([...SessionJournal.open(path, assert.fail).live.keys()], ["s1", "s3"]);
  }));

test("a grown file is rewritten beside itself while sessions go on changing, and nothing is lost", () =>
  inFolder((path) => {
    const { journal } = SessionJournal.open(path, assert.fail);
    const sessions = new Map<SessionId, SessionRecord>();
    const source = { sessionIds: () => [...sessions.keys()], record: (id: SessionId) => sessions.get(id) };
    let largest = 0;
    for (let i = 0; i < 30_000; i++) {
      const id = `s${i}`;
      sessions.set(id, record(id, i));
      journal.changed(id, sessions.get(id));
      const old = `s${i - 100}`;
      if (sessions.delete(old)) journal.changed(old, undefined);
      journal.flush(source);
      largest = Math.max(largest, i % 500 === 0 ? statSync(path).size : 0);
    }
    journal.close();
    assert.ok(largest < 6 << 20, `${largest} bytes`);
    assert.deepEqual(new Map(foldRecords(readFileSync(path, "utf8")).live), sessions);
  }));

/** How many files this process has open. */
const filesOpen = (): number => readdirSync("/proc/self/fd").length;

test("a disk that refuses the rewrite, whatever it does of it, is told of once, leaks nothing and is tried again", () =>
  inFolder((path) => {
    const complaints: string[] = [];
    const { journal } = SessionJournal.open(path, (detail) => complaints.push(detail));
    const kept = record("s", 1);
    const source = { sessionIds: () => ["s"], record: () => kept };
    for (let i = 0; i < 30_000; i++) journal.changed("s", kept);
    const before = filesOpen();
    for (const refuse of [() => symlinkSync("/dev/full", `${path}.new`), () => mkdirSync(`${path}.new`)]) {
      for (let i = 0; i < 5; i++) {
        refuse();
        journal.changed("s", kept);
        journal.flush(source);
        rmSync(`${path}.new`, { recursive: true, force: true });
      }
    }
    assert.equal(filesOpen(), before);
    assert.equal(complaints.length, 1);
    journal.changed("s", kept);
    journal.flush(source);
    assert.ok(statSync(path).size < 1_000);
    journal.close();
    assert.deepEqual([...foldRecords(readFileSync(path, "utf8")).live.keys()], ["s"]);
  }));

test("without a disk the relay is told once and goes on", () => {
  const complaints: string[] = [];
  const { journal, live } = SessionJournal.open("/dev/null/journal", (detail) => complaints.push(detail));
  journal.changed("s1", record("s1", 1));
  journal.flush({ sessionIds: () => [], record: () => undefined });
  assert.equal(live.size, 0);
  assert.equal(complaints.length, 1);
});
