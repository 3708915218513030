/**
 * From a Kamailio SBC (dispatcher, address, did_routing, uacreg, kamailio.cfg, rtpengine.conf) to a draft of
 * tandem.yaml, with a row for each thing that says what became of it or why nothing did. Pure: texts in, draft out.
 *
 * What Kamailio does is kept, not what its columns seem to say: an algorithm that ignores priorities goes on
 * ignoring them. Deliberately not here: the routing script, tenants, accounting, users of a registrar.
 */
import { type KamailioCfg, readKamailioCfg } from "./kamailio-cfg.ts";
import { Gateways } from "./kamailio-gateways.ts";
import { Listeners } from "./kamailio-listeners.ts";
import { type Making, readUri } from "./kamailio-peer.ts";
import { type DidRow, type KamailioRows, readRows } from "./kamailio-rows.ts";
import { registeringTrunks, trunksOf } from "./kamailio-trunks.ts";
import type { DraftDid, DraftRule, Move, MoveRow, SourceFile } from "./move.ts";
import { Names } from "./names.ts";
import { type RtpengineConf, readRtpengineConf } from "./rtpengine-conf.ts";

export interface KamailioSources {
  readonly dumps?: readonly SourceFile[];
  readonly dispatcherLists?: readonly SourceFile[];
  readonly addressFiles?: readonly SourceFile[];
  readonly cfgs?: readonly SourceFile[];
  readonly rtpengine?: readonly SourceFile[];
  /** "public=203.0.113.10:5060" */
  readonly listens?: readonly string[];
  /** Groups of the address table: whose calls come from carriers, whose from gateways. */
  readonly carrierGroup?: number;
  readonly gatewayGroup?: number;
}

export function importKamailio(sources: KamailioSources): Move {
  const rows: MoveRow[] = [];
  const problems: string[] = [];
  const { dumps = [], dispatcherLists = [], addressFiles = [], carrierGroup = 1, gatewayGroup = 2 } = sources;
  const read = readRows(dumps, dispatcherLists, addressFiles);
  const cfg = readKamailioCfg(sources.cfgs ?? []);
  const rtpengine = readRtpengineConf(sources.rtpengine ?? []);
  // Listeners may be named as gateways are.
  const listeners = new Listeners(new Names(), rows, rtpengine);
  for (const text of sources.listens ?? []) {
    if (!listeners.addNamed(text))
      problems.push(`--listen ${text}: write name=address or name=address:port, e.g. public=203.0.113.10:5060`);
  }
  listeners.addCfg(cfg);
  if (listeners.none) listeners.addGuesses(socketsOf(read));
  if (listeners.none) problems.push("no listener: nothing says our own addresses; add --cfg kamailio.cfg, or --listen public=<address>");

  const making: Making = { cfg, listeners, names: new Names(), rows };
  const carriers = trunksOf(
    making,
    read.addresses.filter(({ group }) => group === carrierGroup),
  );
  const registering = registeringTrunks(making, read.registrations);
  const gateways = new Gateways(making);
  gateways.addDestinations(read.destinations);
  const dids = didsOf(read, gateways, cfg, rows);
  gateways.addAllowed(read.addresses.filter(({ group }) => group === gatewayGroup));
  for (const { source, group, address } of read.addresses) {
    if (group !== carrierGroup && group !== gatewayGroup) {
      rows.push({
        source,
        what: `address group ${group}, ${address}`,
        became: "",
        note: "only the script knows what this group is; --carriers and --gateways say which groups are meant",
      });
    }
  }
  rows.push(...read.left);
  const outbound = outboundOf(carriers.outbound.length > 0 ? carriers.outbound : registering.map(({ name }) => name), rows);
  noteRest(cfg, rtpengine, rows);
  const draft = {
    listeners: listeners.draft(),
    trunks: [...carriers.trunks, ...registering],
    gateways: gateways.drafts(),
    groups: gateways.groups,
    dids,
    outbound,
  };
  if (draft.trunks.length === 0 && draft.gateways.length === 0)
    problems.push("nothing to take: no rows of dispatcher, address or uacreg, and no carrier in the definitions");
  return { rows, draft, problems };
}

function* socketsOf({ destinations, registrations }: KamailioRows): Iterable<readonly [string, string]> {
  for (const { attributes, source } of destinations) if (attributes.has("socket")) yield [attributes.get("socket")!, source];
  for (const { socket, source } of registrations) if (socket !== "") yield [socket, source];
}

