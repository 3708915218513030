import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { upward } from "./ending.ts";
import { beginHunt, hunt, type HuntCandidate, type HuntEvent, type HuntMove, type HuntState } from "./hunt.ts";

const TIMES = { tryTimeoutMs: 2000, progressTimeoutMs: 5000, ringTimeoutMs: 20_000, setupBudgetMs: 55_000 };
const gateway: HuntCandidate = { kind: "gateway", nextOn: [], earlyMedia: "suppress", followRedirects: false };
const trunk: HuntCandidate = { ...gateway, kind: "trunk" };

/** Runs events at their times and gathers all moves. */
function run(
  candidates: readonly HuntCandidate[],
  steps: readonly (readonly [atMs: number, event: HuntEvent])[],
): { state: HuntState; moves: HuntMove[] } {
  let { state, moves } = beginHunt(candidates, TIMES, 0);
  const all: HuntMove[] = [...moves];
  for (const [atMs, event] of steps) {
    ({ state, moves } = hunt(state, event, candidates, TIMES, atMs));
    all.push(...moves);
  }
  return { state, moves: all };
}
const names = (moves: readonly HuntMove[]): string[] =>
  moves.map((move) => {
    switch (move.type) {
      case "dial":
        return `dial ${move.candidate}`;
      case "leave":
        return `leave ${move.how}`;
      case "refuse":
        return `refuse ${move.ending.status}`;
      case "provisional":
        return `provisional ${move.status}${move.sdp ? " sdp" : ""}`;
      case "rest":
        return `rest ${move.seconds}`;
      default:
        return move.type;
    }
  });
const sent: HuntEvent = { type: "sent", addressesLeft: 0 };
const failure = (status: number, more: Partial<Extract<HuntEvent, { type: "response" }>> = {}): HuntEvent => ({
  type: "response",
  status,
  q850: undefined,
  retryAfterS: undefined,
  contact: false,
  ...more,
});
const clock: HuntEvent = { type: "clock" };

describe("a lane among others", () => {
  const ring: HuntEvent = { type: "provisional", status: 180, sdp: false };
  const begun = (more: boolean) =>
    hunt(hunt(beginHunt([gateway], TIMES, 0, more).state, sent, [gateway], TIMES, 0).state, ring, [gateway], TIMES, 0).state;

  test("its last candidate rings no longer than others while there is more to try", () => {
    assert.equal(begun(true).deadlineMs, TIMES.ringTimeoutMs);
    assert.equal(begun(false).deadlineMs, TIMES.setupBudgetMs);
  });

  test("an answer elsewhere cancels it (Q.850 26, non-selected user clearing)", () => {
    const { state, moves } = hunt(begun(false), { type: "elsewhere", reason: "g2 was faster" }, [gateway], TIMES, 5);
    assert.equal(state.stage, "over");
    assert.deepEqual(moves, [
      { type: "leave", how: "cancel", ending: { status: 487, q850: 26, outcome: "cancelled", reason: "g2 was faster" } },
    ]);
  });

  test("its last word says whether it ran out of candidates, or was told by a person", () => {
    const last = (status: number) => hunt(begun(false), failure(status), [gateway], TIMES, 5).moves.at(-1);
    for (const [status, exhausted] of [
      [404, true],
      [500, true],
      [486, false],
      [603, false],
    ] as const) {
      const move = last(status);
      assert.deepEqual(move?.type === "refuse" && [move.own.status, move.exhausted], [status, exhausted]);
    }
  });
});

