/** Alerts of a running Tandem: a provider that is not there raises one, in e-mail, Telegram, webhook and API; the heartbeat beats. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { TokenReport } from "#call/control.ts";
import { fakeSmtp } from "../kit/fake-smtp.ts";
import { fakeWeb } from "../kit/fake-web.ts";
import { loopbackLab, startTandem } from "../kit/lab.ts";
import { labYaml } from "./lab-yaml.ts";

const WAIT_MS = 60_000;
const DEAD_PORT = 5999;
const MAIL_PASSWORD = "letter-pass-5521";
const BOT_TOKEN = "77:bot-token-9182";

async function until<T>(what: string, look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const endMs = performance.now() + WAIT_MS;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > endMs) throw new Error(`${what}: not within ${WAIT_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

describe("alerts", () => {
  test("a trunk that can't register is an alert everywhere, and over when it is in maintenance", async (t) => {
    const lab = loopbackLab(t);
    const smtp = await fakeSmtp(t);
    const web = await fakeWeb(t, () => [200, "{}"]);
    const tandem = await startTandem(t, lab, labYaml(lab, { node: { api: { port: 0 }, webhooks: { allow_private: true } } }));
    const { url, token } = await until("the API", async () => {
      const found = await tandem.ask<TokenReport>({ type: "token", role: "owner", tenant: undefined });
      return found.url === undefined ? undefined : { ...found, url: found.url };
    });
    const send = async (method: string, path: string, body?: unknown, as = token) => {
      const response = await fetch(url + path, {
        method,
        headers: { authorization: `Bearer ${as}`, ...(body === undefined ? {} : { "content-type": "application/json" }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, text, json: (text === "" ? {} : JSON.parse(text)) as Record<string, unknown> };
    };
    const channel = async (name: string, settings: object) => {
      const made = await send("POST", "/api/alerts/channels", { name, settings });
      assert.equal(made.status, 201, made.text);
      return String(made.json["channel_id"]);
    };
    const mail = { kind: "email", host: "127.0.0.1", port: smtp.port, security: "none", username: "u", password: MAIL_PASSWORD };
    const letters = await channel("letters", { ...mail, from: "tandem@example.com", to: ["ops@example.com"] });
    await channel("chat", { kind: "telegram", bot_token: BOT_TOKEN, chat_id: "-1", base_url: web.url });
    await channel("monitor", { kind: "heartbeat", url: `${web.url}/beat` });
    await until("a beat", () => (web.requests.some(({ method, path }) => method === "GET" && path === "/beat") ? true : undefined));
    await channel("hook", { kind: "webhook", url: `${web.url}/hook` });
    assert.deepEqual((await send("POST", `/api/alerts/channels/${letters}/test`)).json, { ok: true, problem: "" });
    assert.match(smtp.mails[0]!.text, /a test of this channel/);
    const renamed = await send("PUT", `/api/alerts/channels/${letters}`, {
      name: "post",
      settings: { ...mail, password: undefined, from: "t@example.com", to: ["ops@example.com"] },
    });
    assert.equal(renamed.status, 200, renamed.text);
    assert.equal(
      (await send("PUT", "/api/alerts/rules/registration_lost", { raise_after_s: 0, clear_after_s: 0 })).json["raise_after_s"],
      0,
    );

    const { token: stranger } = await tandem.ask<TokenReport>({ type: "token", role: "owner", tenant: "stranger" });
    for (const [method, path, body] of [
      ["GET", "/api/alerts/channels"],
      ["POST", "/api/alerts/channels", { name: "x", settings: { kind: "webhook", url: "https://example.com/" } }],
      ["PUT", "/api/alerts/rules/disk_full", { enabled: false }],
      ["DELETE", `/api/alerts/channels/${letters}`],
      ["POST", `/api/alerts/channels/${letters}/test`],
    ] as const)
      assert.equal((await send(method, path, body, stranger)).status, 403, path);

    const made = await send("POST", "/api/trunks", {
      trunk_id: "nowhere",
      proxy_address: lab.carrier2.address,
      proxy_port: DEAD_PORT,
      username: "user",
      password: "trunk-pass",
      register: true,
    });
    assert.equal(made.status, 201, made.text);
    const open = async () => ((await send("GET", "/api/alerts")).json["items"] as readonly { rule: string; subject: string }[])[0];
    const alert = await until("the alert", open);
    assert.deepEqual([alert.rule, alert.subject], ["registration_lost", "nowhere"]);
    await until("the letter", () => smtp.mails.find(({ text }) => /A trunk is not registered \(nowhere\)/.test(text)));
    assert.equal(smtp.mails.at(-1)?.auth, `u\0${MAIL_PASSWORD}`);
    const paths = (): readonly string[] => web.requests.map(({ path }) => path);
    await until("chat and hook", () => (paths().includes(`/bot${BOT_TOKEN}/sendMessage`) && paths().includes("/hook") ? true : undefined));
    assert.deepEqual((await send("GET", "/api/alerts", undefined, stranger)).json["items"], []);

    assert.equal((await send("POST", "/api/trunks/nowhere/deactivate")).status, 200);
    await until("its end", async () => ((await open()) === undefined ? true : undefined));
    const past = (await send("GET", "/api/alerts?state=all")).json["items"] as readonly { cleared_at: string | null }[];
    assert.deepEqual([past.length, typeof past[0]?.cleared_at], [1, "string"]);
    await until("the letter of the end", () => smtp.mails.find(({ text }) => /^Subject: Over:/m.test(text)));

    const channels = (await send("GET", "/api/alerts/channels")).text;
    for (const secret of [MAIL_PASSWORD, BOT_TOKEN]) {
      assert.equal(channels.includes(secret), false);
      assert.equal(tandem.child.output().includes(secret), false);
    }
  });
});
