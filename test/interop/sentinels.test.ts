/**
 * Nothing of one network shows in the other: each side plants words of its own in whatever a message can
 * say (kit/canaries.ts), requests and responses, set-up, call and end, and none arrives at the other side,
 * nor any address of its network. What the policy lists passes, and only that.
 */
import assert from "node:assert/strict";
import { type TestContext, describe, test } from "node:test";
import { type Planter, canariesIn, planted, plantedCallId, plantedMultipart, plantedSdp, plantedText } from "../kit/canaries.ts";
import { type Host, type Lab, loopbackLab, namespaceLab, startTandem } from "../kit/lab.ts";
import { skipWithout, skipWithoutRoot } from "../kit/peers.ts";
import { type SippResult, runSipp, startSipp } from "../kit/sipp.ts";
import {
  type Step,
  ack,
  ackFailure,
  cancel,
  invite,
  pause,
  recv,
  respond,
  respondWithin,
  terminated,
  uac,
  uas,
  within,
  withinAsCallee,
} from "../kit/sipp-scenario.ts";
import { labYaml } from "./lab-yaml.ts";

const DID = "+15551234567";
const ABROAD = "+4989987654";
const PATIENT = { timeoutMs: 8000 } as const;
const maybe = (status: number): Step => recv(status, { optional: true });
const setUpResponses = [maybe(100), maybe(183), maybe(180)];
const DTMF = { contentType: "application/dtmf-relay", body: "Signal=5\nDuration=160\nX-Note=canary-%-dtmf-line\n" } as const;
const dtmf = (side: Planter) => ({ ...DTMF, body: DTMF.body.replace("%", side) });

interface Ladder {
  readonly name: string;
  readonly caller: readonly Step[];
  readonly callee: readonly Step[];
}

const offer = { ...plantedMultipart("a", plantedSdp("a")) };
const calleeSays = (direction = "sendrecv", version = 0) => ({ body: plantedSdp("b", direction, version), retransmit: true });
const answering = [
  recv("INVITE"),
  respond(183, "Progress", { body: plantedSdp("b") }),
  respond(180, "Ringing"),
  pause(100),
  respond(200, "OK", calleeSays()),
  recv("ACK", PATIENT),
];
const calling = [invite(offer), ...setUpResponses, recv(200), ack()];
/** A request inside the dialog that the far side never sees, and how it is refused. */
const refusedHere = (method: string, cseq: number, status: number): readonly Step[] => [
  within(method, cseq, plantedText("a", method.toLowerCase())),
  recv(status),
];

