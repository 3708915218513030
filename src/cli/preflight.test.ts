import assert from "node:assert/strict";
import { test } from "node:test";
import type { CallTotals, TrunkReport } from "#call/control.ts";
import { loadText } from "#config/load.ts";
import type { CommandContext } from "./context.ts";
import { type Asked, type PreflightStep, type PreflightTools, preflight } from "./preflight.ts";

const YAML = `
listeners: [{ name: public, address: 203.0.113.1 }]
trunks:
  - { name: plain, uri: "sip:192.0.2.1:5060;transport=tcp", codecs: [PCMA], numbers: { country_code: "49", national_prefix: "0", write: national } }
  - { name: asked, uri: "sip:sip.example.com", username: u, password: p }
  - { name: registering, uri: "sip:sip.example.com", username: u, password: p, register: yes }
gateways: [{ name: in, addresses: [192.0.2.9] }]
dids: [{ number: "+49301234567", to: gateway in }]
`;
const NO_CALLS: CallTotals = { calls: 0, answered: 0, seconds: 0 };
const answer = (status: number, reason: string): Asked => ({
  ok: status > 0 && status < 500,
  status,
  reason,
  roundTripMs: 1,
  target: "udp:192.0.2.1:5060",
  userAgent: "x",
  allow: "",
  codecs: undefined,
});
const TOOLS: PreflightTools = {
  shake: async () => ({ ok: true, found: "TLSv1.3, certificate of sip.example.com", remedy: "" }),
  locate: async () => ({ ok: true, targets: [{ transport: "UDP", address: "192.0.2.1", port: 5060 }] }),
  localAddressTowards: async () => "203.0.113.1",
  isLocal: () => true,
  sameDevice: () => false,
  connect: async () => ({ ok: true, detail: "open", roundTripMs: 1 }),
  ask: async () => answer(200, "200 OK"),
  trunks: async () => undefined,
};

async function run(
  name: string,
  tools: Partial<PreflightTools> = {},
): Promise<{ readonly code: number; readonly said: (step: PreflightStep["step"]) => string }> {
  const loaded = loadText(YAML, "t.yaml", { env: {}, readFile: () => "", uid: 0, hostname: "h", home: "/h" });
  assert.ok(loaded.ok);
  let printed = "";
  const context = {
    json: true,
    look: { terminal: false, columns: 100 },
    print: (line: string) => void (printed += line),
    warn: () => undefined,
    control: () => Promise.reject(new Error("none")),
  } satisfies CommandContext;
  const code = await preflight(context, loaded.config.snapshot, name, { ...TOOLS, ...tools });
  const { steps } = JSON.parse(printed) as { readonly steps: readonly PreflightStep[] };
  return {
    code,
    said: (step) => {
      const found = steps.find((one) => one.step === step);
      return found === undefined ? "" : `${found.verdict}: ${found.found}`;
    },
  };
}

test("a peer in order passes every step that applies", async () => {
  const { code, said } = await run("plain", {
    locate: async () => ({ ok: true, targets: [{ transport: "TCP", address: "192.0.2.1", port: 5060 }] }),
    ask: async () => ({ ...answer(200, "200 OK"), codecs: ["PCMU", "pcma"] }),
  });
  assert.equal(code, 0);
  assert.match(said("dns"), /^pass: tcp:192\.0\.2\.1:5060, no name/);
  assert.match(said("source"), /^pass: 203\.0\.113\.1, as listener public/);
  assert.match(said("port"), /^pass: tcp 192\.0\.2\.1:5060 open/);
  assert.match(said("options"), /^pass: 200 OK from x/);
  assert.match(said("codecs"), /^pass: PCMU, pcma; of ours: PCMA/);
  assert.match(said("numbers"), /^pass: out: \+49301234567 is written 0301234567; in: 0301234567 is read \+49301234567/);
});

