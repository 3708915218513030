/** Commands about trunks and gateways, and those that go out to the network themselves: ping, a test call, the demo. */
import { readFileSync, writeFileSync } from "node:fs";
import { Option } from "commander";
import { ControlError } from "#cli/context.ts";
import type { Peer } from "#routing/snapshot.ts";
import { command, type CommandLine, connect, loadWhole, plain } from "./cli-context-main.ts";

const hostOf = (uri: string): string => /^(?:sips?:)?(?:[^@]*@)?(\[[^\]]+\]|[^:;?>]+)/i.exec(uri)?.[1]?.replace(/^\[|\]$/g, "") ?? "";

export const PEER_COMMANDS: readonly CommandLine[] = [
  command(
    "trunks [name]",
    "trunks: how we are registered there, since when, why not; calls",
    (made) => made.option("--presets", "what is known of providers, for `preset:` in the configuration"),
    async (context, _global, name: string | undefined, options: { presets?: boolean }) => {
      const { presets, trunks } = await import("#cli/trunks.ts");
      return options.presets === true ? presets(context) : trunks(context, name, Date.now());
    },
  ),
  command(
    "gateways [name-or-action] [name]",
    "groups and gateways: state, calls, probes, history; gateways drain <name>, gateways undrain <name>",
    plain,
    async (context, _global, first: string | undefined, second: string | undefined) => {
      const { drainGateway, gateways } = await import("#cli/gateways.ts");
      const action = first === "drain" || first === "undrain";
      if (!action && second === undefined) return gateways(context, first, Date.now());
      if (action && second !== undefined) return drainGateway(context, second, first === "drain");
      throw new ControlError(
        "USAGE",
        action ? `which one? tandem gateways ${first} <name>` : `"${first}" is no action; there are drain and undrain`,
      );
    },
  ),
  command(
    "preflight <peer>",
    "everything between us and a trunk or gateway: DNS, port, OPTIONS, REGISTER, digest, codecs, addresses, numbers",
    plain,
    async (context, global, name: string) => {
      const [{ preflight }, loaded, { networkInterfaces }] = await Promise.all([
        import("#cli/preflight.ts"),
        loadWhole(global),
        import("node:os"),
      ]);
      if (!loaded.ok) throw new ControlError("CONFIGURATION", "the configuration has problems; see tandem check");
      const [locate, { preflightAsk, shakeHands, tryConnect }] = await Promise.all([
        systemLocator(loaded.config.node.dnsServers),
        import("./preflight-main.ts"),
      ]);
      // All of 127/8 is this machine's.
      const deviceOf = (own: string): string | undefined =>
        own.startsWith("127.")
          ? "lo"
          : Object.entries(networkInterfaces()).find(([, faces]) => faces?.some(({ address }) => address === own))?.[0];
      return preflight(context, loaded.config.snapshot, name, {
        locate: async (uri) => {
          const located = await locate(uri);
          return located.ok ? located : { ok: false, reason: `${located.code}: ${located.detail}` };
        },
        localAddressTowards: (address) => localAddressTowards(address, undefined),
        isLocal: (address) => deviceOf(address) !== undefined || address === "0.0.0.0" || address === "::",
        sameDevice: (a, b) => deviceOf(a) !== undefined && deviceOf(a) === deviceOf(b),
        connect: tryConnect,
        shake: shakeHands,
        ask: (method, peer, from, withAccount) =>
          preflightAsk(method, peer, withAccount, (host) =>
            phoneFor(["UDP", "TCP"], host, from === "0.0.0.0" || from === "::" ? undefined : from, [peer]),
          ),
        trunks: async () => {
          try {
            return await (await context.control()).ask({ type: "trunks" });
          } catch (error) {
            if (error instanceof ControlError) return undefined;
            throw error;
          }
        },
      });
    },
  ),
  command(
    "firewall",
    "what a firewall must let in for this configuration: SIP from whom it knows, RTP",
    (made) => made.option("--format <format>", "nft, ufw or iptables", "nft"),
    async (context, global, options: { format: string }) => {
      const [{ firewall }, loaded] = await Promise.all([import("#cli/firewall.ts"), loadWhole(global)]);
      const locate = await systemLocator(loaded.ok ? loaded.config.node.dnsServers : []);
      return firewall(context, loaded, options.format, async (uri) => {
        const located = await locate(uri);
        return located.ok ? [...new Set(located.targets.map(({ address }) => address))] : [];
      });
    },
  ),
  command("ping <sip-uri>", "does it answer OPTIONS, and how quickly", plain, async (context, _global, uri: string) => {
    const { ping } = await import("#cli/phone.ts");
    const phone = await phoneFor(["UDP", "TCP"], hostOf(uri));
    return ping(context, uri, (full) => phone.ping(full));
  }),
  command(
    "call <number-or-uri>",
    "place a test call: speaks, listens, says whether it came back",
    (made) =>
      made
        .option("--trunk <name>", "as if it came from this trunk (default: the first)")
        .option("--play <file.wav>", "8000 Hz mono; default: a short sentence of our own")
        .option("--record <file.wav>", "keep what came back")
        .option("--timeout <seconds>", "how long to wait for an answer", "60"),
    async (context, _global, destination: string, options: { trunk?: string; play?: string; record?: string; timeout: string }) => {
      const [{ call }, { readWav, writeWav }, { ulawToLinear }, { HEARD_FROM, correlate }] = await Promise.all([
        import("#cli/phone.ts"),
        import("#phone/wav.ts"),
        import("#media/codec/g711.ts"),
        import("#phone/correlate.ts"),
      ]);
      const file = options.play ?? new URL("./phone/speech.wav", import.meta.url);
      let wav: Buffer;
      try {
        wav = readFileSync(file);
      } catch (error) {
        throw new ControlError("NO_FILE", `--play ${String(file)}: ${(error as Error).message}`);
      }
      const speech = readWav(wav);
      if (!speech.ok)
        throw new ControlError("BAD_WAV", `--play ${String(file)}: ${speech.reason}; convert it with: sox in.wav -r 8000 -c 1 out.wav`);
      return call(context, destination, options.trunk, async (uri, onProgress) => {
        const phone = await phoneFor(["UDP", "TCP"], hostOf(uri));
        const report = await phone.call({
          uri,
          ulaw: speech.value,
          tailMs: 500,
          answerTimeoutMs: 1000 * (Number.parseInt(options.timeout, 10) || 60),
          onProgress,
        });
        const { correlation } = correlate(ulawToLinear(speech.value), ulawToLinear(report.recording));
        if (options.record !== undefined) writeFileSync(options.record, writeWav(report.recording));
        const { recording: _, ...rest } = report;
        return { ...rest, correlation, heard: correlation >= HEARD_FROM, recording: options.record ?? "" };
      });
    },
  ),
  command(
    "demo",
    "a real call through a real Tandem on this machine: no root, no peers",
    (made) =>
      made
        .option("--keep", "leave Tandem running afterwards, to look around")
        .addOption(new Option("--stop-media", "stop the media process in mid-call: nothing must be heard").hideHelp()),
    async (context, _global, options: { keep?: boolean; stopMedia?: boolean }) => {
      const [{ demo }, { renderLadder }] = await Promise.all([import("./demo-main.ts"), import("#observe/render-ladder.ts")]);
      const { look } = context;
      return demo({
        context,
        connect,
        renderLadder: (events) => renderLadder(events, { columns: look.columns, colour: look.terminal }),
        stopMedia: options.stopMedia === true,
        keep: options.keep === true,
      });
    },
  ),
];

