import assert from "node:assert/strict";
import { test } from "node:test";
import { VirtualClock } from "../../test/kit/virtual-clock.ts";
import { DnsCache } from "./dns-cache.ts";
import type { DnsAnswer, DnsQuestions } from "./dns.ts";

interface Asked {
  readonly name: string;
  answer(answer: DnsAnswer<string>): void;
}

function fake(): { readonly dns: DnsQuestions; readonly asked: Asked[] } {
  const asked: Asked[] = [];
  const ask = (name: string): Promise<DnsAnswer<string>> => {
    const { promise, resolve } = Promise.withResolvers<DnsAnswer<string>>();
    asked.push({ name, answer: resolve });
    return promise;
  };
  return { dns: { a: ask, aaaa: ask, srv: () => Promise.resolve({ type: "none" }) }, asked };
}
const found = (address: string, ttlMs: number): DnsAnswer<string> => ({ type: "found", records: [address], ttlMs });
const failure: DnsAnswer<string> = { type: "failed", code: "ESERVFAIL", detail: "server failure" };

test("an answer is kept for its TTL and then given at once; a second question waits for the first", async () => {
  const { dns, asked } = fake();
  const clock = new VirtualClock();
  const cache = new DnsCache(dns, clock);
  const first = cache.a("gw.example");
  const second = cache.a("gw.example");
  assert.ok(first instanceof Promise && second instanceof Promise);
  assert.equal(asked.length, 1);
  asked[0]!.answer(found("10.0.0.1", 60_000));
  assert.deepEqual(await first, found("10.0.0.1", 60_000));
  assert.deepEqual(await second, await first);
  clock.advance(40_000);
  assert.deepEqual(cache.a("gw.example"), found("10.0.0.1", 60_000));
  assert.equal(asked.length, 1);
  clock.advance(20_001);
  assert.ok(cache.a("gw.example") instanceof Promise);
  assert.equal(asked.length, 2);
});

test("an answer in use is refreshed in the last fifth of its life, and nobody waits", async () => {
  const { dns, asked } = fake();
  const clock = new VirtualClock();
  const cache = new DnsCache(dns, clock);
  const first = cache.a("gw.example");
  asked[0]!.answer(found("10.0.0.1", 100_000));
  await first;
  clock.advance(85_000);
  assert.deepEqual(cache.a("gw.example"), found("10.0.0.1", 100_000));
  assert.equal(asked.length, 2);
  asked[1]!.answer(found("10.0.0.2", 100_000));
  await clock.settle(30_000);
  assert.deepEqual(cache.a("gw.example"), found("10.0.0.2", 100_000));
});

test("while DNS fails the last good answer is served for an hour, without waiting more than once in 5 s", async () => {
  const { dns, asked } = fake();
  const clock = new VirtualClock();
  const cache = new DnsCache(dns, clock);
  const first = cache.a("gw.example");
  asked[0]!.answer(found("10.0.0.1", 10_000));
  await first;
  clock.advance(10_001);
  const stale = cache.a("gw.example");
  await clock.settle(2_000);
  assert.deepEqual(await stale, found("10.0.0.1", 10_000), "nobody answered for 2 s");
  assert.deepEqual(cache.a("gw.example"), found("10.0.0.1", 10_000), "and the next does not wait");
  assert.equal(asked.length, 2);
  clock.advance(5_001);
  assert.ok(cache.a("gw.example") instanceof Promise);
  asked[2]!.answer(failure);
  await clock.settle(3_600_000);
  const late = cache.a("gw.example");
  asked[3]!.answer(failure);
  assert.deepEqual(await late, failure);
  assert.deepEqual(cache.a("gw.example"), failure);
});

test("an answer that comes after the time-out is kept for the next", async () => {
  const { dns, asked } = fake();
  const clock = new VirtualClock();
  const cache = new DnsCache(dns, clock);
  const first = cache.a("gw.example");
  await clock.settle(2_000);
  const timedOut = await first;
  assert.equal(timedOut.type === "failed" && timedOut.code, "ETIMEOUT");
  asked[0]!.answer(found("10.0.0.1", 60_000));
  await clock.settle(1);
  assert.deepEqual(cache.a("gw.example"), found("10.0.0.1", 60_000));
});

test("that there is no such name is believed for 10 s, also against an older answer", async () => {
  const { dns, asked } = fake();
  const clock = new VirtualClock();
  const cache = new DnsCache(dns, clock);
  const first = cache.a("gw.example");
  asked[0]!.answer(found("10.0.0.1", 5_000));
  await first;
  clock.advance(5_001);
  const second = cache.a("gw.example");
  asked[1]!.answer({ type: "none" });
  assert.deepEqual(await second, { type: "none" });
  clock.advance(9_999);
  assert.deepEqual(cache.a("gw.example"), { type: "none" });
  clock.advance(2);
  assert.ok(cache.a("gw.example") instanceof Promise);
});

test("TTLs of 0 and of a week are brought into bounds", async () => {
  const { dns, asked } = fake();
  const clock = new VirtualClock();
  const cache = new DnsCache(dns, clock);
  const [short, long] = [cache.a("short.example"), cache.a("long.example")];
  asked[0]!.answer(found("10.0.0.1", 0));
  asked[1]!.answer(found("10.0.0.2", 7 * 86_400_000));
  await Promise.all([short, long]);
  clock.advance(3_999);
  assert.ok(!(cache.a("short.example") instanceof Promise));
  clock.advance(3_600_000);
  assert.ok(cache.a("long.example") instanceof Promise);
});

test("names and questions in flight are bounded", async () => {
  const { dns, asked } = fake();
  const clock = new VirtualClock();
  const cache = new DnsCache(dns, clock);
  const answers = Array.from({ length: 150 }, (_, i) => cache.a(`n${i}.example`));
  assert.equal(asked.length, 100);
  const overloaded = await answers[149]!;
  assert.equal(overloaded.type === "failed" && overloaded.code, "OVERLOADED");
  await clock.settle(2_000);
  for (let i = 0; i < 2_000; i++) {
    const answer = cache.a(`m${i}.example`);
    asked.at(-1)!.answer(found("10.0.0.1", 60_000));
    await answer;
  }
  assert.equal(cache.size, 1_000);
  assert.equal(clock.pending, 0);
});
