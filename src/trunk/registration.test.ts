/** Registering at a provider: every answer it may give, and none (RFC 3261 §10.2, §10.2.8, §21.3, §22). */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { ReceivedResponse } from "#sip/message/message.ts";
import { parseMessage } from "#sip/message/parse-message.ts";
import {
  type RegistrationEvent,
  type RegistrationState,
  type RegistrationTerms,
  type RegisterRequest,
  registrationAt,
  standingOf,
  stepRegistration,
} from "./registration.ts";

const secret = (text: string) => ({ reveal: () => text });
const TERMS: RegistrationTerms = {
  registrar: "sip:carrier.test",
  contactUser: "r0",
  expiresS: 600,
  account: { username: "100", passwords: [secret("old"), secret("new")], realm: undefined },
};

/** A registration that a test plays the registrar of. */
function registering(terms: RegistrationTerms = TERMS) {
  let state: RegistrationState = registrationAt(terms);
  let nowMs = 0;
  const sent: RegisterRequest[] = [];
  const feed = (event: RegistrationEvent): void => {
    const step = stepRegistration(state, event, terms, { nowMs, fraction: () => 0, makeCnonce: () => "c" });
    state = step.state;
    if (step.send !== undefined) sent.push(step.send);
  };
  feed({ type: "start" });
  return {
    sent,
    feed,
    get state() {
      return state;
    },
    get standing() {
      return standingOf(state, nowMs);
    },
    get last() {
      return sent.at(-1)!;
    },
    answer: (status: number, ...headers: readonly string[]) =>
      feed({ type: "response", sequence: state.sequence, response: response(status, ...headers) }),
    silence: () => feed({ type: "no-answer", sequence: state.sequence, detail: "no answer" }),
    /** To the moment that it waits for; the seconds waited. */
    wait(): number {
      const waitedMs = state.nextAtMs - nowMs;
      nowMs = state.nextAtMs;
      feed({ type: "clock" });
      return waitedMs / 1000;
    },
  };
}
function response(status: number, ...headers: readonly string[]): ReceivedResponse {
  const read = parseMessage(
    [
      `SIP/2.0 ${status} Reason`,
      "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa",
      "From: <sip:100@carrier.test>;tag=1",
      "To: <sip:100@carrier.test>;tag=2",
      "Call-ID: c",
      "CSeq: 1 REGISTER",
      ...headers,
      "Content-Length: 0",
      "",
      "",
    ].join("\r\n"),
  );
  assert.ok(read.ok && read.value.kind === "response");
  return read.value;
}
const challenge = (nonce: string, more = "") => `WWW-Authenticate: Digest realm="carrier.test", nonce="${nonce}", qop="auth"${more}`;
const nonceOf = ({ credentials }: RegisterRequest) => /nonce="([^"]*)"/.exec(credentials[0]?.[1] ?? "")?.[1];

test("401, then 200: registered for what our Contact was granted, refreshed in time with the same nonce", () => {
  const it = registering();
  assert.deepEqual([it.last.sequence, it.last.expiresS, it.last.credentials.length], [1, 600, 0]);
  it.answer(401, challenge("n1"));
  assert.deepEqual([it.last.sequence, nonceOf(it.last)], [2, "n1"]);
  it.answer(200, "Contact: <sip:other@192.0.2.9>;expires=5, <sip:r0@192.0.2.1:5060>;expires=300", "Expires: 900");
  assert.deepEqual([it.standing, it.state.grantedS], ["registered", 300]);
  const waitedS = it.wait();
  assert.ok(waitedS > 240 && waitedS <= 270, `${waitedS} s`);
  assert.equal(nonceOf(it.last), "n1");
  assert.match(it.last.credentials[0]![1], /nc=00000002/);
  it.answer(401, challenge("n2", ", stale=true"));
  assert.equal(nonceOf(it.last), "n2");
  it.answer(200, "Expires: 900");
  assert.equal(it.state.grantedS, 900);
});

test("a registrar that never asks is fine, and one without expiry gives what we asked for", () => {
  const it = registering({ ...TERMS, account: undefined });
  it.answer(200);
  assert.deepEqual([it.standing, it.state.grantedS], ["registered", 600]);
});

test("423 raises the interval, once it is told and sane (§10.2.8)", () => {
  const it = registering();
  it.answer(423, "Min-Expires: 1800");
  assert.equal(it.last.expiresS, 1800);
  it.answer(200);
  assert.equal(it.state.grantedS, 1800);
  const nonsense = registering();
  nonsense.answer(423, "Min-Expires: 5");
  assert.equal(nonsense.standing, "failed");
  assert.match(nonsense.state.reason, /423/);
});

test("503 with Retry-After rests that long and a little more", () => {
  const it = registering();
  it.answer(503, "Retry-After: 120 (maintenance)");
  assert.equal(it.standing, "failed");
  assert.equal(it.wait(), 120);
  assert.equal(it.sent.length, 2);
});

test("silence is retried for ever, in growing pauses of at most five minutes", () => {
  const it = registering();
  const pauses = Array.from({ length: 12 }, () => {
    it.silence();
    return it.wait();
  });
  assert.deepEqual(pauses.slice(0, 4), [1, 2, 4, 8]);
  assert.equal(pauses.at(-1), 150);
  assert.equal(it.sent.length, 13);
});

