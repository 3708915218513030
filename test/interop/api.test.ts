/**
 * The users' guide to wholesale trunks, its curl lines in its order, with the real curl against a running Tandem; the
 * carrier behind the trunks is sipp. Only host names, credentials and the network of `allowed_ips` are the laboratory's.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, describe, test } from "node:test";
import type { TokenReport } from "#call/control.ts";
import { type Lab, type RunningTandem, loopbackLab, startTandem } from "../kit/lab.ts";
import { skipWithout } from "../kit/peers.ts";
import { runSipp, startSipp } from "../kit/sipp.ts";
import { ANSWERING, ack, ackFailure, bye, invite, pause, recv, respondWithin, uac } from "../kit/sipp-scenario.ts";
import { walkRoutes } from "../kit/walk-routes.ts";
import { labYaml } from "./lab-yaml.ts";

const DID = "+15551234567";
const PASSWORD = "your_skyetel_password-4711";
/** Where nobody listens. */
const DEAD_PORT = 5999;
const WAIT_MS = 60_000;
const trying = recv(100, { optional: true });
const ringing = recv(180, { optional: true });
const calling = (talkMs: number): string => uac([invite(), trying, ringing, recv(200), ack(), pause(talkMs), bye(), recv(200)]);
/** A caller that we hang up on. */
const HUNG_UP = uac([invite(), trying, ringing, recv(200), ack(), recv("BYE", { timeoutMs: 30_000 }), respondWithin(200, "OK")]);

const REFUSED = uac([invite(), trying, recv(503), ackFailure()]);

type Json = Readonly<Record<string, unknown>>;
interface Answer {
  readonly status: number;
  readonly body: string;
  readonly json: Json;
}

