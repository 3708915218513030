/**
 * What the entries of a configuration say about each other: names that dangle or occur twice, tenants that cross,
 * ports that collide, peers that can't be told apart. Errors keep a configuration from being used, warnings don't.
 *
 * Deliberately not here: whether an address is this machine's, or a port free. Start-up finds out.
 */
import { sameAddress } from "#routing/addresses.ts";
import { asDialled } from "#routing/peer-numbers.ts";
import type { Conditions, Did, GatewayGroup, HuntTimes, OutboundRule, Peer, RouteTarget, Snapshot } from "#routing/snapshot.ts";
import { type Note, checkListeners } from "./check-listeners.ts";
import { checkAccounts } from "./accounts.ts";
import { type DidUse, didUseOf, tellApart } from "./describe-identification.ts";
import { checkCallers, checkMeaning } from "./contradictions.ts";
import { checkRules } from "./rule-fields.ts";
import { TLS_PORT, checkPeerTls } from "./tls-fields.ts";
import { type PeerUri, parsePeerUri } from "./peer-uri.ts";
import type { Finding, Path } from "./reading.ts";
import type { Resources } from "./resources.ts";
import { suggestion } from "./suggest.ts";

export interface Checked {
  readonly errors: readonly Finding[];
  readonly warnings: readonly Finding[];
}

interface Named {
  readonly tenant: string;
  readonly kind: "trunk" | "gateway" | "group";
  readonly uri: string | undefined;
}

/** Trunks, gateways and groups by the name that they share a space of. */
interface Names extends Iterable<readonly [string, Named]> {
  get(name: string): Named | undefined;
}

interface Checking {
  readonly resources: Resources;
  readonly names: Names;
  readonly trunks: ReadonlyMap<string, Peer>;
  /** Names of entries too broken to be read: referring to them is no second problem. */
  readonly alsoNamed: ReadonlySet<string>;
  readonly error: Note;
  readonly warn: Note;
}

/**
 * @param alsoNamed entries that have problems of their own
 * @param within what all is together, if `resources` are but some of it: only they are looked at, and who shares an
 *   address with whom is not told
 */
export function checkResources(resources: Resources, alsoNamed: ReadonlySet<string> = new Set(), within?: Snapshot): Checked {
  const errors: Finding[] = [];
  const warnings: Finding[] = [];
  const error: Note = (path, message, remedy) => void errors.push({ path, message, remedy });
  const warn: Note = (path, message, remedy) => void warnings.push({ path, message, remedy });
  if (within === undefined && !(resources.listeners.length === 0 && alsoNamed.size > 0)) checkListeners(resources.listeners, error);
  const names = within === undefined ? collectNames(resources, error) : namesWithin(within, resources, error);
  const trunks = within?.trunks ?? new Map(resources.trunks.map((trunk) => [trunk.name, trunk]));
  const checking: Checking = { resources, names, trunks, alsoNamed, error, warn };

  unique("listeners", resources.listeners, ({ name }) => name, error);
  unique("dids", resources.dids, ({ number }) => number, error);
  unique("outbound", resources.outbound, ({ name }) => name, error);
  for (const [i, trunk] of resources.trunks.entries()) checkPeer(trunk, ["trunks", i], checking);
  for (const [i, gateway] of resources.gateways.entries()) checkPeer(gateway, ["gateways", i], checking);
  for (const [i, group] of resources.groups.entries()) checkGroup(group, i, checking);
  const routes = new RouteCheck(checking);
  for (const [i, did] of resources.dids.entries()) routes.did(did, i);
  for (const [i, rule] of resources.outbound.entries()) routes.outbound(rule, i);
  const peers = [
    ...resources.trunks.map((peer, i) => [peer, ["trunks", i]] as const),
    ...resources.gateways.map((peer, i) => [peer, ["gateways", i]] as const),
  ];
  const others = within === undefined ? [] : othersOf(within, resources);
  checkAccounts(peers, new Set([...resources.listeners.map((listener) => listener.name), ...alsoNamed]), error, warn, others);
  if (within === undefined) warnOfTwins(checking, didUseOf(resources.dids));
  return { errors, warnings };
}