const LADDERS: readonly Ladder[] = [
  {
    name: "a call where the caller does everything",
    caller: [
      ...calling,
      ...[within("INFO", 2, dtmf("a")), recv(200)],
      ...refusedHere("INFO", 3, 415),
      ...[within("OPTIONS", 4), recv(200)],
      ...refusedHere("MESSAGE", 5, 405),
      ...refusedHere("NOTIFY", 6, 405),
      ...refusedHere("REFER", 7, 405),
      ...[within("UPDATE", 8, { body: plantedSdp("a", "sendonly", 1) }), recv(200)],
      ...[within("INVITE", 9, { ...plantedMultipart("a", plantedSdp("a", "sendrecv", 2)) }), maybe(100), recv(200), ack(9)],
      pause(200),
      ...[within("BYE", 10, plantedText("a", "bye")), recv(200)],
    ],
    callee: [
      ...answering,
      ...[recv("INFO", PATIENT), respondWithin(200, "OK", plantedText("b", "info-answer"))],
      ...[recv("UPDATE", PATIENT), respondWithin(200, "OK", { body: plantedSdp("b", "recvonly", 1) })],
      ...[recv("INVITE", PATIENT), respondWithin(200, "OK", calleeSays("sendrecv", 2)), recv("ACK", PATIENT)],
      ...[recv("BYE", PATIENT), respondWithin(200, "OK", plantedText("b", "bye-answer"))],
    ],
  },
  {
    name: "a call where the callee does everything",
    caller: [
      ...calling,
      ...[recv("INFO", PATIENT), respondWithin(200, "OK", plantedText("a", "info-answer"))],
      ...[
        recv("INVITE", PATIENT),
        respondWithin(200, "OK", { body: plantedSdp("a", "recvonly", 1), retransmit: true }),
        recv("ACK", PATIENT),
      ],
      ...[recv("BYE", PATIENT), respondWithin(200, "OK", plantedText("a", "bye-answer"))],
    ],
    callee: [
      ...answering,
      pause(200),
      ...[withinAsCallee("INFO", 1, dtmf("b")), recv(200)],
      ...[withinAsCallee("MESSAGE", 2, plantedText("b", "message")), recv(405)],
      ...[
        withinAsCallee("INVITE", 3, { ...plantedMultipart("b", plantedSdp("b", "sendonly", 1)) }),
        maybe(100),
        recv(200),
        withinAsCallee("ACK", 3),
      ],
      pause(200),
      ...[withinAsCallee("BYE", 4, plantedText("b", "bye")), recv(200)],
    ],
  },
  {
    name: "a refusal",
    caller: [invite(offer), ...setUpResponses, recv(486), ackFailure()],
    callee: [
      recv("INVITE"),
      respond(180, "Ringing"),
      respond(486, "Busy Here", { ...plantedText("b", "refusal"), retransmit: true }),
      recv("ACK", PATIENT),
    ],
  },
  {
    name: "a CANCEL",
    caller: [invite(offer), maybe(100), recv(180), pause(200), cancel(), recv(200), recv(487), ackFailure()],
    callee: [
      recv("INVITE"),
      respond(180, "Ringing"),
      recv("CANCEL", PATIENT),
      respondWithin(200, "OK"),
      terminated(),
      recv("ACK", PATIENT),
    ],
  },
  {
    name: "a refused re-INVITE",
    caller: [
      ...calling,
      within("INVITE", 2, { body: plantedSdp("a", "sendonly", 1) }),
      maybe(100),
      recv(488),
      ackFailure().replace("CSeq: 1", "CSeq: 2"),
      pause(200),
      within("BYE", 3),
      recv(200),
    ],
    callee: [
      ...answering,
      recv("INVITE", PATIENT),
      respondWithin(488, "Not Acceptable Here", { ...plantedText("b", "reinvite-refusal"), retransmit: true }),
      recv("ACK", PATIENT),
      recv("BYE", PATIENT),
      respondWithin(200, "OK"),
    ],
  },
];

/** Caller's and callee's host, where the caller sends to, and whom it calls. */
interface Way {
  readonly name: string;
  readonly caller: Host;
  readonly callee: Host;
  readonly entry: Host;
  readonly number: string;
  /** Addresses that the callee, and the caller, must never see. */
  readonly hiddenFromCallee: readonly string[];
  readonly hiddenFromCaller: readonly string[];
}

function waysOf(lab: Lab): readonly Way[] {
  const carrierSide = [lab.carrier.address, lab.carrier2.address, lab.sbcPrivate.address];
  const gatewaySide = [...lab.gateways.map((gateway) => gateway.address), lab.sbcPublic.address];
  return [
    {
      name: "from the carrier",
      caller: lab.carrier,
      callee: lab.gateways[0],
      entry: lab.sbcPrivate,
      number: DID,
      hiddenFromCallee: carrierSide,
      hiddenFromCaller: gatewaySide,
    },
    {
      name: "from a gateway",
      caller: lab.gateways[0],
      callee: lab.carrier,
      entry: lab.sbcPublic,
      number: ABROAD,
      hiddenFromCallee: gatewaySide,
      hiddenFromCaller: carrierSide,
    },
  ];
}

