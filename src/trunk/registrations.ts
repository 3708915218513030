/**
 * Keeps this node registered wherever its trunks say so: one `registration.ts` machine per trunk, each with
 * its own timer, so that none disturbs another. Knows which trunk a Contact user of ours belongs to.
 *
 *     const registrations = new Registrations(ports);
 *     registrations.apply(snapshot.trunks.values());     // at start and after every reload
 *     await registrations.stop();                        // takes the bindings away
 */
import type { Clock, Timer } from "#base/clock.ts";
import type { Random } from "#base/ids.ts";
import type { Publish } from "#observe/event.ts";
import type { RegisterPolicy } from "#routing/accounts.ts";
import type { Trunk } from "#routing/snapshot.ts";
import { failureText } from "#sip/dialog/failure-text.ts";
import type { UserAgent } from "#sip/dialog/user-agent.ts";
import {
  type Circumstances,
  type RegisterRequest,
  type RegistrationEvent,
  type RegistrationStanding,
  type RegistrationState,
  type RegistrationTerms,
  registrationAt,
  standingOf,
  stepRegistration,
} from "./registration.ts";

type RequestParameters = Parameters<UserAgent["request"]>[0];
type Target = RequestParameters["target"];
type Outcome = Parameters<Parameters<UserAgent["request"]>[1]>[0];

export interface RegistrationPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly publish: Publish;
  readonly request: UserAgent["request"];
  /** RFC 3263 for a URI; empty: it can't be resolved. */
  readonly locate: (uriText: string, listener: string, trunk: string) => readonly Target[] | Promise<readonly Target[]>;
  readonly face: (
    listener: string,
  ) => { readonly advertised: string; portOf(transport: Target["transport"]): number | undefined } | undefined;
  /** Unguessable, and the same after a restart: a caller who knows it is the provider. */
  readonly contactUser: (trunk: string) => string;
}

export interface RegistrationReport {
  readonly trunk: string;
  readonly standing: RegistrationStanding;
  /** Epoch ms of the last change of standing. */
  readonly sinceMs: number;
  /** Epoch ms; undefined while a request is out. */
  readonly nextAtMs: number | undefined;
  readonly reason: string;
  readonly registrar: string;
  readonly addressOfRecord: string;
  readonly failures: number;
}

/** First requests of many trunks are spread over so long. */
const SPREAD_MS = 1_000;

export class Registrations {
  readonly #ports: RegistrationPorts;
  readonly #running = new Map<string, Registration>();
  readonly #leaving = new Set<Registration>();
  /** Contact user → trunk. */
  readonly #contacts = new Map<string, string>();
  #stopped = false;

  constructor(ports: RegistrationPorts) {
    this.#ports = ports;
  }