test("each thing that can stand between is named", async () => {
  const dns = await run("plain", { locate: async () => ({ ok: false, reason: "NOT_FOUND: no such name" }) });
  assert.equal(dns.code, 1);
  assert.match(dns.said("dns"), /^fail: .*no such name/);
  assert.match(dns.said("options"), /^skip/);
  const down = await run("plain", {
    locate: async () => ({ ok: true, targets: [{ transport: "TCP", address: "192.0.2.1", port: 5060 }] }),
    connect: async () => ({ ok: false, detail: "connect ECONNREFUSED", roundTripMs: 1 }),
    ask: async () => answer(0, "no response within 5 s"),
    localAddressTowards: async () => "10.0.0.5",
  });
  assert.equal(down.code, 1);
  assert.match(down.said("port"), /^fail: .*ECONNREFUSED/);
  assert.match(down.said("options"), /^fail: no response/);
  assert.match(down.said("source"), /^fail: the route to 192\.0\.2\.1 leaves from 10\.0\.0\.5/);
  assert.match(
    (await run("plain", { localAddressTowards: async () => "10.0.0.5", sameDevice: () => true })).said("source"),
    /^pass: 203\.0\.113\.1 of listener public, on the device/,
  );
  assert.match((await run("plain", { isLocal: () => false })).said("source"), /^fail: .*no address of this machine/);
  assert.match(
    (await run("plain", { ask: async () => ({ ...answer(200, "200 OK"), codecs: ["opus"] }) })).said("codecs"),
    /^fail: opus; ours are PCMA/,
  );
  assert.match((await run("plain", { ask: async () => answer(503, "503 Service Unavailable") })).said("options"), /^fail: 503/);
});

test("credentials are tried where they are asked for", async () => {
  const challenging =
    (good: boolean): PreflightTools["ask"] =>
    async (_method, _peer, _from, withAccount) =>
      withAccount && good ? answer(200, "200 OK") : answer(401, "401 Unauthorized");
  assert.match((await run("asked", { ask: challenging(true) })).said("digest"), /^pass: u was taken/);
  assert.match((await run("asked", { ask: challenging(false) })).said("digest"), /^fail: u: 401/);
  assert.match((await run("asked")).said("digest"), /^skip/);
  assert.match((await run("plain", { ask: challenging(false) })).said("digest"), /^fail: it asks for a password/);
});

test("registering is the running Tandem's to tell, and asked for without it", async () => {
  const registration = {
    standing: "registered",
    sinceMs: 0,
    nextAtMs: 1,
    reason: "",
    registrar: "sip:sip.example.com",
    addressOfRecord: "sip:u@sip.example.com",
    failures: 0,
  } as const;
  const trunk = {
    name: "registering",
    tenant: "default",
    listener: "public",
    uri: "",
    calls: 0,
    callsMax: 1,
    title: "",
    provider: "",
    maintenance: false,
    totals: { inbound: NO_CALLS, outbound: NO_CALLS },
    registration,
  } satisfies TrunkReport;
  const methods: string[] = [];
  const ask: PreflightTools["ask"] = async (method) => {
    methods.push(method);
    return answer(200, "200 OK");
  };
  const running = await run("registering", { trunks: async () => [trunk], ask });
  assert.match(running.said("register"), /^pass: registered as sip:u@sip\.example\.com by the running Tandem/);
  assert.deepEqual(methods, ["OPTIONS"]);
  const alone = await run("registering", { ask });
  assert.match(alone.said("register"), /^pass: 200 OK to a REGISTER that only asks/);
  assert.deepEqual(methods, ["OPTIONS", "OPTIONS", "REGISTER"]);
  const failed = await run("registering", {
    trunks: async () => [{ ...trunk, registration: { ...registration, standing: "failed", reason: "403 Forbidden" } }],
    ask: async () => answer(403, "403 Forbidden"),
  });
  assert.match(failed.said("register"), /^fail: 403 Forbidden.*the running Tandem: failed, 403/);
  assert.match(failed.said("digest"), /^fail/);
});

test("a peer that only calls in has nothing to ask; an unknown one is named", async () => {
  const { code, said } = await run("in");
  assert.equal(code, 0);
  assert.match(said("options"), /^skip/);
  assert.match(said("recognised"), /^pass: address 192\.0\.2\.9/);
  await assert.rejects(run("nobody"), /there are plain, asked, registering, in/);
});
