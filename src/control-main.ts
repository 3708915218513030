/**
 * What an operator can do with the running switch, over the call-control port: `main.ts` hands in its
 * rooms, this file reads them and acts on them. Commands are checked in `call/control-port.ts`.
 */
import type { Clock } from "#base/clock.ts";
import type { Calls } from "#call/calls.ts";
import type { ControlAbilities } from "#call/control-port.ts";
import type { StatusReport, TrunkReport } from "#call/control.ts";
import { reportGateways } from "#call/gateways-report.ts";
import { simulate } from "#call/simulate.ts";
import type { TestTickets } from "#call/test-tickets.ts";
import type { Publish } from "#observe/event.ts";
import type { LadderRing } from "#observe/ladder-ring.ts";
import type { RefusalsSink } from "#observe/recent-refusals.ts";
import type { PeerTotalsSink } from "#observe/peer-totals.ts";
import type { DialPlan } from "#routing/decision.ts";
import type { Health } from "#routing/peer-health.ts";
import type { Peer, Snapshot } from "#routing/snapshot.ts";
import type { TransportLayer } from "#sip/transport/transport.ts";
import { EVERY_TENANT } from "#store/cdr-store.ts";
import type { StorePort } from "#store/store-client.ts";
import type { DrainList } from "#trunk/drain-list.ts";
import type { Registrations } from "#trunk/registrations.ts";
import type { OpenEngine } from "./engine-main.ts";
import type { LimitDesk } from "./limits-main.ts";

/** What `main.ts` built. */
export interface House {
  readonly clock: Clock;
  readonly publish: Publish;
  readonly snapshot: () => Snapshot;
  readonly calls: Calls;
  readonly callsMax: () => number;
  readonly store: StorePort;
  readonly ladder: LadderRing;
  readonly transport: TransportLayer;
  readonly engine: OpenEngine;
  readonly registrations: Registrations;
  readonly certificates: () => StatusReport["certificates"];
  readonly health: Health;
  readonly drained: DrainList;
  readonly limits: LimitDesk;
  readonly tickets: TestTickets;
  readonly version: string;
  readonly nodeName: string;
  readonly configFile: string;
  readonly startedAtMs: number;
  readonly counters: () => Readonly<Record<string, number>>;
  readonly peerTotals: PeerTotalsSink;
  readonly refusals: RefusalsSink;
  /** For the API; whoever reaches the control port may have one. */
  readonly token: ControlAbilities["token"];
  /** The decision that a call would get; takes no group's turn. */
  readonly plan: (source: Peer, called: string, caller: string, atMs: number | undefined) => DialPlan;
  readonly originate: ControlAbilities["originate"];
  readonly reload: ControlAbilities["reload"];
  readonly apply: ControlAbilities["apply"];
  readonly write: ControlAbilities["write"];
  readonly shutDown: () => Promise<void>;
}

