import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { fakeSmtp } from "../../test/kit/fake-smtp.ts";
import { fakeWeb } from "../../test/kit/fake-web.ts";
import { type AlertMessage, ChannelSettings, publicSettings, sendAlert } from "./alert-channels.ts";
import { createCallOut } from "./call-out.ts";

const MESSAGE: AlertMessage = {
  event: "alert.raised",
  subject: "CRITICAL: A trunk is not registered (skyetel)",
  text: "403 Forbidden\nrule registration_lost",
  body: '{"type":"alert.raised"}',
};
const callOut = createCallOut({ allowPrivate: true });
const parts = { callOut, nowMs: () => 1_700_000_000_000, secret: "whsec_x" };
const TOKEN = "123456:AA-token";

test("a letter goes out by SMTP with its user, to each who is named", async (t) => {
  const smtp = await fakeSmtp(t);
  const settings = ChannelSettings.parse({
    kind: "email",
    host: "127.0.0.1",
    port: smtp.port,
    security: "none",
    username: "tandem",
    password: "letter-pass",
    from: "tandem@example.com",
    to: ["ops@example.com", "boss@example.com"],
  });
  assert.equal(await sendAlert(settings, MESSAGE, parts), "");
  const [mail] = smtp.mails;
  assert.deepEqual(
    [mail?.from, mail?.to, mail?.auth],
    ["tandem@example.com", ["ops@example.com", "boss@example.com"], "tandem\0letter-pass"],
  );
  assert.match(mail!.text, /^Subject: CRITICAL: A trunk is not registered \(skyetel\)$/m);
  assert.match(mail!.text, /^Auto-Submitted: auto-generated$/m);
  assert.match(mail!.text, /403 Forbidden\nrule registration_lost/);
  assert.deepEqual(publicSettings(settings)["has_password"], true);
  assert.equal(JSON.stringify(publicSettings(settings)).includes("letter-pass"), false);
});

test("what the mail server says no to is said; without TLS nothing goes where it is demanded", async (t) => {
  const refusing = await fakeSmtp(t, true);
  const settings = { kind: "email", host: "127.0.0.1", port: refusing.port, from: "a@example.com", to: ["b@example.com"] };
  assert.match(await sendAlert(ChannelSettings.parse({ ...settings, security: "none" }), MESSAGE, parts), /nobody of that name/);
  assert.notEqual(await sendAlert(ChannelSettings.parse(settings), MESSAGE, parts), "");
  assert.equal(refusing.mails.length, 0);
  assert.match(await sendAlert(ChannelSettings.parse({ ...settings, port: 1 }), MESSAGE, parts), /ECONNREFUSED/);
});

test("a Telegram bot sends the message to its chat, and its token is in no complaint", async (t) => {
  let ok = true;
  const bots = await fakeWeb(t, () => (ok ? [200, '{"ok":true,"result":{}}'] : [401, '{"ok":false,"error_code":401}']));
  const settings = ChannelSettings.parse({ kind: "telegram", bot_token: TOKEN, chat_id: "-100200300", base_url: `${bots.url}/` });
  assert.equal(await sendAlert(settings, MESSAGE, parts), "");
  const [asked] = bots.requests;
  assert.deepEqual([asked?.method, asked?.path, asked?.headers["content-type"]], ["POST", `/bot${TOKEN}/sendMessage`, "application/json"]);
  assert.deepEqual(JSON.parse(asked!.body), { chat_id: "-100200300", text: `${MESSAGE.subject}\n${MESSAGE.text}` });
  ok = false;
  assert.equal(await sendAlert(settings, MESSAGE, parts), "answered 401");
  const nowhere = ChannelSettings.parse({ kind: "telegram", bot_token: TOKEN, chat_id: "@ops", base_url: "http://127.0.0.1:1" });
  assert.equal((await sendAlert(nowhere, MESSAGE, parts)).includes(TOKEN), false);
  assert.equal(JSON.stringify(publicSettings(settings)).includes(TOKEN), false);
});

test("a webhook channel is signed like webhooks, a heartbeat is a GET", async (t) => {
  const web = await fakeWeb(t, () => [200, ""]);
  assert.equal(await sendAlert({ kind: "webhook", url: `${web.url}/alerts` }, MESSAGE, parts), "");
  assert.equal(await sendAlert({ kind: "heartbeat", url: `${web.url}/beat` }, MESSAGE, parts), "");
  const [posted, beat] = web.requests;
  const v1 = createHmac("sha256", "whsec_x").update(`1700000000.${MESSAGE.body}`).digest("hex");
  assert.deepEqual([posted?.headers["x-tandem-signature"], posted?.headers["x-tandem-event"]], [`t=1700000000,v1=${v1}`, "alert.raised"]);
  assert.deepEqual([beat?.method, beat?.path], ["GET", "/beat"]);
  const strict = createCallOut({ allowPrivate: false });
  t.after(() => [callOut.close(), strict.close()]);
  assert.match(await sendAlert({ kind: "heartbeat", url: `${web.url}/beat` }, MESSAGE, { ...parts, callOut: strict }), /private network/);
});