test("the second password is tried at once, stays, and both refused is a long rest", () => {
  const it = registering();
  it.answer(401, challenge("1"));
  it.answer(401, challenge("2"));
  assert.equal(it.state.memory.password, 1);
  it.answer(200);
  it.wait();
  assert.equal(it.sent.length, 4);
  it.answer(200);
  const wrong = registering();
  for (const nonce of ["1", "2", "3"]) wrong.answer(401, challenge(nonce));
  assert.equal(wrong.standing, "failed");
  assert.equal(wrong.sent.length, 3);
  assert.ok(wrong.wait() >= 15);
});

test("403 after credentials means the other password as well", () => {
  const it = registering();
  it.answer(401, challenge("1"));
  it.answer(403);
  assert.equal(it.sent.length, 3);
  it.answer(403);
  assert.equal(it.standing, "failed");
});

test("redirects are followed three times, and forgotten after a failure (§21.3)", () => {
  const it = registering();
  for (const host of ["a", "b", "c"]) it.answer(302, `Contact: <sip:${host}.test:5070?x=y>;q=1`);
  assert.equal(it.last.requestUri, "sip:c.test:5070");
  it.answer(301, "Contact: <sip:d.test>");
  assert.match(it.state.reason, /redirected/);
  it.wait();
  assert.equal(it.last.requestUri, "sip:carrier.test");
});

test("of SHA-256 and MD5 the stronger is answered, and nonsense is a failure with a reason", () => {
  const it = registering();
  it.answer(401, challenge("m"), challenge("s", ", algorithm=SHA-256"));
  assert.match(it.last.credentials[0]![1], /nonce="s".*algorithm=SHA-256/);
  for (const headers of [
    ["WWW-Authenticate: Digest"],
    ["WWW-Authenticate: Basic realm=x"],
    [],
    ['WWW-Authenticate: Digest realm="r", nonce="n", algorithm=ROT13'],
  ]) {
    const odd = registering();
    odd.answer(401, ...headers);
    assert.equal(odd.standing, "failed");
    assert.match(odd.state.reason, /challenge/);
  }
  const zero = registering();
  zero.answer(200, "Contact: <sip:r0@192.0.2.1>;expires=0");
  assert.equal(zero.standing, "failed");
});

test("a failed refresh leaves us registered until the binding ends", () => {
  const it = registering();
  it.answer(200);
  it.wait();
  it.silence();
  assert.equal(it.standing, "registered");
  for (let tries = 0; tries < 8; tries++) {
    it.wait();
    it.silence();
  }
  assert.equal(it.standing, "failed");
});

test("stop takes the binding away, with credentials if need be, and whatever the answer that is the end (§10.2.2)", () => {
  const it = registering();
  it.answer(200);
  it.feed({ type: "stop" });
  assert.equal(it.last.expiresS, 0);
  it.answer(401, challenge("1"));
  assert.deepEqual([it.last.expiresS, it.last.credentials.length], [0, 1]);
  it.answer(500);
  assert.equal(it.state.stage, "removed");
  const never = registering();
  never.silence();
  never.feed({ type: "stop" });
  assert.deepEqual([never.state.stage, never.sent.length], ["removed", 1]);
});

test("an answer to a request before the last is not listened to", () => {
  const it = registering();
  it.feed({ type: "stop" });
  it.feed({ type: "response", sequence: 1, response: response(200) });
  assert.equal(it.state.stage, "removing");
});

test("whatever answers come, it either waits for a moment within 17 minutes of now or has a request out", () => {
  const header = fc.constantFrom(
    challenge("x"),
    challenge("y", ", stale=true"),
    "Retry-After: 99999999",
    "Min-Expires: 700",
    "Contact: <sip:e.test>",
    "Expires: 1",
    'Proxy-Authenticate: Digest realm="p", nonce="z"',
    "WWW-Authenticate: ,,==",
    "Contact: *",
  );
  const answer = fc.tuple(fc.constantFrom(100, 200, 301, 302, 401, 403, 404, 407, 423, 500, 503, 603), fc.array(header, { maxLength: 3 }));
  fc.assert(
    fc.property(fc.array(fc.oneof(answer, fc.constant("silence" as const), fc.constant("wait" as const)), { maxLength: 60 }), (events) => {
      const it = registering();
      let inRound = 0;
      for (const event of events) {
        const before = it.sent.length;
        if (event === "wait") {
          if (it.state.stage === "waiting") {
            const waitedS = it.wait();
            assert.ok(waitedS > 0 && waitedS <= 7 * 86_400);
            inRound = 0;
          }
        } else if (event === "silence") it.silence();
        else it.answer(event[0], ...event[1]);
        inRound += it.sent.length - before;
        // A hostile registrar can't make us a source of endless requests.
        assert.ok(inRound <= 16);
        assert.ok(it.state.stage === "registering" || (it.state.stage === "waiting" && it.state.nextAtMs < Infinity));
      }
    }),
  );
});
