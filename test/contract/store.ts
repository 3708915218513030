/** What every database under the store does. Each implementation runs it: see store-sqlite.test.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type CallId, CallIds, DEFAULT_TENANT, type TenantId } from "#base/ids.ts";
import { seededRandom } from "#base/random.ts";
import type { Cdr } from "#cdr/record.ts";
import { type CdrStore, EVERY_TENANT } from "#store/cdr-store.ts";

export interface StoreUnderTest {
  readonly name: string;
  /** Opens an empty store; `reopen` closes it and opens the same again. */
  open(): Promise<{ readonly store: CdrStore; reopen(): Promise<CdrStore>; remove(): Promise<void> }>;
}

const START_MS = Date.UTC(2026, 0, 2);

/** A CDR with every field set, differing by `n`. */
export function sampleCdr(callId: CallId, n: number, more: Partial<Cdr> = {}): Cdr {
  return {
    callId,
    tenant: DEFAULT_TENANT,
    node: "01",
    direction: "inbound",
    caller: `+7916000${String(n).padStart(4, "0")}`,
    called: "+74950001122",
    route: "did +74950001122",
    configGeneration: 3,
    startedAtMs: START_MS + n,
    answeredAtMs: START_MS + n + 2_000,
    endedAtMs: START_MS + n + 12_000,
    setupMs: 2_000,
    durationMs: 10_000,
    outcome: "answered",
    sipStatus: 200,
    q850: 16,
    endedBy: "caller",
    endReason: "BYE",
    legs: ["a", "b2"].map((leg) => ({
      leg,
      direction: leg === "a" ? "inbound" : "outbound",
      peer: leg === "a" ? "exolve" : "livekit-2",
      peerKind: leg === "a" ? "trunk" : "gateway",
      listener: "carrier",
      sipCallId: `${leg}-${n}@192.0.2.7`,
      remoteAddress: "192.0.2.7:5060",
      from: "<sip:\u00e4@192.0.2.7>",
      to: "<sip:ai@198.51.100.2>",
      codec: "PCMA",
      packetsReceived: 500,
      packetsSent: 499,
      packetsLost: 1,
      jitterMs: 1.625,
      strays: 0,
    })),
    attempts: [1, 2].map((number) => ({
      number,
      peer: `livekit-${number}`,
      peerKind: "gateway",
      target: `UDP 198.51.100.${number}:5060`,
      startedAtMs: START_MS + n + number,
      postDialDelayMs: number === 1 ? undefined : 20,
      durationMs: 2_000,
      status: number === 1 ? 0 : 200,
      q850: number === 1 ? undefined : 16,
      outcome: number === 1 ? "timeout" : "answered",
      reason: number === 1 ? "no response within 2000 ms, next" : "answered",
    })),
    skipped: [{ peer: "backup", reason: "down: 'probes' \"fail\"" }],
    decision: {
      atMs: START_MS + n,
      source: "exolve",
      dialled: ["livekit-1"],
      health: [{ peer: "backup", down: true }],
      calledUser: "\u00e4 \"'",
    },
    ...more,
  };
}

