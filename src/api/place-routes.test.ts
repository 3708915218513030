/** Placing calls over the API: what the switch is asked, and how its refusals are told. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { OriginateCommand, OriginateReport, TransferCommand, TransferReport } from "#call/control.ts";
import fastify from "fastify";
import { serializerCompiler, validatorCompiler } from "fastify-type-provider-zod";
import type { ApiPorts } from "./ports.ts";
import { signLocalToken } from "./local-token.ts";
import { ApiProblem } from "./problem.ts";
import { placeRoutes } from "./place-routes.ts";
import { guard } from "./sessions.ts";

const KEY = new Uint8Array(32).fill(1);

const CALL_ID = "0123456789abcdef";
const UP = { callId: CALL_ID, tenant: "acme" };

async function asked(body: unknown, reach: string, answer: OriginateReport | TransferReport = { callId: CALL_ID }, path = "initiate") {
  const commands: (OriginateCommand | TransferCommand)[] = [];
  const app = fastify();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler((error, _, reply) =>
    error instanceof ApiProblem
      ? reply.code(error.status).serializer(JSON.stringify).send({ code: error.code, errors: error.errors })
      : reply.send(error),
  );
  const ports = {
    ask: async (command: OriginateCommand | TransferCommand | { readonly type: "calls" }) =>
      command.type === "calls" ? [UP] : (commands.push(command), answer),
    key: KEY,
    nowMs: () => 0,
  } as unknown as ApiPorts;
  guard(app, ports);
  await app.register(placeRoutes(ports));
  const authorization = `Bearer ${signLocalToken(KEY, { name: "test", role: "operator", tenant: reach }, 0, 600)}`;
  const { statusCode, json, headers } = await app.inject({
    method: "POST",
    url: `/api/calls/${path}`,
    headers: { authorization },
    payload: body as object,
  });
  await app.close();
  return { status: statusCode, body: json<Record<string, unknown>>(), location: headers.location, commands };
}

test("the guide's curl line is one question to the switch, and 202 with the call's id", async () => {
  const wish = { from_number: "+15551234567", to_number: "+19876543210", webhook_url: "https://yourdomain.com/call-webhook" };
  const { status, body, location, commands } = await asked(wish, "*");
  assert.equal(status, 202);
  assert.deepEqual(body, { call_id: "0123456789abcdef", status: "initiated", from_number: "+15551234567", to_number: "+19876543210" });
  assert.equal(location, "/api/calls/0123456789abcdef");
  assert.deepEqual(commands, [
    {
      type: "originate",
      tenant: undefined,
      fromNumber: "+15551234567",
      toNumber: "+19876543210",
      trunk: undefined,
      connect: undefined,
      timeoutMs: undefined,
      webhookUrl: "https://yourdomain.com/call-webhook",
    },
  ]);
});

test("a tenant's token asks for that tenant, and of a URI only the number counts", async () => {
  const wish = { from_number: "+1555", to_number: "+1987", trunk: "t", timeout_s: 20, connect: { uri: "sip:%2B4930111@evil.example" } };
  const { commands } = await asked(wish, "acme");
  const [{ tenant, trunk, timeoutMs, connect } = {}] = commands as readonly Partial<OriginateCommand>[];
  assert.deepEqual([tenant, trunk, timeoutMs, connect], ["acme", "t", 20_000, { kind: "number", name: "+4930111" }]);
});

test("what the switch says no to is told with the field and a code that stays", async () => {
  const wish = { from_number: "+1555", to_number: "+1987" };
  for (const [code, field, status, problem] of [
    ["FROM_NOT_OWN", "from_number", 403, "NOT_YOUR_NUMBER"],
    ["UNKNOWN", "trunk", 422, "BODY_INVALID"],
    ["NO_ROUTE", "to_number", 422, "NO_ROUTE"],
    ["OVERLOADED", undefined, 503, "OVERLOADED"],
    ["NOT_SUPPORTED", undefined, 501, "NOT_SUPPORTED"],
  ] as const) {
    const answer = await asked(wish, "*", { refused: { code, field, message: "because" } });
    assert.deepEqual([answer.status, answer.body["code"]], [status, problem]);
    assert.deepEqual(answer.body["errors"], field === undefined ? [] : [{ field, message: "because" }]);
  }
});

test("a body that says nothing, too much or two places asks nothing", async () => {
  const wish = { from_number: "+1555", to_number: "+1987" };
  for (const body of [
    {},
    { ...wish, colour: "red" },
    { ...wish, connect: {} },
    { ...wish, connect: { group: "a", number: "+1" } },
    { ...wish, connect: { uri: "sip:%0d%0aX-Evil:%201@example.com" } },
    { ...wish, webhook_url: "file:///etc/passwd" },
    { ...wish, to_number: "<script>" },
    { ...wish, timeout_s: 1 },
  ])
    assert.deepEqual((await asked(body, "*")).commands, [], JSON.stringify(body));
});

test("a call is moved to a number, a URI's number or a group; only by who reaches it", async () => {
  for (const [to, place] of [
    ["+4930111", { kind: "number", name: "+4930111" }],
    ["sip:+4930111@evil.example", { kind: "number", name: "+4930111" }],
    ["tel:+4930111", { kind: "number", name: "+4930111" }],
    [{ group: "ai" }, { kind: "group", name: "ai" }],
  ] as const) {
    const { status, body, commands } = await asked({ to, leg: "callee" }, "acme", undefined, `${CALL_ID}/transfer`);
    assert.deepEqual([status, body], [202, { call_id: CALL_ID, status: "transferring" }]);
    assert.deepEqual(commands, [{ type: "transfer", callId: CALL_ID, place, leg: "callee" }]);
  }
  for (const reach of ["other", "default"]) {
    const { status, commands } = await asked({ to: "+4930111" }, reach, undefined, `${CALL_ID}/transfer`);
    assert.deepEqual([status, commands], [404, []]);
  }
  for (const [code, status] of [
    ["NOT_ANSWERED", 409],
    ["BUSY", 409],
    ["NO_ROUTE", 422],
    ["NOT_SUPPORTED", 501],
  ] as const)
    assert.equal((await asked({ to: "+4930111" }, "*", { refused: { code, message: "because" } }, `${CALL_ID}/transfer`)).status, status);
});
