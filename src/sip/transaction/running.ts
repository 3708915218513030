/**
 * A machine in motion: holds the state, performs the effects, keeps the two timers.
 * The four subclasses (client-transaction.ts, server-transaction.ts) know messages; this knows none.
 */
import type { Clock, Timer } from "#base/clock.ts";
import type { Effect, Step } from "./machine.ts";

export abstract class Running<State extends { readonly name: string }, Event extends string, Deed extends string> {
  readonly #clock: Clock;
  #state: State;
  #repeat: Timer | undefined;
  #limit: Timer | undefined;

  constructor(clock: Clock, state: State) {
    this.#clock = clock;
    this.#state = state;
  }

  get state(): State {
    return this.#state;
  }

  protected abstract step(state: State, event: Event): Step<State, Event, Deed>;
  protected abstract perform(deed: Deed): void;
  /** Called once, before the last effects: the transaction is no longer to be found. */
  protected abstract ended(): void;

  protected feed(event: Event): void {
    const [state, effects] = this.step(this.#state, event);
    this.take(state, effects);
  }

  /** Enters `state` and performs what led there. */
  protected take(state: State, effects: readonly Effect<Event, Deed>[]): void {
    const before = this.#state.name;
    this.#state = state;
    if (state.name === "terminated" && before !== "terminated") {
      this.#repeat?.cancel();
      this.#limit?.cancel();
      this.ended();
    }
    for (let i = 0; i < effects.length; i++) this.#perform(effects[i]!);
  }

  /** Leaves at once and in silence. */
  protected end(terminated: State): void {
    this.take(terminated, []);
  }

  #perform(effect: Effect<Event, Deed>): void {
    if (effect.type === "do") return this.perform(effect.deed);
    if (effect.slot === "repeat") {
      this.#repeat?.cancel();
      this.#repeat = effect.type === "start" ? this.#start(effect.timer, effect.afterMs) : undefined;
    } else {
      this.#limit?.cancel();
      this.#limit = effect.type === "start" ? this.#start(effect.timer, effect.afterMs) : undefined;
    }
  }

  #start(timer: Event, afterMs: number): Timer {
    return this.#clock.after(afterMs, () => this.feed(timer));
  }
}