export function storeContract({ name, open }: StoreUnderTest): void {
  const ids = new CallIds(() => START_MS, seededRandom(7));
  const callIds = Array.from({ length: 12 }, () => ids.next());
  const cdrs = callIds.map((callId, n) => sampleCdr(callId, n));
  const on = (what: string, run: (opened: Awaited<ReturnType<StoreUnderTest["open"]>>) => Promise<void>): void => {
    test(`${name}: ${what}`, async () => {
      const opened = await open();
      try {
        await run(opened);
      } finally {
        await opened.remove();
      }
    });
  };

  on("a CDR comes back as it went in, legs and attempts in their order", async ({ store }) => {
    const unanswered = sampleCdr(callIds[1]!, 1, {
      answeredAtMs: undefined,
      q850: undefined,
      outcome: "busy",
      legs: [],
      attempts: [],
      skipped: [],
    });
    assert.equal(await store.insert([cdrs[0]!, unanswered]), 2);
    assert.deepEqual(await store.list({ limit: 10 }), [unanswered, cdrs[0]]);
  });

  on("a call is stored once, however often and in whatever batch it comes", async ({ store }) => {
    await store.insert(cdrs.slice(0, 3));
    assert.equal(await store.insert([...cdrs.slice(1, 5), cdrs[4]!]), 2);
    assert.equal(await store.insert([sampleCdr(callIds[0]!, 0, { endReason: "another truth" })]), 0);
    assert.deepEqual(await store.list({ limit: 100 }), cdrs.slice(0, 5).toReversed());
  });

  on("a list is newest first, by pages, call id, its beginning, and number", async ({ store }) => {
    await store.insert(cdrs);
    const idsOf = async (filter: Parameters<CdrStore["list"]>[0]) => (await store.list(filter)).map((cdr) => cdr.callId);
    assert.deepEqual(await idsOf({ limit: 3 }), callIds.slice(-3).toReversed());
    assert.deepEqual(await idsOf({ limit: 2, before: callIds[5] }), [callIds[4], callIds[3]]);
    assert.deepEqual(await idsOf({ limit: 5, callId: callIds[4] }), [callIds[4]]);
    assert.equal((await idsOf({ limit: 100, callId: callIds[0]!.slice(0, 9) })).length, 12);
    assert.deepEqual(await idsOf({ limit: 5, callId: "zzz" }), []);
    assert.deepEqual(await idsOf({ limit: 5, number: "+79160000007" }), [callIds[7]]);
    assert.deepEqual(await idsOf({ limit: 5, number: "79160000007" }), [callIds[7]]);
    assert.equal((await idsOf({ limit: 100, number: "+74950001122" })).length, 12);
    assert.deepEqual(await idsOf({ limit: 5, number: "' or 1=1 --" }), []);
    assert.equal((await idsOf({ limit: 100, peers: ["exolve"] })).length, 12);
    assert.equal((await idsOf({ limit: 100, peers: ["livekit-1", "nobody"] })).length, 12, "one that was only tried");
    assert.deepEqual(await idsOf({ limit: 5, peers: ["nobody", "' or 1=1 --"] }), []);
    assert.deepEqual(await idsOf({ limit: 5, peers: [] }), []);
    assert.equal((await idsOf({ limit: 0 })).length, 1);
  });

  on("any question finds what going through all calls would", async ({ store }) => {
    const random = seededRandom(11);
    const pick = <T>(of: readonly T[]): T => of[random.integer(of.length)]!;
    let nowMs = START_MS;
    const own = new CallIds(() => nowMs, seededRandom(5));
    const tenants = ["default", "t1", "t2"] as TenantId[];
    const all: Cdr[] = Array.from({ length: 300 }, (_, n) => {
      nowMs += random.integer(3_600_000);
      const sample = sampleCdr(own.next(), n, { startedAtMs: nowMs, tenant: pick(tenants), outcome: pick(["answered", "busy", "failed"]) });
      const peer = pick(["a", "b", "c"]);
      return {
        ...sample,
        caller: `+7${random.integer(30)}`,
        called: `${random.integer(20)}`,
        legs: sample.legs.map((leg) => ({ ...leg, peer })),
      };
    });
    await store.insert(all);
    const bare = (number: string): string => number.replace(/^\+/, "");
    for (let i = 0; i < 60; i++) {
      const maybe = <T>(make: () => T): T | undefined => (random.integer(3) === 0 ? make() : undefined);
      const fromMs = maybe(() => START_MS + random.integer(nowMs - START_MS));
      const toMs = maybe(() => START_MS + random.integer(nowMs - START_MS));
      const number = maybe(() => pick(["+7", "7", "", "+"]) + String(random.integer(20)));
      const numberPrefix = maybe(() => pick(["+7", "7", "1", "+1", "71"]));
      const peers = maybe(() => pick([["a"], ["b", "c"], ["livekit-1"], ["nobody"], []]));
      const outcomes = maybe(() => pick([["busy"], ["busy", "failed"], ["timeout"]] as const));
      const tenant = pick([...tenants, EVERY_TENANT] as const);
      const filter = { tenant, fromMs, toMs, number, numberPrefix, peers, outcomes, limit: 7 + random.integer(60) };
      const expected = all.filter(
        (cdr) =>
          (tenant === EVERY_TENANT || cdr.tenant === tenant) &&
          cdr.startedAtMs >= (fromMs ?? 0) &&
          cdr.startedAtMs < (toMs ?? Infinity) &&
          (number === undefined || [cdr.caller, cdr.called].some((one) => bare(one) === bare(number))) &&
          (numberPrefix === undefined || [cdr.caller, cdr.called].some((one) => bare(one).startsWith(bare(numberPrefix)))) &&
          (peers === undefined || [...cdr.legs, ...cdr.attempts].some((one) => (peers as readonly string[]).includes(one.peer))) &&
          (outcomes === undefined || (outcomes as readonly string[]).includes(cdr.outcome)),
      );
      const found: Cdr[] = [];
      for (let before: string | undefined; ; ) {
        const { cdrs: some, next } = await store.page({ ...filter, before });
        assert.ok(some.length <= filter.limit);
        found.push(...some);
        if (next === undefined) break;
        before = next;
      }
      assert.deepEqual(
        found.map(({ callId }) => callId),
        expected.map(({ callId }) => callId).toReversed(),
        JSON.stringify(filter),
      );
    }
  });

  on("totals count what was stored once, by hour and by peer", async ({ store }) => {
    const HOUR_MS = 3_600_000;
    await store.insert(cdrs.slice(0, 2));
    await store.insert([cdrs[1]!, sampleCdr(callIds[2]!, 2, { startedAtMs: START_MS + HOUR_MS, outcome: "busy", durationMs: 0 })]);
    const question = { fromMs: START_MS, toMs: START_MS + 2 * HOUR_MS };
    const short = (totals: Awaited<ReturnType<CdrStore["totals"]>>) =>
      totals.map((one) => [one.hourMs, one.peer, one.direction, one.outcome, one.calls, one.durationMs, one.delays, one.delayMs]);
    assert.deepEqual(short(await store.totals({ by: "hour", ...question })), [
      [START_MS, "", "inbound", "answered", 2, 20_000, 2, 4_000],
      [START_MS + HOUR_MS, "", "inbound", "busy", 1, 0, 1, 2_000],
    ]);
    assert.deepEqual(short(await store.totals({ by: "trunk", ...question, toMs: START_MS + HOUR_MS })), [
      [0, "exolve", "inbound", "answered", 2, 20_000, 2, 4_000],
    ]);
    assert.deepEqual(short(await store.totals({ by: "gateway", ...question })), [
      [0, "livekit-1", "outbound", "timeout", 3, 0, 0, 0],
      [0, "livekit-2", "outbound", "answered", 3, 20_000, 3, 60],
    ]);
    assert.deepEqual(await store.totals({ by: "hour", ...question, tenant: "other" as TenantId }), []);
    assert.equal((await store.totals({ by: "hour", ...question, tenant: EVERY_TENANT })).length, 2);
  });

  on("whatever characters somebody sent are kept, or stand as unknown", async ({ store }) => {
    const odd = sampleCdr(callIds[0]!, 0, { caller: "a\0b'\"\\%_\u{1f600}", endReason: "\u0001\u{10ffff}" });
    assert.equal(await store.insert([odd]), 1);
    const [kept] = await store.list({ limit: 1, number: odd.caller });
    assert.ok([odd.caller, odd.caller.replace("\0", "\ufffd")].includes(kept!.caller));
    assert.equal(kept!.endReason, odd.endReason);
    assert.deepEqual(await store.list({ limit: 1, numberPrefix: "\0", peers: ["\0"] }), []);
  });

  on("tenants don't see each other", async ({ store }) => {
    const other = "other" as TenantId;
    await store.insert([cdrs[0]!, sampleCdr(callIds[1]!, 1, { tenant: other })]);
    assert.deepEqual(
      (await store.list({ limit: 10 })).map((cdr) => cdr.callId),
      [callIds[0]],
    );
    assert.deepEqual(
      (await store.list({ limit: 10, tenant: other })).map((cdr) => cdr.callId),
      [callIds[1]],
    );
    assert.deepEqual(
      (await store.list({ limit: 10, tenant: EVERY_TENANT })).map((cdr) => cdr.callId),
      [callIds[1], callIds[0]],
      "but who runs the deployment sees all",
    );
    assert.equal((await store.list({ limit: 1, tenant: EVERY_TENANT })).length, 1);
    await store.saveConfig({ number: 1, hash: "h", text: "t", appliedAtMs: 1 }, other);
    assert.deepEqual(await store.configs(10), []);
  });

  on("configurations are kept newest first, once each", async ({ store }) => {
    const change = (number: number) => ({
      number,
      hash: `hash ${number}`,
      text: `node:\n  id: "0${number}" # \u00e4\n`,
      appliedAtMs: START_MS + number,
    });
    for (const number of [1, 2, 2, 3]) await store.saveConfig(change(number));
    assert.deepEqual(await store.configs(2), [change(3), change(2)]);
    assert.equal((await store.configs(10)).length, 3);
  });

  on("a ladder is kept once, found by its tenant, and the oldest go first", async ({ store }) => {
    const events = [{ at: START_MS, sequence: 1, event: { type: "call-ringing" as const } }];
    const keep = (n: number) => store.ladders.keep({ tenant: DEFAULT_TENANT, callId: `call-${n}`, createdAtMs: START_MS + n, events });
    for (const n of [1, 2, 2, 3]) await keep(n);
    assert.deepEqual(await store.ladders.find("call-2", DEFAULT_TENANT), events);
    assert.equal(await store.ladders.find("call-2", "other"), undefined);
    assert.equal(await store.ladders.dropOld(2), 1);
    assert.deepEqual([await store.ladders.find("call-1"), await store.ladders.find("call-3")], [undefined, events]);
  });

  on("opening again runs no migration twice and finds everything", async ({ store, reopen }) => {
    await store.insert(cdrs);
    const again = await reopen();
    assert.deepEqual(await again.list({ limit: 100 }), cdrs.toReversed());
    assert.equal(await again.insert(cdrs), 0);
  });
}