describe("the hunting table", () => {
  test("transport or DNS error: next at once", () => {
    assert.deepEqual(
      names(
        run(
          [gateway, gateway],
          [
            [0, sent],
            [1, { type: "transport-error", code: "ECONNREFUSED" }],
          ],
        ).moves,
      ),
      ["dial 0", "leave done", "dial 1"],
    );
    assert.deepEqual(names(run([gateway, gateway], [[0, { type: "unavailable", outcome: "failed", reason: "no such name" }]]).moves), [
      "dial 0",
      "leave done",
      "dial 1",
    ]);
  });

  test("no response, not even 100, within tryTimeoutMs: next", () => {
    const early = run(
      [gateway, gateway],
      [
        [10, sent],
        [2009, clock],
      ],
    );
    assert.deepEqual(names(early.moves), ["dial 0"]);
    assert.equal(early.state.deadlineMs, 2010);
    assert.deepEqual(
      names(
        run(
          [gateway, gateway],
          [
            [10, sent],
            [2010, clock],
          ],
        ).moves,
      ),
      ["dial 0", "leave cancel", "dial 1"],
    );
  });

  test("100 only for progressTimeoutMs: CANCEL, next", () => {
    const steps = [
      [0, sent],
      [100, { type: "trying" }],
      [5099, clock],
    ] as const;
    assert.deepEqual(names(run([gateway, gateway], steps).moves), ["dial 0"]);
    assert.deepEqual(names(run([gateway, gateway], [...steps, [5100, clock]]).moves), ["dial 0", "leave cancel", "dial 1"]);
  });

  test("100 only from the last candidate: it has the rest of the budget", () => {
    assert.equal(
      run(
        [gateway],
        [
          [0, sent],
          [100, { type: "trying" }],
        ],
      ).state.deadlineMs,
      55_000,
    );
  });

  for (const status of [408, 430, 480, 500, 501, 502, 503, 504, 513, 580]) {
    test(`${status}: next, from a gateway and from a trunk`, () => {
      for (const one of [gateway, trunk])
        assert.deepEqual(
          names(
            run(
              [one, one],
              [
                [0, sent],
                [9, failure(status)],
              ],
            ).moves,
          ),
          ["dial 0", "leave done", "dial 1"],
        );
    });
  }
  for (const status of [403, 404, 407, 401, 488]) {
    test(`${status}: next from an AI gateway, stop from a trunk`, () => {
      assert.deepEqual(
        names(
          run(
            [gateway, gateway],
            [
              [0, sent],
              [9, failure(status)],
            ],
          ).moves,
        ).slice(1),
        ["leave done", "dial 1"],
      );
      assert.match(
        names(
          run(
            [trunk, trunk],
            [
              [0, sent],
              [9, failure(status)],
            ],
          ).moves,
        ).at(-1)!,
        /^refuse/,
      );
    });
  }
  test("the configured list adds statuses, and never those that speak for the person called", () => {
    const more: HuntCandidate = { ...trunk, nextOn: [404, 486] };
    assert.deepEqual(
      names(
        run(
          [more, more],
          [
            [0, sent],
            [9, failure(404)],
          ],
        ).moves,
      ).at(-1),
      "dial 1",
    );
    assert.deepEqual(
      names(
        run(
          [more, more],
          [
            [0, sent],
            [9, failure(486)],
          ],
        ).moves,
      ).at(-1),
      "refuse 486",
    );
  });
  for (const status of [486, 600, 603, 604, 606]) {
    test(`${status}: stop`, () => {
      assert.deepEqual(
        names(
          run(
            [gateway, gateway],
            [
              [0, sent],
              [9, failure(status)],
            ],
          ).moves,
        ),
        ["dial 0", "leave done", `refuse ${status}`],
      );
    });
  }

  test("3xx: stop unless the trunk allows it, and the Contact stays here", () => {
    assert.deepEqual(
      names(
        run(
          [gateway, gateway],
          [
            [0, sent],
            [9, failure(302, { contact: true })],
          ],
        ).moves,
      ),
      ["dial 0", "leave done", "refuse 502"],
    );
    const follows: HuntCandidate = { ...gateway, followRedirects: true };
    assert.deepEqual(
      names(
        run(
          [follows],
          [
            [0, sent],
            [9, failure(302, { contact: true })],
          ],
        ).moves,
      ),
      ["dial 0", "leave done", "dial-redirect"],
    );
    const round = [
      [0, sent],
      [1, failure(302, { contact: true })],
    ] as const;
    assert.equal(names(run([follows], [...round, ...round, ...round, ...round]).moves).at(-1), "refuse 502");
  });

  test("503 with Retry-After: next, and the gateway rests that long", () => {
    assert.deepEqual(
      names(
        run(
          [gateway, gateway],
          [
            [0, sent],
            [9, failure(503, { retryAfterS: 30 })],
          ],
        ).moves,
      ),
      ["dial 0", "rest 30", "leave done", "dial 1"],
    );
    assert.equal(
      names(
        run(
          [gateway],
          [
            [0, sent],
            [9, failure(503, { retryAfterS: 1e9 })],
          ],
        ).moves,
      )[1],
      "rest 3600",
    );
  });

  test("18x without an answer in ringTimeoutMs: CANCEL, next; the last candidate has the rest of the budget", () => {
    const ringing = [
      [0, sent],
      [300, { type: "provisional", status: 180, sdp: false }],
      [20_299, clock],
    ] as const;
    assert.deepEqual(names(run([gateway, gateway], ringing).moves), ["dial 0", "provisional 180"]);
    assert.deepEqual(names(run([gateway, gateway], [...ringing, [20_300, clock]]).moves).slice(2), ["leave cancel", "dial 1"]);
    assert.equal(run([gateway], ringing).state.deadlineMs, 55_000);
  });

  test("a repeated 180 does not lengthen the ringing", () => {
    const steps = [
      [0, sent],
      [300, { type: "provisional", status: 180, sdp: false }],
      [9000, { type: "provisional", status: 180, sdp: false }],
    ] as const;
    assert.equal(run([gateway, gateway], steps).state.deadlineMs, 20_300);
  });

  test("setupBudgetMs over: CANCEL, 480, whatever the stage", () => {
    for (const steps of [
      [],
      [[0, sent]],
      [
        [0, sent],
        [1, { type: "trying" }],
      ],
      [
        [0, sent],
        [1, { type: "provisional", status: 180, sdp: false }],
      ],
    ] as const) {
      assert.deepEqual(names(run([gateway, gateway], [...steps, [55_000, clock]]).moves.slice(-2)), ["leave cancel", "refuse 480"]);
    }
  });
});

