/**
 * Runs baresip as a peer in a laboratory, headless: it speaks a WAV file, records what it hears, and is told
 * over its control port what to do. Its events are what the tests look at.
 */
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../dev/root.ts";
import type { Child } from "./child.ts";
import type { Host, Lab } from "./lab.ts";

export interface BaresipOptions {
  /** User part of its address: calls to other users are refused by it. */
  readonly user: string;
  /** What it speaks; as long as the call, since baresip hangs up where the file ends. */
  readonly speaks: string;
  /** "PCMA/8000", "opus/48000/2" … in order. */
  readonly codecs?: readonly string[];
  readonly answer?: "auto" | "manual";
  readonly rtcpMux?: boolean;
  readonly transport?: "udp" | "tcp" | "tls";
  /** For TLS, which it listens for on the port above: certificate and key in one file, and whom it trusts. */
  readonly tls?: { readonly pem: string; readonly ca: string };
  /** What it answers digest challenges with. */
  readonly auth?: { readonly user: string; readonly password: string };
  /** A proxy that all its requests go through, "address:port". */
  readonly outbound?: string;
  readonly port?: number;
}

export interface Baresip {
  readonly child: Child;
  tell(command: string, parameters?: string): void;
  dial(uri: string): void;
  /** Resolves at the count-th event of that type since the start; the event's parameter. */
  happens(type: BaresipEvent, count?: number, timeoutMs?: number): Promise<string>;
  /** Keys that it was told of, in order. */
  keys(): string;
  /** The recording of what came in; undefined before a call had audio. */
  heard(): string | undefined;
  /** The SIP messages it sent and received, as it logged them. */
  messages(): string;
}

export type BaresipEvent =
  | "CALL_INCOMING"
  | "CALL_RINGING"
  | "CALL_PROGRESS"
  | "CALL_ESTABLISHED"
  | "CALL_CLOSED"
  | "CALL_DTMF_START"
  | "CALL_REMOTE_SDP"
  | "CALL_MENC"
  | "CALL_LOCAL_SDP"
  | "CALL_RTCP";

/**
 * baresip binds RTP and its connections to no address, so on loopback its packets come from 127.0.0.1 whatever its description
 * says: like a caller behind NAT, and its peers are declared so there (lab-yaml.ts). In a namespace it speaks
 * from its host's first address.
 */
export const peersOfBaresip = (lab: Lab) => (lab.kind === "loopback" ? { trunk: { nat: true }, gateway: { nat: true } } : {});

const MODULES = "/usr/lib/baresip/modules";
const CONTROL_PORT = 4444;
const EVENT_MS = 20_000;
let started = 0;

export async function startBaresip(lab: Lab, host: Host, options: BaresipOptions): Promise<Baresip> {
  const { user, speaks, codecs = ["PCMU/8000", "PCMA/8000"], answer = "auto", port = 5060 } = options;
  // All of loopback is one host to baresip's RTP, so each takes its own ports.
  const rtp = 30_000 + ((process.pid * 8 + started) % 200) * 100;
  const name = `baresip${started++}`;
  const folder = join(lab.folder, name);
  mkdirSync(folder);
  const modules = ["g711", "g722", "opus", "aufile", "aubridge", "sndfile", "ctrl_tcp"];
  const config = `
poll_method epoll
sip_listen ${host.address}:${port}
net_interface ${host.address}
call_local_timeout 60
call_max_calls 4
audio_player aubridge,${name}
audio_alert aubridge,alert-${name}
audio_source aufile,${speaks}
ausrc_format s16
auplay_format s16
auenc_format s16
audec_format s16
audio_buffer 20-160
rtp_ports ${rtp}-${rtp + 98}
${options.tls === undefined ? "" : `sip_certificate ${options.tls.pem}\nsip_cafile ${options.tls.ca}\nsip_verify_server yes\n`}rtcp_mux ${options.rtcpMux === true ? "yes" : "no"}
jitter_buffer_delay 2-8
opus_bitrate 28000
opus_stereo no
opus_sprop_stereo no
module_path ${MODULES}
${modules.map((module) => `module ${module}.so\n`).join("")}
snd_path ${folder}
module_tmp account.so
module_app menu.so
ctrl_tcp_listen ${host.address}:${CONTROL_PORT}
`;
  const transport = options.transport === undefined || options.transport === "udp" ? "" : `;transport=${options.transport}`;
  const outbound = options.outbound === undefined ? "" : `;outbound="sip:${options.outbound}${transport}"`;
  const auth = options.auth === undefined ? "" : `;auth_user=${options.auth.user};auth_pass=${options.auth.password}`;
  const account = `<sip:${user}@${host.address}:${port}${transport}>;regint=0;answermode=${answer};audio_codecs=${codecs.join(",")}${auth}${outbound}\n`;
  writeFileSync(join(folder, "config"), config);
  writeFileSync(join(folder, "accounts"), account);
  writeFileSync(join(folder, "contacts"), "");
  const child = lab.start(host, "baresip", ["-f", folder, "-s"], folder);
  const control = lab.start(host, process.execPath, [join(ROOT, "test/kit/baresip-control.ts"), host.address, String(CONTROL_PORT)]);
  await control.says(/"control":"open"/, EVENT_MS).catch((error: unknown) => {
    throw new Error(`baresip did not open its control port. It said:\n${child.output().slice(-3000)}`, { cause: error });
  });
  return {
    child,
    tell: (command, parameters = "") => control.write(`${JSON.stringify({ command, params: parameters })}\n`),
    dial: (uri) => control.write(`${JSON.stringify({ command: "dial", params: uri })}\n`),
    async happens(type, count = 1, timeoutMs = EVENT_MS) {
      const found = await control
        .says(new RegExp(`(?:"type":"${type}"[^]*?){${count - 1}}("type":"${type}"[^\\n]*)`), timeoutMs)
        .catch((error: unknown) => {
          throw new Error(`no ${type} at ${host.name}'s baresip, which said:\n${child.output().slice(-4000)}`, { cause: error });
        });
      return /"param":"([^"]*)"/.exec(found[1]!)?.[1] ?? "";
    },
    keys: () =>
      Array.from(control.output().matchAll(/"type":"CALL_DTMF_START"[^\n]*?"param":"([0-9A-D*#])"/g), (match) => match[1]).join(""),
    heard: () =>
      readdirSync(folder)
        .filter((file) => /^dump-.*-dec\.wav$/.test(file))
        .map((file) => join(folder, file))
        .sort()
        .at(-1),
    messages: () => child.output(),
  };
}
