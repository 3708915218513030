/**
 * Live events of one call, or of all: a sink for whoever follows over the control socket. A call's
 * messages are known by their SIP Call-ID: ours carry the call id, the caller's is told by call-started.
 */
import type { Stamped } from "./event.ts";
import { sipCallIdOf } from "./ladder-records.ts";
import type { Sink } from "./publish.ts";

/** The caller's first message comes before the call that it starts has an id: so much is kept back. */
const EARLY_MAX = 64;

export class FollowedCalls implements Sink {
  readonly name = "follow";
  readonly #call: string | undefined;
  readonly #tell: (event: Stamped) => void;
  readonly #sipCallIds = new Set<string>();
  #early: Stamped[] = [];

  /** @param call beginning of a call id, or a SIP Call-ID; undefined: every call */
  constructor(call: string | undefined, tell: (event: Stamped) => void) {
    this.#call = call;
    this.#tell = tell;
  }

  accept(stamped: Stamped): void {
    const call = this.#call;
    if (call === undefined) return this.#tell(stamped);
    const { event } = stamped;
    if (event.type === "call-started" && (event.callId?.startsWith(call) === true || event.sipCallId === call))
      this.#begin(event.sipCallId);
    if (event.type === "sip") {
      const id = sipCallIdOf(event.wire);
      if (this.#sipCallIds.has(id) || id === call || id.includes(call)) this.#tell(stamped);
      else this.#early.push(stamped);
      if (this.#early.length > EARLY_MAX) this.#early.shift();
    } else if (event.callId?.startsWith(call) === true) this.#tell(stamped);
  }

  #begin(sipCallId: string): void {
    this.#sipCallIds.add(sipCallId);
    for (const stamped of this.#early)
      if (stamped.event.type === "sip" && sipCallIdOf(stamped.event.wire) === sipCallId) this.#tell(stamped);
    this.#early = [];
  }
}
