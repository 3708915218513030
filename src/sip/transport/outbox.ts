/**
 * Holds what leaves until the end of a turn of the event loop. Messages of one turn then leave one after another:
 * their receivers wake once, and whoever has to write something first, the journal, does so once for all of them.
 *
 * Deliberately not here: when a turn ends.
 */
import type { Flow, ListenerFace, Target, TransportFailure, TransportLayer, TransportName } from "./transport.ts";

/** It only stops repeats, and its caller waits for what the others lead to. */
const TRYING = "SIP/2.0 100 ";

type OnFailure = (failure: TransportFailure) => void;

class Leaving {
  /** Of a request; a response goes back by its flow. */
  readonly target: Target | undefined;
  readonly flow: Flow | undefined;
  readonly wire: string;
  readonly onFailure: OnFailure;
  constructor(target: Target | undefined, flow: Flow | undefined, wire: string, onFailure: OnFailure) {
    this.target = target;
    this.flow = flow;
    this.wire = wire;
    this.onFailure = onFailure;
  }
}

export class Outbox implements TransportLayer {
  readonly #layer: TransportLayer;
  readonly #soon: () => void;
  readonly #guarded: (run: () => void) => void;
  #held: Leaving[] = [];
  /** What leaves behind all those. */
  #last: Leaving[] = [];

  /**
   * @param soon sees to it that `flush` is called at the end of this turn; called for each message
   * @param guarded runs what it is given and lets nothing through: one message that can't be sent must not keep the others
   */
  constructor(layer: TransportLayer, soon: () => void, guarded: (run: () => void) => void) {
    this.#layer = layer;
    this.#soon = soon;
    this.#guarded = guarded;
  }

  send(target: Target, wire: string, onFailure: OnFailure): void {
    this.#held.push(new Leaving(target, undefined, wire, onFailure));
    this.#soon();
  }

  respond(flow: Flow, wire: string, onFailure: OnFailure): void {
    (wire.startsWith(TRYING) ? this.#last : this.#held).push(new Leaving(undefined, flow, wire, onFailure));
    this.#soon();
  }

  flush(): void {
    if (this.#last.length > 0) this.#joinLast();
    if (this.#held.length === 0) return;
    const held = this.#held;
    this.#held = [];
    for (const leaving of held) this.#guarded(() => this.#leave(leaving));
  }

  /** A 100 behind what it announces would be odd: where anything else goes back the same way, it leaves first instead. */
  #joinLast(): void {
    const last = this.#last;
    this.#last = [];
    const late = this.#held.some(({ flow }) => flow !== undefined && last.some((trying) => trying.flow === flow));
    this.#held = late ? [...last, ...this.#held] : [...this.#held, ...last];
  }

  #leave({ target, flow, wire, onFailure }: Leaving): void {
    if (target !== undefined) this.#layer.send(target, wire, onFailure);
    else if (flow !== undefined) this.#layer.respond(flow, wire, onFailure);
  }

  listener(name: string): ListenerFace | undefined {
    return this.#layer.listener(name);
  }
  listeners(): readonly ListenerFace[] {
    return this.#layer.listeners();
  }
  isReliable(transport: TransportName): boolean {
    return this.#layer.isReliable(transport);
  }
}
