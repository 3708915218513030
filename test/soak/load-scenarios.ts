/** The load of a soak: sipp scenarios that write into their own log what became of each call. */
import { type Step, ack, ackFailure, answer, bye, invite, recv, respond, respondWithin, uac, uas } from "../kit/sipp-scenario.ts";

/** All that a call can be refused with when the switch was killed in the midst of it. */
const REFUSALS = [408, 480, 487, 500, 502, 503, 504];

const note = (word: string): string => `<action><log message="${word} [call_id]"/></action>`;
const noted = (word: string): Step => `<nop>${note(word)}</nop>`;
const label = (id: number): Step => `<label id="${id}"/>`;
const jump = (id: number): Step => `<nop next="${id}"></nop>`;
const recvNoted = (status: number, word: string, next?: number): Step =>
  `<recv response="${status}" rrs="true"${next === undefined ? "" : ` optional="true" next="${next}"`}>${note(word)}</recv>`;
const uniform = (minMs: number, maxMs: number): Step => `<pause distribution="uniform" min="${minMs}" max="${maxMs}"/>`;

const [REFUSED, DONE] = [1, 2];

export const CALLER = uac([
  noted("placed"),
  invite(),
  recv(100, { optional: true }),
  recv(180, { optional: true }),
  ...REFUSALS.map((status) => recvNoted(status, `refused ${status}`, REFUSED)),
  recvNoted(200, "answered"),
  ack(),
  uniform(200, 4_000),
  bye(),
  recvNoted(481, "lost", DONE),
  recvNoted(200, "ended"),
  jump(DONE),
  label(REFUSED),
  ackFailure(),
  label(DONE),
]);

export const GATEWAY = uas([
  recv("INVITE"),
  respond(180, "Ringing"),
  uniform(20, 400),
  answer(),
  `<recv request="ACK" rrs="true">${note("acked")}</recv>`,
  recv("BYE"),
  respondWithin(200, "OK"),
  noted("ended"),
]);