export function controlAbilities(house: House): ControlAbilities {
  const { clock, publish, calls, store, ladder, transport, registrations, health, drained, tickets } = house;
  const peerNamed = (name: string): Peer | undefined => house.snapshot().trunks.get(name) ?? house.snapshot().gateways.get(name);

  function trunkReports(): readonly TrunkReport[] {
    const registered = new Map(registrations.list().map(({ trunk, ...report }) => [trunk, report]));
    return Array.from(
      house.snapshot().trunks.values(),
      ({ name, tenant, listener, uri, callsMax: most, title, provider, costPerMinute, maintenance }) => ({
        name,
        title: title ?? name,
        provider: provider ?? name,
        costPerMinute,
        maintenance: maintenance === true,
        totals: house.peerTotals.of(name),
        tenant,
        listener,
        uri: uri ?? "",
        calls: calls.callsOf(name),
        callsMax: most,
        registration: registered.get(name),
      }),
    );
  }

  function status(): StatusReport {
    return {
      version: house.version,
      node: house.nodeName,
      pid: process.pid,
      startedAtMs: house.startedAtMs,
      configGeneration: house.snapshot().generation,
      configFile: house.configFile,
      calls: calls.size,
      callsMax: house.callsMax(),
      media: { engine: house.engine.name, up: house.engine.connected, detail: house.engine.describe() },
      listeners: transport.listeners().map((face) => ({
        name: face.name,
        address: `${face.address}:${face.portOf("UDP") ?? face.portOf("TCP") ?? face.portOf("TLS") ?? 0}`,
        transports: (["UDP", "TCP", "TLS"] as const)
          .filter((name) => face.portOf(name) !== undefined)
          .map((name) => (name === "TLS" ? `TLS ${face.portOf(name)}` : name)),
      })),
      certificates: house.certificates(),
      registrations: { registered: registrations.registered, of: registrations.list().length },
      counters: house.counters(),
    };
  }

  return {
    status,
    calls: () => calls.list(),
    find: (callId) => calls.find(callId),
    quality: async (callId) => calls.quality(callId),
    hangUp: (callId, reason) => calls.hangUp(callId, reason),
    route: (question) => simulate(question, { snapshot: house.snapshot(), plan: house.plan }),
    cdrs: (question) => store.cdrs({ ...question, tenant: EVERY_TENANT }),
    trace: async (call) => {
      await ladder.flush();
      return store.ladder(call);
    },
    testCall(number, trunk) {
      const source = trunk === undefined ? [...house.snapshot().trunks.values()][0] : house.snapshot().trunks.get(trunk);
      const face = source === undefined ? undefined : transport.listener(source.listener);
      if (source === undefined || face === undefined)
        return {
          ok: false,
          code: "NO_SUCH_TRUNK",
          message: trunk === undefined ? "there is no trunk that a test call could come from" : `no trunk "${trunk}"`,
        };
      const host = face.address.includes(":") ? `[${face.address}]` : face.address;
      return {
        ok: true,
        value: {
          uri: `sip:${number}@${host}:${face.portOf("UDP") ?? face.portOf("TCP") ?? 5060};tandem-test=${tickets.issue(source.name)}`,
          listener: source.listener,
        },
      };
    },
    originate: house.originate,
    transfer({ callId, place, leg }) {
      const done = calls.transfer(callId, place, leg);
      if (done === undefined) return undefined;
      return done.refusal === undefined ? { callId } : { refused: { code: done.refusal.code, message: done.refusal.message } };
    },
    reload: house.reload,
    apply: house.apply,
    write: house.write,
    token: house.token,
    trunks: trunkReports,
    refusals: () => house.refusals.list(),
    limits: () => house.limits.report(),
    setLimits: (subject, name, limits) => house.limits.set(subject, name, limits),
    unlock: (subject, name) => house.limits.unlock(subject, name),
    gateways: () =>
      reportGateways({
        snapshot: house.snapshot(),
        health,
        callsOf: (peer) => calls.callsOf(peer),
        isDraining: (peer) => drained.has(peer),
        nowMs: clock.wallMs(),
      }),
    drainGateway(name, draining) {
      const peer = peerNamed(name);
      if (peer === undefined)
        return { ok: false, code: "NO_SUCH_PEER", message: `no trunk or gateway "${name}"; tandem gateways lists them` };
      if (!draining && peer.drain === true)
        return {
          ok: false,
          code: "CONFIGURED",
          message: `${name} has drain: true in the configuration; take it out there, then tandem reload`,
        };
      if (drained.set(name, draining))
        publish({
          type: "gateway-health",
          tenant: peer.tenant,
          gateway: name,
          target: "",
          up: !draining,
          reason: draining ? "drained by an operator" : "taken back by an operator",
        });
      return { ok: true, value: { name, draining, calls: calls.callsOf(name) } };
    },
    async drain(timeoutMs) {
      const timer = clock.after(timeoutMs, () => calls.hangUpAll("drained"));
      await calls.drain();
      timer.cancel();
      setImmediate(() => void house.shutDown());
      return { drained: true };
    },
  };
}