const SECTION_OF = { trunk: "trunks", gateway: "gateways", group: "groups" } as const;

/** Trunks, gateways and groups share one space of names: routes and `from` name any of them. */
function collectNames({ trunks, gateways, groups }: Resources, error: Note): Map<string, Named> {
  const names = new Map<string, Named>();
  const add = (name: string, named: Named, i: number): void => {
    const first = names.get(name);
    if (first === undefined) names.set(name, named);
    else
      error(
        [SECTION_OF[named.kind], i, "name"],
        `the name ${name} is taken by a ${first.kind}`,
        "trunks, gateways and groups need names of their own",
      );
  };
  for (const [i, { name, tenant, uri }] of trunks.entries()) add(name, { tenant, kind: "trunk", uri }, i);
  for (const [i, { name, tenant, uri }] of gateways.entries()) add(name, { tenant, kind: "gateway", uri }, i);
  for (const [i, { name, tenant }] of groups.entries()) add(name, { tenant, kind: "group", uri: undefined }, i);
  return names;
}

/** Names of a whole of which some entries are looked at; one of those whose name another has is an error. */
function namesWithin({ trunks, gateways, groups }: Snapshot, resources: Resources, error: Note): Names {
  const sections = [
    ["trunk", trunks, resources.trunks],
    ["gateway", gateways, resources.gateways],
    ["group", groups, resources.groups],
  ] as const;
  for (const [kind, , looked] of sections)
    for (const [i, { name }] of looked.entries()) {
      const other = sections.find(([otherKind, all]) => otherKind !== kind && all.has(name));
      if (other !== undefined)
        error(
          [SECTION_OF[kind], i, "name"],
          `the name ${name} is taken by a ${other[0]}`,
          "trunks, gateways and groups need names of their own",
        );
    }
  const named = (kind: Named["kind"], record: Peer | GatewayGroup): Named => ({
    tenant: record.tenant,
    kind,
    uri: "uri" in record ? record.uri : undefined,
  });
  return {
    get(name) {
      for (const [kind, all] of sections) {
        const record = all.get(name);
        if (record !== undefined) return named(kind, record);
      }
      return undefined;
    },
    *[Symbol.iterator]() {
      for (const [kind, all] of sections) for (const [name, record] of all) yield [name, named(kind, record)] as const;
    },
  };
}

function othersOf({ trunks, gateways }: Snapshot, resources: Resources): readonly Peer[] {
  const looked = new Set<string>([...resources.trunks, ...resources.gateways].map(({ name }) => name));
  if (![...resources.trunks, ...resources.gateways].some(({ digest }) => digest !== undefined)) return [];
  return [...trunks.values(), ...gateways.values()].filter(({ name }) => !looked.has(name));
}

function unique<T>(section: string, items: readonly T[], keyOf: (item: T) => string, error: Note): void {
  // Nearly always there is nothing to name: 100,000 are first only counted.
  const keys = new Set<string>();
  for (const item of items) keys.add(keyOf(item));
  if (keys.size === items.length) return;
  const seen = new Map<string, number>();
  for (const [i, item] of items.entries()) {
    const key = keyOf(item);
    const first = seen.get(key);
    if (first === undefined) seen.set(key, i);
    else
      error(
        [section, i, section === "dids" ? "number" : "name"],
        `${key} stands here a second time`,
        "each may stand once in the deployment, whatever its tenant",
      );
  }
}

const namesOf = ({ names }: Checking, ...kinds: readonly Named["kind"][]): string[] =>
  [...names].filter(([, { kind }]) => kinds.includes(kind)).map(([name]) => name);