/** What did_routing may hold beyond a number: SQL's "%" at the end, or a word for all others. */
const EVERYTHING = /^(\*|%|default|any|\.\*|\^\.\*\$?)$/i;
const NUMBER = /^(\+?[0-9*#]{1,32}|[A-Za-z0-9][A-Za-z0-9._-]{0,63}|[A-Za-z0-9+][A-Za-z0-9._-]{0,62}\*)$/;

function didsOf({ dids, destinations }: KamailioRows, gateways: Gateways, cfg: KamailioCfg, rows: MoveRow[]): readonly DraftDid[] {
  const made = new Map<string, DraftDid>();
  for (const row of dids) {
    const what = `did ${row.did} → ${row.uri === "" ? `group ${row.group ?? "?"}` : row.uri}`;
    const left = (note: string): void => void rows.push({ source: row.source, what, became: "", note });
    const number = numberOf(row.did);
    if (!row.enabled) left("switched off");
    else if (!NUMBER.test(number)) left("a pattern: a number, or its beginning with *, can be taken");
    else if (made.has(number)) left(`${number} stands in an earlier row`);
    else {
      const target = targetOf(row, gateways);
      if (target.to === undefined) {
        left(target.note);
        continue;
      }
      made.set(number, { number, to: target.to });
      rows.push({ source: row.source, what, became: `DID ${number} → ${target.to}`, note: target.note });
    }
  }
  if (dids.length > 0) return [...made.values()];
  // Without did_routing the script has one set for all.
  const sets = [...new Set(destinations.map(({ set }) => set))];
  const named = [...new Set(cfg.selections.flatMap(({ value }) => value.set ?? []))].filter((set) => sets.includes(set));
  const [only, ...more] = named.length > 0 ? named : sets;
  const group = gateways.groups.find(({ name }) => name === `group-${only}`);
  if (group === undefined) return [];
  if (more.length > 0) {
    rows.push({
      source: "did_routing",
      what: "no rows",
      became: "",
      note: `several sets, and nothing says which number goes where: write dids:`,
    });
    return [];
  }
  rows.push({
    source: cfg.selections[0]?.source ?? "did_routing",
    what: "no rows of did_routing, one set",
    became: `DID * → group ${group.name}`,
    note: "every number",
  });
  return [{ number: "*", to: `group ${group.name}` }];
}

function numberOf(did: string): string {
  if (EVERYTHING.test(did)) return "*";
  const plain = /^\+?[0-9][0-9\s().-]*%?$/.test(did) ? did.replace(/[\s().-]+/g, "") : did.toLowerCase();
  return plain.replace(/%$/, "*");
}

function targetOf({ group, uri, source }: DidRow, gateways: Gateways): { readonly to: string | undefined; readonly note: string } {
  if (uri !== "") {
    const read = readUri(uri);
    if (typeof read === "string") return { to: undefined, note: `gateway_uri: ${read}` };
    const gateway = gateways.addUri(uri, source);
    if (gateway === undefined) return { to: undefined, note: "gateway_uri is our own listener" };
    const cut = read.cut.map((part) => `without ${part}`);
    return {
      to: `gateway ${gateway}`,
      note: [...cut, ...(group === undefined ? [] : [`the script takes gateway_uri before group ${group}`])].join("; "),
    };
  }
  if (group === undefined) return { to: undefined, note: "neither gateway_group nor gateway_uri" };
  const known = gateways.groups.find(({ name }) => name === `group-${group}`);
  if (known === undefined) return { to: undefined, note: `no usable destination in dispatcher set ${group}` };
  return { to: `group ${known.name}`, note: "" };
}

function outboundOf(trunks: readonly string[], rows: MoveRow[]): readonly DraftRule[] {
  if (trunks.length === 0) {
    rows.push({ source: "calls out", what: "no carrier with an address", became: "", note: "calls of gateways go nowhere: add outbound:" });
    return [];
  }
  rows.push({
    source: "calls out",
    what: "the script sends gateways' calls to the carrier",
    became: `outbound all → ${trunks.map((name) => `trunk ${name}`).join(", ")}`,
    note: trunks.length > 1 ? "in this order; the script may have chosen otherwise" : "",
  });
  return [{ name: "all", prefix: "", to: trunks.map((name) => `trunk ${name}`) }];
}

/** Settings that have a word to be said, and what stands in their place. */
function noteRest({ parameters, definitions }: KamailioCfg, rtpengine: RtpengineConf | undefined, rows: MoveRow[]): void {
  const say = (name: string, became: string, note: string): void => {
    const found = parameters.get(name);
    if (found !== undefined)
      rows.push({ source: found.source, what: `${name} ${found.value.replace(/:\/\/[^@\s]*@/, "://…@")}`, became, note });
  };
  say("tm.fr_timer", "", "a gateway that says nothing is left after 2 s: dids[].hunt.try_timeout_ms");
  say("tm.fr_inv_timer", "", "a gateway that only rings is left after 20 s, the last one after the whole budget of 55 s: dids[].hunt");
  say("rtpengine.rtpengine_sock", "the embedded media engine", "to keep rtpengine: node.media.engine: rtpengine");
  say(
    "dispatcher.ds_ping_interval",
    "probe: of its gateways",
    parameters.has("dispatcher.ds_ping_reply_codes")
      ? ""
      : "any answer but 5xx shows life; Kamailio took 200 alone: probe.accepted_codes: [200]",
  );
  if (rtpengine !== undefined) {
    const { source, interfaces, portMin, portMax, listenNg } = rtpengine;
    const faces = interfaces
      .map(({ name, address, advertised }) => `${name}/${address}${advertised === undefined ? "" : `!${advertised}`}`)
      .join(", ");
    rows.push({
      source,
      what: `rtpengine ${faces} ports ${portMin}-${portMax}`,
      became: "media.ports of the listeners",
      note: listenNg === undefined ? "" : `stop rtpengine first, or keep it by node.media: { engine: rtpengine, rtpengine: [${listenNg}] }`,
    });
  }
  for (const [name, { value, source }] of definitions) {
    if (/^WITH_(TLS|AUTH|ANTIFLOOD|NAT)$/.test(name))
      rows.push({ source, what: `define ${name} ${value}`.trim(), became: "", note: WITH[name]! });
  }
}
const WITH: Readonly<Record<string, string>> = {
  WITH_TLS: "certificates are not taken over: tls: of a listener, docs/tls.md",
  WITH_AUTH: "users of a registrar are not taken; trunks and gateways may have digest:",
  WITH_ANTIFLOOD: "node.invites_per_second_per_source limits each source",
  WITH_NAT: "nat: yes at the peers that stand behind NAT",
};
