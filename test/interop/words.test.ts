/**
 * Speech survives the call: each end says a sentence, and a recogniser at the other end tells which one
 * it was. Both directions of audio at once, on loopback and across two networks without a route.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { peersOfBaresip, startBaresip } from "../kit/baresip.ts";
import { type Lab, loopbackLab, namespaceLab, startTandem } from "../kit/lab.ts";
import { skipWithout, skipWithoutRoot } from "../kit/peers.ts";
import { SENTENCES, type Sentence, recognised, silence, spoken } from "../kit/words.ts";
import { labYaml } from "./lab-yaml.ts";

const PEERS = ["baresip", "espeak-ng", "sox", "pocketsphinx_batch"];
const DID = "+15551234567";
/** The second of silence, the sentence, and the way. */
const SAYING_MS = 6_000;

/** Lets both talk for one sentence, then the caller hangs up; what each heard. */
async function converse(
  t: TestContext,
  lab: Lab,
  carrierSays: Sentence | undefined,
  gatewaySays: Sentence,
  codec = "PCMU/8000",
): Promise<readonly [carrier: string, gateway: string]> {
  await startTandem(t, lab, labYaml(lab, peersOfBaresip(lab)));
  const [carrierFile, gatewayFile] = await Promise.all([
    carrierSays === undefined ? silence(lab) : spoken(lab, carrierSays),
    spoken(lab, gatewaySays),
  ]);
  const gateway = await startBaresip(lab, lab.gateways[0], { user: DID, speaks: gatewayFile, codecs: [codec] });
  const carrier = await startBaresip(lab, lab.carrier, { user: "+4930123456", speaks: carrierFile, codecs: [codec] });
  carrier.dial(`sip:${DID}@${lab.sbcPrivate.address}:5060`);
  await Promise.all([carrier.happens("CALL_ESTABLISHED"), gateway.happens("CALL_ESTABLISHED")]);
  await wait(SAYING_MS);
  carrier.tell("hangup");
  await Promise.all([carrier.happens("CALL_CLOSED"), gateway.happens("CALL_CLOSED")]);
  return [await recognised(lab, carrier.heard()!), await recognised(lab, gateway.heard()!)];
}

test("each side hears the sentence that the other said, on loopback", { skip: skipWithout(...PEERS) }, async (t) => {
  const [heardByCarrier, heardByGateway] = await converse(t, loopbackLab(t), SENTENCES[0], SENTENCES[1]);
  assert.equal(heardByGateway, SENTENCES[0]);
  assert.equal(heardByCarrier, SENTENCES[1]);
});

test("each side hears another sentence in A-law, between two networks without a route", { skip: skipWithoutRoot(...PEERS) }, async (t) => {
  const [heardByCarrier, heardByGateway] = await converse(t, namespaceLab(t), SENTENCES[4], SENTENCES[3], "PCMA/8000");
  assert.equal(heardByGateway, SENTENCES[4]);
  assert.equal(heardByCarrier, SENTENCES[3]);
});

test("a silent caller is heard as silence while the gateway's words arrive", { skip: skipWithout(...PEERS) }, async (t) => {
  const [heardByCarrier, heardByGateway] = await converse(t, loopbackLab(t), undefined, SENTENCES[5]);
  assert.equal(heardByGateway, "");
  assert.equal(heardByCarrier, SENTENCES[5]);
});