function checkPeer(peer: Peer, path: Path, checking: Checking): void {
  const { resources, alsoNamed, error, warn } = checking;
  const known = resources.listeners.map(({ name }) => name);
  const listener = resources.listeners.find(({ name }) => name === peer.listener);
  checkMeaning(peer, path, warn);
  checkPeerTls(peer, listener, path, error, warn);
  checkRules(peer, path, { ...checking, listeners: known, trunks: checking.trunks });
  if (peer.listener === "") {
    if (known.length > 0) error(path, `${peer.name} names no listener`, `listener: one of ${known.join(", ")}`);
  } else if (listener === undefined && !alsoNamed.has(peer.listener)) {
    error([...path, "listener"], `there is no listener ${peer.listener}`, suggestion(peer.listener, known, "listener"));
  }
  if (peer.uri === undefined && peer.addresses.length === 0 && peer.digest === undefined && (peer.tls?.clientNames ?? []).length === 0) {
    warn(
      path,
      `${peer.name} has neither uri nor addresses: it can be neither called nor recognised`,
      "add uri: for calls to it, addresses: for calls from it",
    );
  }
  if (peer.uri === undefined && peer.probe !== undefined) {
    error([...path, "probe"], `${peer.name} has no uri to probe`, "add uri:, or leave probe: out");
  }
  const uri = peer.uri === undefined ? undefined : parsePeerUri(peer.uri);
  if (listener !== undefined && uri !== undefined) checkWayOut(uri, asDialled(peer).listener, path, checking);
}

/** Whether calls can leave for it by that listener. */
function checkWayOut(uri: PeerUri, by: string, path: Path, { resources, error, warn }: Checking): void {
  const listener = resources.listeners.find(({ name }) => name === by);
  if (listener === undefined) return;
  const transport = uri.transport === "" ? "UDP" : uri.transport.toUpperCase();
  // Every listener can call out by TLS.
  if (transport !== "TLS" && !listener.transports.some((one) => one === transport)) {
    error(
      [...path, "uri"],
      `the uri wants ${transport}, which listener ${listener.name} doesn't speak`,
      `add ${transport.toLowerCase()} to its transports, or ;transport=${listener.transports[0]?.toLowerCase() ?? "tcp"} to the uri`,
    );
  }
  if (transport === "TLS" && listener.tls === undefined)
    warn(
      [...path, "uri"],
      `listener ${listener.name} takes no TLS: a peer that opens a connection of its own to hang up finds nobody there`,
      "tls: { certificate, key } at the listener, and tls in its transports, unless the peer uses the connection that we opened",
    );
  if (uri.numeric && uri.host.includes(":") !== listener.address.includes(":") && listener.address !== "::") {
    error(
      [...path, "uri"],
      `listener ${listener.name} (${listener.address}) can't reach ${uri.host}`,
      "a listener of the same address family",
    );
  }
  const own = resources.listeners.find(
    (one) =>
      (transport === "TLS" ? one.tls?.port : one.port) === (uri.port ?? (transport === "TLS" ? TLS_PORT : 5060)) &&
      (sameAddress(one.address, uri.host) || sameAddress(one.advertised, uri.host)),
  );
  if (own !== undefined) error([...path, "uri"], `this is our own listener ${own.name}: calls would come back to us`, "the peer's address");
}

function checkGroup(group: GatewayGroup, i: number, checking: Checking): void {
  const { names, alsoNamed, error, warn } = checking;
  if (group.members.length === 0) error(["groups", i, "gateways"], `group ${group.name} is empty`, "gateways: [one, two]");
  if (UNWEIGHTED.includes(group.algorithm) && group.members.some(({ weight }) => weight !== 1)) {
    warn(
      ["groups", i, "algorithm"],
      `weights say nothing to ${group.algorithm}`,
      "leave them out, or algorithm: weighted, hash_caller, hash_call_id or least_calls",
    );
  }
  if (group.algorithm === "parallel") {
    for (const [priority, { length }] of Map.groupBy(group.members, (member) => member.priority)) {
      if (length > RING_AT_ONCE_MAX)
        error(
          ["groups", i, "gateways"],
          `${length} gateways of priority ${priority} would ring at once`,
          `at most ${RING_AT_ONCE_MAX} of one priority`,
        );
    }
  }
  const seen = new Set<string>();
  for (const [j, { gateway }] of group.members.entries()) {
    const path = ["groups", i, "gateways", j];
    const named = names.get(gateway);
    if (seen.has(gateway)) error(path, `${gateway} stands in the group a second time`, "once, with a weight");
    seen.add(gateway);
    if (named === undefined) {
      if (!alsoNamed.has(gateway))
        error(path, `there is no gateway ${gateway}`, suggestion(gateway, namesOf(checking, "gateway"), "gateway"));
    } else if (named.kind !== "gateway")
      error(path, `${gateway} is a ${named.kind}, and groups hold gateways`, suggestion(gateway, namesOf(checking, "gateway"), "gateway"));
    else if (named.tenant !== group.tenant)
      error(path, `${gateway} is of tenant ${named.tenant}, the group of ${group.tenant}`, "gateways of the group's own tenant");
  }
}