describe("what the caller hears", () => {
  test("early media is dropped while candidates remain, and relayed from the last", () => {
    const early: HuntEvent = { type: "provisional", status: 183, sdp: true };
    assert.deepEqual(
      names(
        run(
          [gateway, gateway],
          [
            [0, sent],
            [5, early],
          ],
        ).moves,
      ),
      ["dial 0"],
    );
    assert.deepEqual(
      names(
        run(
          [gateway, gateway],
          [
            [0, sent],
            [5, { ...early, status: 180 }],
          ],
        ).moves,
      ),
      ["dial 0", "provisional 180"],
    );
    assert.deepEqual(
      names(
        run(
          [gateway],
          [
            [0, sent],
            [5, early],
          ],
        ).moves,
      ),
      ["dial 0", "provisional 183 sdp"],
    );
    assert.deepEqual(
      names(
        run(
          [{ ...gateway, earlyMedia: "relay" }, gateway],
          [
            [0, sent],
            [5, early],
          ],
        ).moves,
      ),
      ["dial 0", "provisional 183 sdp"],
    );
  });

  test("the best response goes up, not the last", () => {
    const moves = run(
      [gateway, gateway, gateway],
      [
        [0, sent],
        [1, failure(404)],
        [2, sent],
        [3, { type: "transport-error", code: "ECONNREFUSED" }],
        [4, sent],
        [5, failure(500)],
      ],
    ).moves;
    assert.equal(names(moves).at(-1), "refuse 404");
  });

  test("never 401 or 407, never a gateway's 503", () => {
    for (const status of [401, 407, 503]) {
      const told = upward({ status, q850: undefined, outcome: "failed", reason: "" }).status;
      assert.ok(told === 500 || told === 502, `${status} became ${told}`);
    }
    const moves = run(
      [gateway, gateway],
      [
        [0, sent],
        [1, failure(407)],
        [2, sent],
        [3, failure(503)],
      ],
    ).moves;
    assert.equal(names(moves).at(-1), "refuse 502");
  });

  test("503 for our own overload, at once", () => {
    assert.deepEqual(names(run([gateway, gateway], [[0, { type: "no-media", reason: "PORTS_EXHAUSTED" }]]).moves), [
      "dial 0",
      "leave done",
      "refuse 503",
    ]);
  });

  test("the gateway's Q.850 cause goes up; without one RFC 3398 has it", () => {
    const told = (event: HuntEvent): number | undefined => {
      const move = run(
        [gateway],
        [
          [0, sent],
          [1, event],
        ],
      ).moves.at(-1)!;
      return move.type === "refuse" ? move.ending.q850 : undefined;
    };
    assert.equal(told(failure(480, { q850: 20 })), 20);
    assert.equal(told(failure(486)), 17);
    assert.equal(told({ type: "transport-error", code: "ECONNREFUSED" }), 27);
  });
});

test("further addresses of one name come before the next candidate (RFC 3263 §4.3)", () => {
  const two: HuntEvent = { type: "sent", addressesLeft: 1 };
  assert.deepEqual(
    names(
      run(
        [gateway, gateway],
        [
          [0, two],
          [1, { type: "transport-error", code: "EHOSTUNREACH" }],
        ],
      ).moves,
    ),
    ["dial 0", "leave done", "dial-next-address"],
  );
  assert.deepEqual(
    names(
      run(
        [gateway, gateway],
        [
          [0, two],
          [2000, clock],
        ],
      ).moves,
    ),
    ["dial 0", "leave cancel", "dial-next-address"],
  );
  assert.deepEqual(
    names(
      run(
        [gateway, gateway],
        [
          [0, two],
          [1, failure(480)],
        ],
      ).moves,
    ),
    ["dial 0", "leave done", "dial 1"],
  );
});

