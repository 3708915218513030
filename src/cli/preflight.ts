/**
 * `tandem preflight <trunk or gateway>`: everything between us and a peer, step by step: pass, fail or skip, with
 * what was found and what to do. Sockets and DNS are arguments. It changes nothing at the peer's: REGISTER only asks.
 */
import type { TrunkReport } from "#call/control.ts";
import { parsePeerUri } from "#config/peer-uri.ts";
import { sameAddress } from "#routing/addresses.ts";
import { isE164 } from "#routing/numbers.ts";
import { asDialled, numberFrom, numberToward } from "#routing/peer-numbers.ts";
import type { Listener, NumberFormat, Peer, Snapshot } from "#routing/snapshot.ts";
import { type CommandContext, ControlError, EXIT_FAILED, EXIT_OK } from "./context.ts";
import { type Style, paint, printable, table } from "./table.ts";

export interface PreflightStep {
  readonly step: "dns" | "source" | "port" | "tls" | "options" | "register" | "digest" | "codecs" | "numbers" | "recognised";
  readonly verdict: "pass" | "fail" | "skip";
  readonly found: string;
  /** What to do; "" when there is nothing. */
  readonly remedy: string;
}

export interface Asked {
  readonly ok: boolean;
  readonly status: number;
  readonly reason: string;
  readonly roundTripMs: number;
  readonly target: string;
  readonly userAgent: string;
  readonly allow: string;
  /** Names of the codecs in the answer's SDP; undefined: it had none. */
  readonly codecs: readonly string[] | undefined;
}

export interface PreflightTools {
  locate(
    uri: string,
  ): Promise<
    | { readonly ok: true; readonly targets: readonly { readonly transport: string; readonly address: string; readonly port: number }[] }
    | { readonly ok: false; readonly reason: string }
  >;
  /** The address that the kernel would send from; undefined: there is no route. */
  localAddressTowards(address: string): Promise<string | undefined>;
  isLocal(address: string): boolean;
  /** Two addresses of this machine on one device: whichever is bound, packets take the same way. */
  sameDevice(a: string, b: string): boolean;
  connect(
    address: string,
    port: number,
    from: string | undefined,
  ): Promise<{ readonly ok: boolean; readonly detail: string; readonly roundTripMs: number }>;
  /** A TLS handshake with a peer's own terms; `remedy` "" where it went well. */
  shake(
    peer: Peer,
    place: { readonly address: string; readonly port: number; readonly serverName: string },
    from: string | undefined,
  ): Promise<{ readonly ok: boolean; readonly found: string; readonly remedy: string }>;
  /** OPTIONS, or a REGISTER that only asks. `from`: a local address. */
  ask(method: "OPTIONS" | "REGISTER", peer: Peer, from: string | undefined, withAccount: boolean): Promise<Asked>;
  /** How a running Tandem stands with its registrars; undefined: none runs. */
  trunks(): Promise<readonly TrunkReport[] | undefined>;
}

export async function preflight(context: CommandContext, snapshot: Snapshot, name: string, tools: PreflightTools): Promise<number> {
  const peer = snapshot.trunks.get(name) ?? snapshot.gateways.get(name);
  if (peer === undefined) {
    const known = [...snapshot.trunks.keys(), ...snapshot.gateways.keys()];
    throw new ControlError(
      "NO_SUCH_PEER",
      `no trunk or gateway "${name}"; there ${known.length === 1 ? "is" : "are"} ${known.slice(0, 20).join(", ") || "none"}`,
    );
  }
  const steps = await walk(peer, snapshot, tools);
  const ok = steps.every(({ verdict }) => verdict !== "fail");
  if (context.json) context.print(JSON.stringify({ ok, peer: name, kind: peer.kind, steps }));
  else {
    const rows = steps.map(({ step, verdict, found, remedy }) => [LABELS[step], verdict, printable(found), printable(remedy)]);
    const text = table(context.look, ["Step", "Result", "Found", "What to do"], rows);
    context.print(
      context.look.terminal ? text.replace(/(?<=  )(pass|fail|skip)(?= )/g, (word) => paint(context.look, COLOUR[word]!, word)) : text,
    );
  }
  return ok ? EXIT_OK : EXIT_FAILED;
}

const LABELS: Readonly<Record<PreflightStep["step"], string>> = {
  dns: "DNS",
  source: "source address",
  port: "port",
  tls: "TLS",
  options: "OPTIONS",
  register: "REGISTER",
  digest: "digest",
  codecs: "codecs",
  numbers: "number format",
  recognised: "recognised by",
};
const COLOUR: Readonly<Record<string, Style>> = { pass: "green", fail: "red", skip: "dim" };

type Step = PreflightStep["step"];
const pass = (step: Step, found: string, remedy = ""): PreflightStep => ({ step, verdict: "pass", found, remedy });
const fail = (step: Step, found: string, remedy: string): PreflightStep => ({ step, verdict: "fail", found, remedy });
const skip = (step: Step, found: string, remedy = ""): PreflightStep => ({ step, verdict: "skip", found, remedy });

