import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { type LoadInput, loadText } from "./load.ts";

const INPUT: LoadInput = { env: { HOME: "/home/ann" }, uid: 1000, hostname: "host", readFile: () => "" };

describe("groups, probes and conditions", () => {
  const FILE = `
listeners: [{ name: main, address: 192.0.2.1 }]
trunks: [{ name: carrier, uri: "sip:192.0.2.9", blocked_prefixes: ["+883", 979] }]
gateways:
  - { name: a, uri: "sip:192.0.2.2", probe: { every_s: 5, accepted_codes: [200, 4xx], up_after: 2 }, drain: yes }
  - { name: b, uri: "sip:192.0.2.3", probe: yes }
groups: [{ name: ai, gateways: [a, b], algorithm: least_calls, calls_max: 10 }]
dids:
  - number: "+15551234567"
    callers: ["+49*", anonymous]
    to:
      - { group: ai, when: { days: [mon-fri, sun], from: "08:00", to: "24:00", timezone: Europe/Berlin } }
      - { reject: 480, reason: Closed, callers: "+1 (555) 123*" }
`;
  test("are read with their defaults", () => {
    const loaded = loadText(FILE, "tandem.yaml", INPUT);
    assert.ok(loaded.ok, JSON.stringify(loaded));
    const { trunks, gateways, groups, dids } = loaded.config.snapshot;
    assert.deepEqual(trunks.get("carrier")?.blockedPrefixes, ["+883", "979"]);
    assert.deepEqual(gateways.get("a")?.probe, {
      everyMs: 5_000,
      timeoutMs: 2_000,
      upAfter: 2,
      downAfter: 3,
      acceptedCodes: ["200", "4xx"],
    });
    assert.deepEqual([gateways.get("a")?.drain, gateways.get("b")?.drain], [true, undefined]);
    assert.equal(gateways.get("b")?.probe?.everyMs, 15_000);
    assert.deepEqual([groups.get("ai")?.algorithm, groups.get("ai")?.callsMax], ["least_calls", 10]);
    assert.deepEqual(dids.get("+15551234567")?.callers, ["+49*", "anonymous"]);
    assert.deepEqual(dids.get("+15551234567")?.targets, [
      { type: "group", group: "ai", when: [{ days: [0, 1, 2, 3, 4, 5], fromMinute: 480, toMinute: 0, timezone: "Europe/Berlin" }] },
      { type: "reject", status: 480, reason: "Closed", callers: ["+1555123*"] },
    ]);
  });

  test("are refused with their place and remedy", () => {
    const wrong = (from: string, to: string): string => {
      const loaded = loadText(FILE.replace(from, to), "tandem.yaml", INPUT);
      assert.ok(!loaded.ok, to);
      return loaded.problems.map(({ field, message }) => `${field}: ${message}`).join("; ");
    };
    assert.match(wrong("least_calls", "least_cals"), /^groups\[0\].algorithm: .*is not one of weighted/);
    assert.match(wrong("calls_max: 10", "calls_max: 0"), /^groups\[0\].calls_max/);
    assert.match(wrong("every_s: 5", "every_s: 1, timeout_ms: 3000"), /^gateways\[0\].probe: .*next probe comes after 1 s/);
    assert.match(wrong("4xx", "7xx"), /accepted_codes\[1\]/);
    assert.match(wrong("mon-fri", "mon-someday"), /days\[0\]: "mon-someday" is not a day/);
    assert.match(wrong("08:00", "25:00"), /from: "25:00" is not a time of day/);
    assert.match(wrong("Europe/Berlin", "Europe/Bonn"), /timezone: "Europe\/Bonn" is not a time zone/);
    assert.match(wrong("anonymous]", "nobody]"), /callers\[1\]: "nobody" is not a caller/);
    assert.match(wrong('uri: "sip:192.0.2.3", probe: yes', "addresses: [192.0.2.3], probe: yes"), /probe: b has no uri to probe/);
  });

  test("parallel rings ten of one priority at once, and weights say nothing to it", () => {
    const names = Array.from({ length: 11 }, (_, i) => `g${i}`);
    const file = (gateways: string): string => `
listeners: [{ name: main, address: 192.0.2.1 }]
trunks: [{ name: carrier, uri: "sip:192.0.2.9" }]
gateways: [${names.map((name, i) => `{ name: ${name}, uri: "sip:192.0.2.${i + 10}" }`).join(", ")}]
groups: [{ name: ai, algorithm: parallel, gateways: [${gateways}] }]
dids: [{ number: "+15551234567", to: group ai }]
`;
    const refused = loadText(file(names.join(", ")), "tandem.yaml", INPUT);
    assert.ok(!refused.ok);
    assert.match(refused.problems[0]?.message ?? "", /11 gateways of priority 1 would ring at once/);
    const weighted = loadText(file("{ gateway: g0, weight: 2 }, g1"), "tandem.yaml", INPUT);
    assert.ok(weighted.ok, JSON.stringify(weighted));
    assert.equal(weighted.config.snapshot.groups.get("ai")?.algorithm, "parallel");
  });

  test("two rules of one prefix are in order when the first asks for a time", () => {
    const rules = (when: string): readonly string[] => {
      const loaded = loadText(
        `${FILE}outbound: [{ name: day, to: trunk carrier${when} }, { name: night, to: trunk carrier }]`,
        "tandem.yaml",
        INPUT,
      );
      assert.ok(loaded.ok);
      return loaded.warnings.map(({ message }) => message);
    };
    assert.deepEqual(rules(', when: { from: "08:00", to: "18:00" }'), []);
    assert.match(rules("")[0] ?? "", /night is never reached/);
  });

  for (const example of ["vodafone-groups", "exolve-livekit"]) {
    test(`examples/${example} loads without a warning`, () => {
      const text = readFileSync(new URL(`../../examples/${example}/tandem.yaml`, import.meta.url), "utf8");
      const loaded = loadText(text, "tandem.yaml", INPUT);
      assert.ok(loaded.ok, JSON.stringify(loaded));
      assert.deepEqual(loaded.warnings, []);
    });
  }
});