test("a 2xx without a usable description is ended with BYE, then next", () => {
  assert.deepEqual(
    names(
      run(
        [gateway, gateway],
        [
          [0, sent],
          [1, { type: "bad-answer", reason: "no SDP" }],
        ],
      ).moves,
    ),
    ["dial 0", "leave bye", "dial 1"],
  );
});

test("the caller gone: CANCEL and nothing upward", () => {
  const { moves, state } = run(
    [gateway, gateway],
    [
      [0, sent],
      [1, { type: "caller-gone" }],
      [2, failure(487)],
    ],
  );
  assert.deepEqual(names(moves), ["dial 0", "leave cancel"]);
  assert.equal(state.stage, "over");
});

test("any sequence of events ends in at most one verdict, and within the budget always in one", () => {
  const event = fc.oneof(
    fc.constant<HuntEvent>(sent),
    fc.constant<HuntEvent>({ type: "sent", addressesLeft: 2 }),
    fc.constant<HuntEvent>({ type: "trying" }),
    fc.constant<HuntEvent>(clock),
    fc.constant<HuntEvent>({ type: "timeout" }),
    fc.constant<HuntEvent>({ type: "answer" }),
    fc.constant<HuntEvent>({ type: "caller-gone" }),
    fc.constant<HuntEvent>({ type: "bad-answer", reason: "" }),
    fc.constant<HuntEvent>({ type: "transport-error", code: "X" }),
    fc.integer({ min: 300, max: 699 }).map((status) => failure(status)),
    fc.integer({ min: 101, max: 199 }).map((status): HuntEvent => ({ type: "provisional", status, sdp: status % 2 === 0 })),
  );
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 0, max: 9000 }), event), { maxLength: 20 }),
      fc.integer({ min: 0, max: 4 }),
      (steps, count) => {
        const candidates = Array.from({ length: count }, (_, i) => (i % 2 === 1 ? { ...gateway, after: ["5xx", "timeout"] } : gateway));
        let atMs = 0;
        const timed = steps.map(([deltaMs, one]) => [(atMs += deltaMs), one] as const);
        const { moves, state } = run(candidates, [...timed, [Math.max(atMs, 55_000), clock]]);
        const verdicts = moves.filter(
          (move) => move.type === "accept" || move.type === "refuse" || (move.type === "leave" && move.ending.outcome === "cancelled"),
        );
        // 487 as a gateway's own answer is refused upward and left: two moves, one verdict.
        assert.ok(verdicts.filter((move) => move.type !== "leave").length <= 1);
        assert.ok(verdicts.length >= 1);
        assert.ok(state.stage === "answered" || state.stage === "over");
        for (const move of moves) {
          if (move.type !== "refuse") continue;
          assert.ok(move.ending.status >= 400 && ![401, 407, 503].includes(move.ending.status));
        }
      },
    ),
  );
});

describe("backups", () => {
  const backup: HuntCandidate = { ...trunk, after: ["403", "timeout"] };
  test("are dialled after a failure that they are for, even one that else ends the hunt", () => {
    assert.deepEqual(
      names(
        run(
          [trunk, backup],
          [
            [0, sent],
            [1, failure(403)],
          ],
        ).moves,
      ),
      ["dial 0", "leave done", "dial 1"],
    );
    assert.deepEqual(
      names(
        run(
          [trunk, backup],
          [
            [0, sent],
            [2000, clock],
          ],
        ).moves,
      ),
      ["dial 0", "leave cancel", "dial 1"],
    );
  });
  test("are passed over after others, to what follows them", () => {
    assert.deepEqual(
      names(
        run(
          [trunk, backup, backup, trunk],
          [
            [0, sent],
            [1, failure(500)],
          ],
        ).moves,
      ),
      ["dial 0", "leave done", "dial 3"],
    );
    assert.deepEqual(
      names(
        run(
          [trunk, backup],
          [
            [0, sent],
            [1, failure(500)],
          ],
        ).moves,
      ),
      ["dial 0", "leave done", "refuse 500"],
    );
  });
  test("never change what the person called said", () => {
    assert.deepEqual(
      names(
        run(
          [trunk, { ...trunk, after: ["4xx"] }],
          [
            [0, sent],
            [1, failure(486)],
          ],
        ).moves,
      ),
      ["dial 0", "leave done", "refuse 486"],
    );
  });
  test("that no ringing in vain would reach let the trunk ring for the whole budget, and its early media through", () => {
    const { state, moves } = run(
      [trunk, backup],
      [
        [0, sent],
        [1, { type: "provisional", status: 183, sdp: true }],
      ],
    );
    assert.deepEqual(names(moves), ["dial 0", "provisional 183 sdp"]);
    assert.equal(state.deadlineMs, TIMES.setupBudgetMs);
  });
});