async function walk(peer: Peer, snapshot: Snapshot, tools: PreflightTools): Promise<readonly PreflightStep[]> {
  const listener = snapshot.listeners.get(asDialled(peer).listener);
  const still = [numbersOf(peer, snapshot), recognisedBy(peer)];
  if (listener === undefined) return still;
  if (peer.uri === undefined) {
    const none = (step: Step): PreflightStep => skip(step, "it has no uri: calls only come from it");
    return [...(["dns", "source", "port", "options"] as const).map(none), ...still];
  }
  const hop = peer.outboundProxy ?? peer.uri;
  const located = await tools.locate(hop);
  if (!located.ok) {
    const unknown = (step: Step): PreflightStep => skip(step, "no address to ask");
    return [
      fail("dns", `${hop}: ${located.reason}`, "the name as the provider wrote it; an address, or a port, if its DNS has no SRV"),
      ...(["source", "port", "options", "codecs"] as const).map(unknown),
      ...still,
    ];
  }
  const first = located.targets[0]!;
  const source = await sourceOf(first.address, listener, tools);
  const from = tools.isLocal(listener.address) ? listener.address : undefined;
  const port = await portOf(first, from, tools);
  const options = await tools.ask("OPTIONS", peer, from, false);
  return [
    dnsOf(hop, located.targets),
    source,
    port,
    await tlsOf(peer, hop, first, from, tools),
    optionsOf(options, listener),
    ...(await accountOf(peer, options, from, tools)),
    codecsOf(options, peer),
    ...still,
  ];
}

function dnsOf(
  uri: string,
  targets: readonly { readonly transport: string; readonly address: string; readonly port: number }[],
): PreflightStep {
  const list = targets.map(({ transport, address, port }) => `${transport.toLowerCase()}:${address}:${port}`).join(", ");
  return parsePeerUri(uri)?.numeric === true
    ? pass("dns", `${list}, no name to ask for`)
    : pass("dns", `${parsePeerUri(uri)?.host ?? uri} → ${list}`);
}

async function sourceOf(target: string, listener: Listener, tools: PreflightTools): Promise<PreflightStep> {
  const { address, advertised, name, device } = listener;
  const told = sameAddress(address, advertised) ? "" : `; it is told ${advertised}`;
  if (!tools.isLocal(address))
    return fail(
      "source",
      `${address} of listener ${name} is no address of this machine`,
      "run this where Tandem runs, or mend the listener's address",
    );
  if (device !== undefined) return skip("source", `listener ${name} is bound to device ${device}, whose routes decide`);
  const used = await tools.localAddressTowards(target);
  if (used === undefined) return fail("source", `no route to ${target}`, `ip route get ${target}`);
  if (sameAddress(used, address) || address === "0.0.0.0" || address === "::")
    return pass("source", `${used}, as listener ${name}${told}`, "the provider must allow it");
  if (tools.sameDevice(used, address))
    return pass("source", `${address} of listener ${name}, on the device that the route takes${told}`, "the provider must allow it");
  return fail(
    "source",
    `the route to ${target} leaves from ${used}, listener ${name} has ${address}${told}`,
    `ip route get ${target} from ${address}; another listener, or a route by its device`,
  );
}

async function portOf(
  target: { readonly transport: string; readonly address: string; readonly port: number },
  from: string | undefined,
  tools: PreflightTools,
): Promise<PreflightStep> {
  if (target.transport === "UDP") return skip("port", `udp ${target.port}: UDP has no handshake, OPTIONS tells`);
  const { ok, detail, roundTripMs } = await tools.connect(target.address, target.port, from);
  if (ok) return pass("port", `tcp ${target.address}:${target.port} open, ${roundTripMs.toFixed(1)} ms`);
  return fail(
    "port",
    `tcp ${target.address}:${target.port}: ${detail}`,
    "is it listening there, does a firewall let us through, does it know our address",
  );
}

async function tlsOf(
  peer: Peer,
  hop: string,
  { transport, address, port }: { readonly transport: string; readonly address: string; readonly port: number },
  from: string | undefined,
  tools: PreflightTools,
): Promise<PreflightStep> {
  if (transport !== "TLS") return skip("tls", "not wanted: the uri is neither sips nor ;transport=tls");
  const { ok, found, remedy } = await tools.shake(peer, { address, port, serverName: parsePeerUri(hop)?.host ?? address }, from);
  if (!ok) return fail("tls", found, remedy);
  return pass(
    "tls",
    found,
    peer.tls?.verify === false ? "tls_verify: no believes anybody; tls_ca would not" : "audio is not encrypted: SRTP is not built",
  );
}

function optionsOf(asked: Asked, { advertised }: Listener): PreflightStep {
  const who = asked.userAgent === "" ? "" : ` from ${asked.userAgent}`;
  if (asked.status === 0)
    return fail(
      "options",
      asked.reason,
      `does the provider know ${advertised}, does a firewall drop it; some answer OPTIONS to nobody: tandem call tells then`,
    );
  const found = `${asked.reason}${who}, ${asked.roundTripMs.toFixed(1)} ms`;
  return asked.ok
    ? pass("options", found, asked.status === 403 ? "alive, but it refuses us: does it know our address" : "")
    : fail("options", found, "the peer says that it is out of order");
}

