/**
 * A machine in motion: holds the state, performs the effects, keeps the two timers.
 * The four subclasses (client-transaction.ts, server-transaction.ts) know messages; this knows none.
 */
import type { Timer } from "#base/clock.ts";
import type { Effect, Step } from "./machine.ts";
import type { Timed, TimerLists } from "./timer-lists.ts";

export abstract class Running<State extends { readonly name: string }, Event extends string, Deed extends string> implements Timed<Event> {
  readonly #timers: TimerLists;
  #state: State;
  #repeat: Timer | undefined;
  #limit: Timer | undefined;

  constructor(timers: TimerLists, state: State) {
    this.#timers = timers;
    this.#state = state;
  }

  get state(): State {
    return this.#state;
  }

  protected abstract step(state: State, event: Event): Step<State, Event, Deed>;
  protected abstract perform(deed: Deed): void;
  /** Called once, before the last effects: the transaction is no longer to be found. */
  protected abstract ended(): void;

  onTimer(event: Event): void {
    this.feed(event);
  }

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
      this.#repeat = effect.type === "start" ? this.#timers.after(effect.afterMs, this, effect.timer) : undefined;
    } else {
      this.#limit?.cancel();
      this.#limit = effect.type === "start" ? this.#timers.after(effect.afterMs, this, effect.timer) : undefined;
    }
  }
}
