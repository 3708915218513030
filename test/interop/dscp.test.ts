/** DSCP of a trunk and of a gateway, as tcpdump sees it on the wire: SIP over UDP and TCP, and RTP, each way its own. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { loopbackLab, startTandem } from "../kit/lab.ts";
import { skipWithoutRoot } from "../kit/peers.ts";
import { runSipp, startSipp } from "../kit/sipp.ts";
import { ANSWERING, ack, bye, invite, pause, playUlaw, recv, uac } from "../kit/sipp-scenario.ts";
import { labYaml } from "./lab-yaml.ts";

const DID = "+15551234567";

for (const transport of ["udp", "tcp"] as const) {
  test(`a trunk's marks and a gateway's stand in what is sent to each, over ${transport}`, {
    skip: skipWithoutRoot("sipp", "tcpdump"),
  }, async (t: TestContext) => {
    const lab = loopbackLab(t);
    const yaml = labYaml(lab, { transport, trunk: { dscp: "cs3", media_dscp: "ef" }, gateway: { dscp: "af31", media_dscp: 10 } });
    await startTandem(t, lab, yaml);
    const dump = lab.start(lab.sbcPublic, "tcpdump", [
      "-i",
      "lo",
      "-nn",
      "-v",
      "-l",
      "--immediate-mode",
      "net",
      `${lab.sbcPublic.address.replace(/\.\d+$/, ".0")}/24`,
    ]);
    await dump.says(/listening on lo/, 10_000);
    const gateway = startSipp(lab, lab.gateways[0], ANSWERING, undefined, {
      calls: 1,
      transport: transport === "udp" ? "u1" : "t1",
      args: ["-rtp_echo"],
    });
    const tone = join(lab.folder, "tone.ulaw");
    writeFileSync(tone, Buffer.alloc(4_000, 0x55));
    const calling = uac([
      invite(),
      recv(100, { optional: true }),
      recv(180, { optional: true }),
      recv(200),
      ack(),
      playUlaw(tone),
      pause(600),
      bye(),
      recv(200),
    ]);
    const result = await runSipp(lab, lab.carrier, calling, `${lab.sbcPrivate.address}:5060`, {
      service: DID,
      calls: 1,
      transport: transport === "udp" ? "u1" : "t1",
    });
    assert.equal(result.successful, 1, result.output);
    assert.equal((await gateway.finish()).successful, 1);
    dump.kill("SIGTERM");
    await dump.ended;
    const marksTo = (host: string, from: string, rtp: boolean): readonly string[] => {
      // Two lines a packet: the header with its TOS, then who sends to whom.
      const pairs = dump.output().matchAll(/IP \(tos (0x[0-9a-f]+)[^\n]*\)\n\s+(\S+) > ([\d.]+)\.(\d+): ([^\n]*)/g);
      const found = Array.from(pairs).filter(
        ([, , source, to, , rest]) =>
          to === host && source!.startsWith(`${from}.`) && rest!.startsWith("UDP") === rtp && (rtp || /SIP|sip|Flags \[P/.test(rest!)),
      );
      return [...new Set(found.map(([, tos]) => tos!))];
    };
    const mark = (dscp: number): string => `0x${(dscp << 2).toString(16)}`;
    assert.deepEqual(marksTo(lab.carrier.address, lab.sbcPrivate.address, false), [mark(24)], dump.output().slice(0, 4_000));
    assert.deepEqual(marksTo(lab.gateways[0].address, lab.sbcPublic.address, false), [mark(26)]);
    assert.deepEqual(marksTo(lab.gateways[0].address, lab.sbcPublic.address, true), [mark(10)]);
    assert.deepEqual(marksTo(lab.carrier.address, lab.sbcPrivate.address, true), [mark(46)]);
  });
}