async function accountOf(peer: Peer, options: Asked, from: string | undefined, tools: PreflightTools): Promise<readonly PreflightStep[]> {
  const register = peer.kind === "trunk" ? peer.register : undefined;
  const challenged = options.status === 401 || options.status === 407;
  if (register === undefined) {
    const none = skip("register", "not wanted");
    if (peer.account === undefined)
      return [
        none,
        challenged
          ? fail("digest", `it asks for a password (${options.status})`, "username and password")
          : skip("digest", "no username, and none was asked for"),
      ];
    if (!challenged) return [none, skip("digest", "OPTIONS is not challenged here; a call may be")];
    return [none, digestStep(await tools.ask("OPTIONS", peer, from, true), peer.account.username)];
  }
  const standing = (await tools.trunks())?.find(({ name }) => name === peer.name)?.registration;
  if (standing?.standing === "registered") {
    const word = `registered as ${standing.addressOfRecord} by the running Tandem`;
    return [
      pass("register", word),
      peer.account === undefined ? skip("digest", "no username") : pass("digest", `${peer.account.username} was taken`),
    ];
  }
  const asked = await tools.ask("REGISTER", peer, from, true);
  const refused = asked.status === 401 || asked.status === 407 || asked.status === 403;
  const running = standing === undefined ? "" : `; the running Tandem: ${standing.standing}, ${standing.reason}`;
  const found = `${asked.reason}${asked.status === 0 ? "" : ` to a REGISTER that only asks`}${running}`;
  const ok = asked.status >= 200 && asked.status < 300;
  const registered = ok
    ? pass("register", found)
    : fail(
        "register",
        found,
        asked.status === 0
          ? "registrar: and outbound_proxy: as the provider wrote them"
          : refused
            ? "username, auth_username, realm, password"
            : "the provider's words say why",
      );
  if (peer.account === undefined)
    return [
      registered,
      refused ? fail("digest", `it asks for a password (${asked.status})`, "username and password") : skip("digest", "no username"),
    ];
  return [registered, digestStep(asked, peer.account.username)];
}

function digestStep({ status, reason }: Asked, username: string): PreflightStep {
  if (status === 401 || status === 407 || status === 403)
    return fail("digest", `${username}: ${reason}`, "auth_username where it differs from username; the password; realm");
  return status === 0 || status >= 500 ? skip("digest", `${username}: ${reason}`) : pass("digest", `${username} was taken`);
}

function codecsOf({ codecs, status }: Asked, peer: Peer): PreflightStep {
  if (status === 0) return skip("codecs", "no answer to OPTIONS");
  if (codecs === undefined) return skip("codecs", "its answer to OPTIONS has no SDP", "tandem call tells");
  const found = codecs.join(", ");
  if (peer.codecs.length === 0) return pass("codecs", found);
  const common = peer.codecs.filter((one) => codecs.some((theirs) => theirs.toLowerCase() === one.toLowerCase()));
  return common.length > 0
    ? pass("codecs", `${found}; of ours: ${common.join(", ")}`)
    : fail("codecs", `${found}; ours are ${peer.codecs.join(", ")}`, "codecs: with one of its own");
}

const EXAMPLE = "+15551234567";

function numbersOf(peer: Peer, { dids }: Snapshot): PreflightStep {
  const own = [...dids.values()].find((did) => did.tenant === peer.tenant && isE164(did.number))?.number;
  const number = own ?? EXAMPLE;
  const written = numberToward(peer, number, number, "called");
  const national = nationalExample(peer.numbers);
  const comes = [written, ...(national === undefined || national === written ? [] : [national])];
  const found = [
    `out: ${number} is written ${written}`,
    ...comes.map((one) => `in: ${one} is read ${numberFrom(peer, one, "called")}`),
  ].join("; ");
  // Rules of one's own need not be the same both ways.
  if (peer.rewrite !== undefined || numberFrom(peer, written, "called") === number) return pass("numbers", found);
  return fail("numbers", found, "numbers: country_code, national_prefix and international_prefix as the provider sends them");
}

/** As somebody of that country would dial it. */
const nationalExample = ({ countryCode, nationalPrefix }: NumberFormat): string | undefined =>
  countryCode === "" ? undefined : `${nationalPrefix}301234567`;

function recognisedBy(peer: Peer): PreflightStep {
  const by = [
    ...(peer.addresses.length > 0 ? [`address ${peer.addresses.join(", ")}`] : []),
    ...(peer.tls === undefined || peer.tls.clientNames.length === 0 ? [] : [`client certificate of ${peer.tls.clientNames.join(" or ")}`]),
    ...(peer.digest === undefined ? [] : [`digest user ${peer.digest.username}`]),
    ...(peer.kind === "trunk" && peer.register !== undefined ? ["the Contact that we registered"] : []),
  ];
  if (by.length > 0) return pass("recognised", by.join("; "));
  return skip(
    "recognised",
    "nothing: calls go there, none come from there",
    peer.kind === "trunk" ? "addresses: that it calls from, or digest:, if it should call in" : "",
  );
}