/** Null: fine. */
type Verdict = readonly [message: string, remedy: string, severe: boolean] | null;
/** One of that kind by name; one that calls go to; or, of several kinds, the first that may be meant. */
const WANTED = {
  trunk: ["trunk", "to a trunk", "trunk or more"],
  gateway: ["gateway", "to a gateway", "gateway or more"],
  group: ["group", "to a group", "group or more"],
} as const;

/** DIDs and outbound rules. Asks each pair of tenant and name once: there may be 100,000 DIDs. */
class RouteCheck {
  readonly #checking: Checking;
  readonly #tenantsWithTrunks: ReadonlySet<string>;
  /** By what is wanted, then by tenant and name: no key is put together for each of 100,000. */
  readonly #verdicts = new Map<string, Map<string, Map<string, Verdict>>>();
  readonly #rules = new Map<string, string>();

  constructor(checking: Checking) {
    this.#checking = checking;
    this.#tenantsWithTrunks = new Set(Array.from(checking.trunks.values(), ({ tenant }) => tenant));
  }

  did(did: Did, i: number): void {
    const { error, warn } = this.#checking;
    for (const [j, trunk] of did.trunks.entries()) this.#refer(trunk, ["trunk"], did.tenant, ["dids", i, "trunks", j]);
    this.#targets(did.targets, did.tenant, ["dids", i, "to"]);
    checkHunt(did.hunt, ["dids", i, "hunt"], error);
    checkCallers(did, ["dids", i], warn);
    // A number as long as an international one.
    if (/^[1-9][0-9]{7,}\*?$/.test(did.number))
      warn(
        ["dids", i, "number"],
        `${did.number} has no plus, so it only matches trunks that send and keep it so`,
        `"+${did.number}" if it is a whole international number`,
      );
    if (!this.#tenantsWithTrunks.has(did.tenant) && this.#checking.alsoNamed.size === 0) {
      warn(
        ["dids", i],
        `tenant ${did.tenant} has no trunk, so nobody can call ${did.number}`,
        "a trunk of that tenant, or the DID without tenant",
      );
    }
  }

  outbound(rule: OutboundRule, i: number): void {
    const { error, warn } = this.#checking;
    for (const [j, from] of rule.from.entries()) this.#refer(from, ["gateway", "group"], rule.tenant, ["outbound", i, "from", j]);
    this.#targets(rule.targets, rule.tenant, ["outbound", i, "to"]);
    checkHunt(rule.hunt, ["outbound", i, "hunt"], error);
    const key = [rule.tenant, rule.prefix, ...[...rule.from].sort()].join("\n");
    const first = this.#rules.get(key);
    if (first === undefined) {
      // A rule that asks for a time or a caller leaves the others to the next one.
      if (!isConditional(rule)) this.#rules.set(key, rule.name);
    } else
      warn(
        ["outbound", i],
        `${rule.name} is never reached: ${first} has the same prefix and takes the same calls`,
        "one rule with both targets",
      );
  }