async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const endMs = performance.now() + WAIT_MS;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > endMs) throw new Error(`${what}: not within ${WAIT_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function setUp(t: TestContext, node: Json = { api: { port: 0 } }) {
  const lab = loopbackLab(t);
  const tandem = await startTandem(t, lab, labYaml(lab, { node }));
  const report = await until("the API", async () => {
    const found = await tandem.ask<TokenReport>({ type: "token", role: "owner", tenant: undefined });
    return found.url === undefined ? undefined : { ...found, url: found.url };
  });
  const curl = async (...args: readonly string[]): Promise<Answer> => {
    const { code, output } = await lab.run(lab.sbcPrivate, "curl", ["-sS", "--max-time", "30", "-w", "\n%{http_code}", ...args], 40_000);
    assert.equal(code, 0, `curl ${args.join(" ")}: ${output}`);
    const end = output.lastIndexOf("\n");
    const body = output.slice(0, end);
    return { status: Number(output.slice(end + 1)), body, json: body.startsWith("{") ? (JSON.parse(body) as Json) : {} };
  };
  const bearer = (token: string): readonly string[] => ["-H", `Authorization: Bearer ${token}`];
  const authorized = bearer(report.token);
  const get = (path: string, ...more: readonly string[]) => curl(...authorized, ...more, `${report.url}${path}`);
  const send = (method: string, path: string, body?: Json) =>
    curl(
      "-X",
      method,
      `${report.url}${path}`,
      ...authorized,
      ...(body === undefined ? [] : ["-H", "Content-Type: application/json", "-d", JSON.stringify(body)]),
    );
  return { lab, tandem, url: report.url, curl, bearer, get, send };
}

const itemsOf = (answer: Answer): readonly Json[] => answer.json["items"] as readonly Json[];

/** Calls to +1987… leave by this trunk. */
async function routeOutTo(lab: Lab, tandem: RunningTandem, trunk: string): Promise<void> {
  const file = join(lab.folder, `${trunk}.yaml`);
  writeFileSync(file, `outbound: [{ name: guide, prefix: "+1987", to: trunk ${trunk} }]\n`);
  const applied = await tandem.cli<{ readonly ok: boolean }>("apply", "-f", file, "--yes");
  assert.equal(applied.ok, true, JSON.stringify(applied));
}

describe("the API", { skip: skipWithout("sipp", "curl") }, () => {
  test("the guide's lines about trunks, calls and records succeed as they stand", async (t) => {
    const { lab, tandem, url, get, send } = await setUp(t);
    const answers: Answer[] = [];
    const good = async (asked: Promise<Answer>, status = 200): Promise<Answer> => {
      const answer = await asked;
      assert.equal(answer.status, status, answer.body);
      answers.push(answer);
      return answer;
    };
    const carrier = lab.carrier2.address;
    const skyetel = {
      trunk_id: "skyetel_main",
      name: "Skyetel Main Trunk",
      provider: "skyetel",
      proxy_address: carrier,
      proxy_port: 5060,
      username: "your_skyetel_username",
      password: PASSWORD,
      realm: "sip.skyetel.com",
      supports_outbound: true,
      supports_inbound: true,
      transport: "UDP",
      preferred_codecs: ["PCMU", "PCMA"],
      max_concurrent_calls: 100,
      calls_per_second_limit: 10,
    };

    // 4.1 to 4.3
    const made = await good(send("POST", "/api/trunks", skyetel), 201);
    assert.equal(made.json["is_active"], true);
    await good(
      send("POST", "/api/trunks", {
        trunk_id: "didforsale_main",
        name: "DIDForSale Trunk",
        provider: "didforsale",
        proxy_address: "sip.didforsale.com",
        proxy_port: 5060,
        username: "your_did_username",
        password: PASSWORD,
        supports_outbound: true,
        supports_inbound: true,
        transport: "UDP",
        preferred_codecs: ["PCMU", "PCMA"],
      }),
      201,
    );
    const listed = await good(get("/api/trunks"));
    assert.deepEqual(
      itemsOf(listed)
        .map((trunk) => trunk["trunk_id"])
        .sort(),
      ["didforsale_main", "skyetel_main", "vodafone"],
    );
    assert.equal((await good(get("/api/trunks/skyetel_main"))).json["name"], "Skyetel Main Trunk");
    await good(send("POST", "/api/trunks/skyetel_main/activate"));

    // 6.1 and 6.2: a call in, and one out
    const gateway = startSipp(lab, lab.gateways[0], ANSWERING, undefined, { calls: 3 });
    const inbound = startSipp(lab, lab.carrier2, calling(300), `${lab.sbcPublic.address}:5060`, { service: DID, port: 5070, calls: 1 });
    assert.equal((await inbound.finish()).successful, 1);
    await routeOutTo(lab, tandem, "skyetel_main");
    const provider = startSipp(lab, lab.carrier2, ANSWERING, undefined, { calls: 3 });
    const outward = await runSipp(lab, lab.gateways[1], calling(300), `${lab.sbcPublic.address}:5060`, { service: "+19876543210" });
    assert.equal(outward.successful, 1, outward.output);

    // 6.3
    const status = await good(get("/api/trunks/skyetel_main/status"));
    assert.deepEqual([status.json["state"], status.json["is_active"]], ["up", true]);
    const summary = await good(get("/api/trunks/stats/summary"));
    const skyetelNumbers = (summary.json["by_trunk"] as readonly Json[]).find((trunk) => trunk["trunk_id"] === "skyetel_main");
    assert.deepEqual([skyetelNumbers?.["total"], skyetelNumbers?.["successful"]], [2, 2]);

    // A call that is up is seen, and hung up.
    const long = startSipp(lab, lab.carrier2, HUNG_UP, `${lab.sbcPublic.address}:5060`, {
      service: DID,
      port: 5071,
      mediaPort: 9100,
      calls: 1,
    });
    const active = await until(`the call: ${long.child.output()}`, async () =>
      itemsOf(await good(get("/api/calls/active"))).find((call) => call["status"] === "answered"),
    );
    assert.deepEqual([active["to_number"], active["from_peer"]], [DID, "skyetel_main"]);
    await good(send("DELETE", `/api/calls/${String(active["call_id"])}`), 204);
    assert.equal((await long.finish()).successful, 1);

    // 6.2, as it stands
    const placed = await good(
      send("POST", "/api/calls/initiate", {
        from_number: DID,
        to_number: "+19876543210",
        webhook_url: "https://yourdomain.com/call-webhook",
      }),
      202,
    );
    const both = await until("the call that was asked for", async () =>
      itemsOf(await good(get("/api/calls/active"))).find((call) => call["status"] === "answered"),
    );
    assert.deepEqual([both["call_id"], both["to_peer"]], [placed.json["call_id"], "ai1"]);
    await good(send("DELETE", `/api/calls/${String(placed.json["call_id"])}`), 204);
    assert.equal((await gateway.finish()).successful, 3);

    // 7.2: calls to it go over TLS from now on; those from it are known by their address as before.
    const tls = { allowed_ips: [`${carrier}/32`], transport: "TLS", auth_method: "digest" };
    const secured = await good(send("PUT", "/api/trunks/skyetel_main", tls));
    assert.deepEqual(
      [secured.json["allowed_ips"], secured.json["username"], secured.json["transport"]],
      [[`${carrier}/32`], "your_skyetel_username", "TLS"],
    );
    // The laboratory's carrier speaks none.
    assert.equal((await good(send("PUT", "/api/trunks/skyetel_main", { transport: "UDP" }))).json["transport"], "UDP");

    // 8.1 and 8.2
    assert.deepEqual(itemsOf(await good(get("/api/calls/cdr?provider=twilio&limit=100"))), []);
    const records = await until("records", async () => {
      const items = itemsOf(await good(get("/api/calls/cdr?provider=skyetel&limit=100")));
      return items.length >= 4 ? items : undefined;
    });
    assert.deepEqual(
      records.map((record) => [record["provider"], record["outcome"]]),
      [
        ["skyetel", "answered"],
        ["skyetel", "answered"],
        ["skyetel", "answered"],
        ["skyetel", "answered"],
      ],
    );
    assert.equal((await good(get(`/api/calls/${String(records[0]!["call_id"])}`))).json["active"], null);
    const page = await good(get("/api/calls/cdr?limit=1"));
    assert.notEqual(
      itemsOf(await good(get(`/api/calls/cdr?limit=1&cursor=${String(page.json["next"])}`)))[0]?.["call_id"],
      itemsOf(page)[0]?.["call_id"],
    );
    assert.equal(itemsOf(await good(get("/api/trunks/status"))).length, 3);

    // 9.1 and 9.2: limits, and a backup that takes over when the first is dead
    assert.equal(
      (await good(send("PUT", "/api/trunks/skyetel_main", { max_concurrent_calls: 1000, calls_per_second_limit: 50 }))).json[
        "max_concurrent_calls"
      ],
      1000,
    );
    await good(
      send("POST", "/api/trunks/", {
        trunk_id: "didforsale_backup",
        name: "DIDForSale Backup Trunk",
        provider: "didforsale",
        proxy_address: lab.carrier.address,
        proxy_port: DEAD_PORT,
        username: "backup_username",
        password: PASSWORD,
        backup_trunks: ["skyetel_main"],
      }),
      201,
    );
    await routeOutTo(lab, tandem, "didforsale_backup");
    const overBackup = await runSipp(lab, lab.gateways[1], calling(300), `${lab.sbcPublic.address}:5060`, { service: "+19876543210" });
    assert.equal(overBackup.successful, 1, overBackup.output);
    assert.equal((await provider.finish()).successful, 3);

    // 9.3
    const metrics = await good(get("/metrics"));
    assert.match(metrics.body, /^sip_calls_total\{provider="skyetel",status="success"\} 5$/m);
    assert.match(metrics.body, /^sip_call_duration_seconds\{provider="skyetel"\} [0-9.]+$/m);
    assert.doesNotMatch(metrics.body, /1555123|1987654/);

    // Inactive, or not for calls in: the carrier hears 503 at once.
    for (const [off, on] of [
      [() => send("POST", "/api/trunks/skyetel_main/deactivate"), () => send("POST", "/api/trunks/skyetel_main/activate")],
      [
        () => send("PUT", "/api/trunks/skyetel_main", { supports_inbound: false }),
        () => send("PUT", "/api/trunks/skyetel_main", { supports_inbound: true }),
      ],
    ] as const) {
      await good(off());
      const refused = await runSipp(lab, lab.carrier2, REFUSED, `${lab.sbcPublic.address}:5060`, {
        service: DID,
        port: 5072,
        mediaPort: 9200,
      });
      assert.equal(refused.successful, 1, refused.output);
      await good(on());
    }

    // What is named can't go; what isn't, can, and is gone after a restart, too.
    assert.equal((await send("DELETE", "/api/trunks/skyetel_main")).json["code"], "IN_USE");
    await good(send("DELETE", "/api/trunks/didforsale_main"), 204);
    assert.equal((await get("/api/trunks/didforsale_main")).status, 404);
    for (const { body } of answers) assert.equal(body.includes(PASSWORD), false, body);
    assert.equal(tandem.child.output().includes(PASSWORD), false);
    assert.match(url, /^http:\/\/127\.0\.0\.1:/);
  });

  test("a stranger's token finds nothing on any route; without one there is nothing at all", async (t) => {
    const { tandem, url, curl, get, send } = await setUp(t);
    assert.equal(
      (
        await send("POST", "/api/trunks", {
          trunk_id: "mine",
          provider: "prv",
          proxy_address: "192.0.2.77",
          username: "usr",
          password: PASSWORD,
        })
      ).status,
      201,
    );
    const openApi = (await curl(`${url}/docs/openapi.json`)).json;
    const { token } = await tandem.ask<TokenReport>({ type: "token", role: "owner", tenant: "stranger" });
    const ask = async (method: string, path: string, body: unknown, as: string | undefined) => {
      const response = await fetch(url + path, {
        method,
        signal: AbortSignal.timeout(10_000),
        headers: {
          ...(as !== undefined && { authorization: `Bearer ${as}` }),
          ...(body !== undefined && { "content-type": "application/json" }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      // A stream has no end.
      if (response.headers.get("content-type")?.startsWith("text/event-stream") !== true)
        return { status: response.status, body: await response.text() };
      await response.body?.cancel();
      return { status: response.status, body: "" };
    };
    const fill = { trunk_id: "mine", call_id: "0", name: "owner", key_id: "0" };
    const bodies = {
      "PUT /api/trunks/{trunk_id}": { name: "theirs" },
      "POST /api/trunks": { trunk_id: "theirs", proxy_address: "192.0.2.78", tenant: "default" },
    };
    for (const { route, open, answer } of await walkRoutes(openApi, ask, undefined, fill, bodies))
      if (!open) assert.equal(answer.status, 401, route);
    for (const { route, answer } of await walkRoutes(openApi, ask, token, fill, bodies)) {
      assert.ok(answer.status < 500, `${route}: ${answer.body}`);
      assert.doesNotMatch(answer.body.replace(/(e\.g\.|is missing)[^}]*/g, ""), /192\.0\.2\.77|"prv"|"usr"|vodafone|your_skyetel/, route);
      if (/^(PUT|DELETE)|activate/.test(route))
        assert.ok([403, 404, 422].includes(answer.status), `${route}: ${answer.status} ${answer.body}`);
    }
    assert.equal((await get("/api/trunks/mine")).json["name"], "mine");
  });

  test("the owner logs in with the password that the first start left, and a taken port keeps no call waiting", async (t) => {
    const { lab, tandem, url, curl } = await setUp(t);
    const password = readFileSync(join(tandem.home, "owner-password"), "utf8").trim();
    assert.match(tandem.child.output(), /log in as "owner" with the password in/);
    assert.equal(tandem.child.output().includes(password), false);
    const login = await curl(
      "-X",
      "POST",
      `${url}/api/auth/login`,
      "-H",
      "Content-Type: application/json",
      "-d",
      JSON.stringify({ username: "owner", password }),
    );
    assert.equal(login.status, 200, login.body);
    const me = await curl("-H", `Authorization: Bearer ${String(login.json["access_token"])}`, `${url}/api/auth/me`);
    assert.equal(me.json["name"], "user owner");
    assert.match((await curl(`${url}/docs/`)).body, /openapi\.json/);

    const other = loopbackLab(t);
    const second = await startTandem(t, other, labYaml(other, { node: { api: { port: Number(new URL(url).port) } } }));
    await second.child.says(/no API: 127\.0\.0\.1:\d+ can't be opened/, WAIT_MS);
    const gateway = startSipp(other, other.gateways[0], ANSWERING, undefined, { calls: 1 });
    assert.equal((await runSipp(other, other.carrier, calling(100), `${other.sbcPrivate.address}:5060`, { service: DID })).successful, 1);
    assert.equal((await gateway.finish()).successful, 1);
    assert.equal(lab.kind, "loopback");
  });
});