  /** What is new registers, what changed does so anew, what is gone takes its binding away. */
  apply(trunks: Iterable<Trunk>): void {
    if (this.#stopped) return;
    const wanted = new Map<string, Trunk>();
    for (const trunk of trunks) if (trunk.register !== undefined) wanted.set(trunk.name, trunk);
    for (const [name, running] of this.#running) {
      const trunk = wanted.get(name);
      if (trunk !== undefined && identityOf(trunk) === running.identity) {
        running.trunk = trunk;
        wanted.delete(name);
        continue;
      }
      this.#running.delete(name);
      // The same binding by other means is only written over.
      if (trunk !== undefined && bindingOf(trunk) === running.binding) running.forget();
      else this.#leave(running);
    }
    const spreadMs = wanted.size > 1 ? SPREAD_MS : 0;
    for (const [name, trunk] of wanted) {
      const registration = new Registration(this.#ports, trunk, trunk.register!);
      this.#running.set(name, registration);
      registration.start(spreadMs * this.#ports.random.fraction());
    }
    this.#contacts.clear();
    for (const name of this.#running.keys()) this.#contacts.set(this.#ports.contactUser(name), name);
  }

  /** The trunk whose registration named this user as our Contact. */
  trunkOf(contactUser: string): string | undefined {
    return this.#contacts.get(contactUser);
  }
  list(): readonly RegistrationReport[] {
    return Array.from(this.#running.values(), (registration) => registration.report());
  }
  get registered(): number {
    return this.list().filter(({ standing }) => standing === "registered").length;
  }

  /** Resolves when every registrar answered, or gave no answer. The caller bounds the time. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const registration of this.#running.values()) this.#leave(registration);
    this.#running.clear();
    await Promise.all(Array.from(this.#leaving, (registration) => registration.gone));
  }
  #leave(registration: Registration): void {
    this.#leaving.add(registration);
    void registration.gone.then(() => this.#leaving.delete(registration));
    registration.feed({ type: "stop" });
  }
}

/** Everything that a change of means a new registration; passwords count, and stay in this process. */
const identityOf = (trunk: Trunk): string =>
  JSON.stringify([
    trunk.register,
    trunk.outboundProxy,
    trunk.account?.username,
    trunk.account?.realm,
    trunk.account?.passwords.map((password) => password.reveal()),
  ]);
const bindingOf = ({ register, outboundProxy }: Trunk): string =>
  JSON.stringify([register?.registrar, register?.user, register?.domain, register?.listener, outboundProxy]);

class Registration {
  readonly #ports: RegistrationPorts;
  readonly #policy: RegisterPolicy;
  readonly #terms: RegistrationTerms;
  readonly #proxy: string | undefined;
  readonly identity: string;
  readonly binding: string;
  readonly gone: Promise<void>;
  trunk: Trunk;
  /** Call-ID and From tag of all its requests (RFC 3261 §10.2). */
  readonly #name: string;
  #state: RegistrationState;
  #timer: Timer | undefined;
  #sinceMs: number;
  #told = "";
  #leave: () => void = () => {};
  #forgotten = false;

  constructor(ports: RegistrationPorts, trunk: Trunk, policy: RegisterPolicy) {
    this.#ports = ports;
    this.trunk = trunk;
    this.#policy = policy;
    this.#proxy = trunk.outboundProxy;
    this.identity = identityOf(trunk);
    this.binding = bindingOf(trunk);
    this.#terms = {
      registrar: policy.registrar,
      contactUser: ports.contactUser(trunk.name),
      expiresS: policy.expiresS,
      account: trunk.account,
    };
    this.#name = `${ports.random.integer(2 ** 32).toString(36)}${ports.random.integer(2 ** 32).toString(36)}`;
    this.#state = registrationAt(this.#terms);
    this.#sinceMs = ports.clock.wallMs();
    this.gone = new Promise((resolve) => (this.#leave = resolve));
  }

  start(delayMs: number): void {
    if (delayMs > 0) this.#timer = this.#ports.clock.after(delayMs, () => this.feed({ type: "start" }));
    else this.feed({ type: "start" });
  }
  /** Without a word to the registrar. */
  forget(): void {
    this.#forgotten = true;
    this.#timer?.cancel();
    this.#leave();
  }

  feed(event: RegistrationEvent): void {
    if (this.#forgotten) return;
    const { clock, random } = this.#ports;
    const circumstances: Circumstances = {
      nowMs: clock.nowMs(),
      fraction: () => random.fraction(),
      makeCnonce: () => `${random.integer(2 ** 32).toString(36)}${random.integer(2 ** 32).toString(36)}`,
    };
    const { state, send } = stepRegistration(this.#state, event, this.#terms, circumstances);
    this.#state = state;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (state.stage === "waiting")
      this.#timer = clock.after(Math.max(0, state.nextAtMs - clock.nowMs()), () => this.feed({ type: "clock" }));
    this.#tell();
    if (state.stage === "removed") this.#leave();
    if (send !== undefined) this.#send(send);
  }

  report(): RegistrationReport {
    const { clock } = this.#ports;
    const { nextAtMs, reason, failures } = this.#state;
    return {
      trunk: this.trunk.name,
      standing: standingOf(this.#state, clock.nowMs()),
      sinceMs: this.#sinceMs,
      nextAtMs: nextAtMs === Infinity ? undefined : Math.round(clock.wallMs() + nextAtMs - clock.nowMs()),
      reason,
      registrar: this.#policy.registrar,
      addressOfRecord: this.#addressOfRecord,
      failures,
    };
  }

  get #addressOfRecord(): string {
    return `sip:${this.#policy.user}@${this.#policy.domain}`;
  }

  /** Once for each change; a refresh that went well is none. */
  #tell(): void {
    const { stage, reason, failures } = this.#state;
    const standing = standingOf(this.#state, this.#ports.clock.nowMs());
    if (stage === "registering" || stage === "idle") return;
    const said = `${standing}${failures > 0 ? reason : ""}`;
    if (said === this.#told) return;
    if (!this.#told.startsWith(standing)) this.#sinceMs = this.#ports.clock.wallMs();
    this.#told = said;
    this.#ports.publish({ type: "registration", tenant: this.trunk.tenant, trunk: this.trunk.name, standing, reason });
  }

  #send(request: RegisterRequest): void {
    const { sequence } = request;
    const failed = (detail: string): void => this.feed({ type: "no-answer", sequence, detail });
    const hop = this.#proxy ?? request.requestUri;
    const take = (targets: readonly Target[]): void => {
      // Another address after each failure (RFC 3263 §4.3).
      const target = targets[this.#state.failures % Math.max(1, targets.length)];
      if (target === undefined) return failed(`${hop} can't be resolved`);
      this.#ports.request(this.#parametersOf(request, target), (outcome) => this.#heard(sequence, outcome));
    };
    const located = this.#ports.locate(hop, this.#policy.listener, this.trunk.name);
    if (!("then" in located)) return take(located);
    located.then(take, (error: unknown) => failed(String(error)));
  }

  #heard(sequence: number, outcome: Outcome): void {
    if (outcome.type === "response") return this.feed({ type: "response", sequence, response: outcome.response });
    const detail = outcome.type === "timeout" ? "no answer" : `${failureText(outcome.failure)}: nothing could be sent`;
    this.feed({ type: "no-answer", sequence, detail });
  }

  #parametersOf(request: RegisterRequest, target: Target): RequestParameters {
    const { contactParameters, listener } = this.#policy;
    const face = this.#ports.face(listener);
    const host = face?.advertised ?? "";
    const port = face?.portOf(target.transport);
    const secure = request.requestUri.startsWith("sips:");
    // RFC 3261 §8.1.1.8: a sips Request-URI wants a sips Contact, in which TLS needs no saying.
    const transport = target.transport === "UDP" || secure ? "" : `;transport=${target.transport.toLowerCase()}`;
    const contact = `<${secure ? "sips" : "sip"}:${this.#terms.contactUser}@${host.includes(":") ? `[${host}]` : host}${port === undefined ? "" : `:${port}`}${transport}>`;
    const parameters = [...contactParameters, `expires=${request.expiresS}`].map((one) => `;${one}`).join("");
    return {
      method: "REGISTER",
      requestUri: request.requestUri,
      target,
      routeSet: this.#proxy === undefined ? [] : [`<${this.#proxy};lr>`],
      localUri: `<${this.#addressOfRecord}>`,
      remoteUri: `<${this.#addressOfRecord}>`,
      localTag: this.#name,
      sipCallId: `${this.#name}@${host.includes(":") ? "ipv6" : host}`,
      branchPrefix: `r${this.#name}${request.sequence}`,
      maxForwards: 70,
      sequence: request.sequence,
      headers: [["Contact", contact + parameters], ["Expires", String(request.expiresS)], ...request.credentials],
      body: "",
    };
  }
}