  #targets(targets: readonly RouteTarget[], tenant: string, path: Path): void {
    if (targets.length === 0) this.#checking.error(path, "no target", "group <name>, gateway <name>, trunk <name> or reject <status>");
    for (const [j, target] of targets.entries()) {
      const at = [...path, j];
      if (target.type === "reject") {
        if (j < targets.length - 1 && !isConditional(target))
          this.#checking.warn(at, "what stands after a reject is never reached", "reject as the last target");
      } else if (target.type === "group") this.#refer(target.group, ["group"], tenant, at);
      else if (target.type === "gateway") this.#refer(target.gateway, ["gateway"], tenant, at, true);
      else this.#refer(target.trunk, ["trunk"], tenant, at, true);
    }
  }

  #refer(name: string, kinds: readonly Named["kind"][], tenant: string, path: Path, dialled = false): void {
    const wanted = WANTED[kinds[0]!][dialled ? 1 : kinds.length === 1 ? 0 : 2];
    let byTenant = this.#verdicts.get(wanted);
    if (byTenant === undefined) this.#verdicts.set(wanted, (byTenant = new Map<string, Map<string, Verdict>>()));
    let byName = byTenant.get(tenant);
    if (byName === undefined) byTenant.set(tenant, (byName = new Map<string, Verdict>()));
    let verdict = byName.get(name);
    if (verdict === undefined) byName.set(name, (verdict = this.#judge(name, kinds, tenant, dialled) ?? null));
    if (verdict === null) return;
    const [message, remedy, severe] = verdict;
    (severe ? this.#checking.error : this.#checking.warn)(path, message, remedy);
  }

  #judge(name: string, kinds: readonly Named["kind"][], tenant: string, dialled: boolean): readonly [string, string, boolean] | undefined {
    const named = this.#checking.names.get(name);
    const wanted = kinds.join(" or ");
    if (named === undefined) {
      if (this.#checking.alsoNamed.has(name)) return undefined;
      return [`there is no ${wanted} ${name}`, suggestion(name, namesOf(this.#checking, ...kinds), wanted), true];
    }
    if (!kinds.includes(named.kind)) {
      // Targets say the kind, lists of trunks and sources hold names alone.
      const instead = dialled || wanted === "group" ? `${named.kind} ${name}, or the name of a ${wanted}` : `the name of a ${wanted}`;
      return [`${name} is a ${named.kind}, not a ${wanted}`, instead, true];
    }
    if (named.tenant !== tenant)
      return [`${name} is of tenant ${named.tenant}, not ${tenant}`, "calls stay within a tenant: use one of its own", true];
    if (dialled && named.uri === undefined) return [`${name} has no uri, so no call can go there`, "give it a uri", false];
    return undefined;
  }
}

const isConditional = ({ when, callers }: Conditions): boolean => when !== undefined || callers !== undefined;

/** Each is a call of its own to its gateway, with ports of its own. */
const RING_AT_ONCE_MAX = 10;
/** Algorithms that weights say nothing to. */
const UNWEIGHTED: readonly (string | undefined)[] = ["round_robin", "strict_priority", "parallel"];

function checkHunt(hunt: HuntTimes, path: Path, error: Note): void {
  if (hunt.setupBudgetMs < hunt.tryTimeoutMs) {
    error(
      path,
      `a budget of ${hunt.setupBudgetMs} ms ends before the first try of ${hunt.tryTimeoutMs} ms`,
      "setup_budget_ms above try_timeout_ms, and below the carrier's own timer",
    );
  }
}

/** Several peers with one address on one listener, which nothing tells apart. */
function warnOfTwins({ resources, warn }: Checking, use: DidUse): void {
  const peers: readonly (readonly [Peer, Path])[] = [
    ...resources.trunks.map((peer, i) => [peer, ["trunks", i]] as const),
    ...resources.gateways.map((peer, i) => [peer, ["gateways", i]] as const),
  ];
  const byAddress = new Map<string, (readonly [Peer, Path])[]>();
  for (const entry of peers) {
    for (const network of new Set(entry[0].addresses)) {
      const key = `${network} on listener ${entry[0].listener}`;
      const twins = byAddress.get(key);
      if (twins === undefined) byAddress.set(key, [entry]);
      else twins.push(entry);
    }
  }
  for (const [key, twins] of byAddress) {
    const apart = tellApart(
      twins.map(([peer]) => peer),
      use,
    );
    if (apart.alone || apart.ambiguous.length === 0) continue;
    const [, path] = twins.at(-1)!;
    warn(
      [...path, "addresses"],
      `${apart.ambiguous.join(" and ")} have the address ${key}, and calls from there may fit both`,
      "DIDs with trunks:, a domains: or trunk_group: each, uris with different ports, or listeners of their own",
    );
  }
}