async function play(lab: Lab, way: Way, ladder: Ladder): Promise<readonly [caller: SippResult, callee: SippResult]> {
  const callee = startSipp(lab, way.callee, planted("b", uas(ladder.callee)), undefined, { calls: 1 });
  const caller = await runSipp(lab, way.caller, planted("a", uac(ladder.caller)), `${way.entry.address}:5060`, {
    service: way.number,
    args: plantedCallId("a"),
  });
  const result = [caller, await callee.finish()] as const;
  for (const one of result) assert.equal(one.successful, 1, `${ladder.name}, ${way.name}:\n${one.output}\n${one.messages.slice(-4000)}`);
  return result;
}

function nothingOf(addresses: readonly string[], log: string): void {
  for (const address of addresses) assert.ok(!new RegExp(`(?<!\\d)${address.replaceAll(".", "\\.")}(?!\\d)`).test(log), `${address} shows`);
}

function suite(name: string, makeLab: (t: TestContext) => Lab, skip: string | false): void {
  describe(name, { skip }, () => {
    for (const [index, wayName] of ["from the carrier", "from a gateway"].entries()) {
      test(`calls ${wayName}: no word and no address of either side shows at the other`, async (t) => {
        const lab = makeLab(t);
        await startTandem(t, lab, labYaml(lab, { trunk: { early_media: "relay" }, gateway: { early_media: "relay" } }));
        const way = waysOf(lab)[index]!;
        for (const ladder of LADDERS) {
          const [caller, callee] = await play(lab, way, ladder);
          await t.test(ladder.name, () => {
            assert.deepEqual(canariesIn(callee.messages, "a"), [], "the caller's words at the callee");
            assert.deepEqual(canariesIn(caller.messages, "b"), [], "the callee's words at the caller");
            nothingOf(way.hiddenFromCallee, callee.messages);
            nothingOf(way.hiddenFromCaller, caller.messages);
            // The control: they were said, and what belongs to the caller's identity did pass.
            assert.ok(canariesIn(caller.messages, "a").length > 150, "the caller planted its words");
            assert.ok(canariesIn(callee.messages, "b").length > 100, "the callee planted its words");
            assert.match(callee.messages, /^From: "Caller" <sip:\+4930123456@/m);
          });
        }
      });
    }

    test("a policy passes the headers that it lists, in requests and in responses, and no other", async (t) => {
      const lab = makeLab(t);
      const pass = { headers: { pass: ["x-allowed"] } };
      await startTandem(t, lab, labYaml(lab, { trunk: pass, gateway: pass }));
      const says = (side: Planter): readonly string[] => [
        `X-Allowed: passes-${side}`,
        `x-allowed: passes-again-${side}`,
        `X-Allowed-Not: canary-${side}-longer-name`,
      ];
      const ladder: Ladder = {
        name: "a call",
        caller: [invite({ headers: says("a") }), maybe(100), recv(180), recv(200), ack(), pause(200), within("BYE", 2), recv(200)],
        callee: [
          recv("INVITE"),
          respond(180, "Ringing", { headers: says("b") }),
          respond(200, "OK", { ...calleeSays(), headers: says("b") }),
          recv("ACK", PATIENT),
          recv("BYE", PATIENT),
          respondWithin(200, "OK"),
        ],
      };
      for (const way of waysOf(lab)) {
        const [caller, callee] = await play(lab, way, ladder);
        assert.deepEqual(canariesIn(callee.messages, "a"), []);
        assert.deepEqual(canariesIn(caller.messages, "b"), []);
        assert.equal(callee.messages.match(/^X-Allowed: passes-(?:again-)?a\r?$/gim)?.length, 2, "both values of the INVITE");
        assert.equal(caller.messages.match(/^X-Allowed: passes-(?:again-)?b\r?$/gim)?.length, 4, "both values of 180 and 200");
      }
    });
  });
}

suite("sentinels on loopback", loopbackLab, skipWithout("sipp"));
suite("sentinels between two networks without a route", namespaceLab, skipWithoutRoot("sipp"));