async function systemLocator(servers: readonly string[]) {
  const [{ createLocator }, { systemDns }, { systemClock }, { parseUri }] = await Promise.all([
    import("#sip/transport/location.ts"),
    import("#net/dns.ts"),
    import("#base/clock.ts"),
    import("#sip/message/parse-uri.ts"),
  ]);
  const locator = createLocator({ dns: systemDns({ servers }), clock: systemClock });
  return (uri: string) => {
    const parsed = parseUri(uri);
    return parsed.ok ? locator.locate(parsed.value, "") : ({ ok: false, code: "NO_HOST", detail: `${uri} is no SIP URI` } as const);
  };
}

async function phoneFor(transports: readonly ("UDP" | "TCP")[], host: string, from?: string, peers: readonly Peer[] = []) {
  const [{ shelfFor }, { openPhone }, { createLocator }, { systemDns }, { systemClock }, { systemRandom }] = await Promise.all([
    import("./preflight-main.ts"),
    import("#phone/phone.ts"),
    import("#sip/transport/location.ts"),
    import("#net/dns.ts"),
    import("#base/clock.ts"),
    import("#base/random.ts"),
  ]);
  const shelf = shelfFor(peers);
  return openPhone(
    {
      tls: typeof shelf === "string" ? undefined : shelf,
      address: from ?? (await localAddressTowards(host, "127.0.0.1")),
      port: 0,
      transports,
      user: "tandem",
      clock: systemClock,
      random: systemRandom,
      makeLocator: (listeners) => createLocator({ dns: systemDns(), clock: systemClock, listeners }),
    },
    { type: "refuse", status: 480, reasonPhrase: "Temporarily Unavailable" },
  );
}

/** The address that the kernel would send from: a connected UDP socket knows it without sending. */
async function localAddressTowards<T>(host: string, otherwise: T): Promise<string | T> {
  const { createSocket } = await import("node:dgram");
  const { lookup } = await import("node:dns/promises");
  const found = await lookup(host).catch(() => undefined);
  if (found === undefined) return otherwise;
  return new Promise((resolve) => {
    const socket = createSocket(found.family === 6 ? "udp6" : "udp4");
    socket.on("error", () => resolve(otherwise));
    socket.connect(9, found.address, () => {
      const { address } = socket.address();
      socket.close(() => resolve(address));
    });
  });
}
