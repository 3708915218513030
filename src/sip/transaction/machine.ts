/**
 * What the four transaction machines (RFC 3261 §17, RFC 6026) have in common: a step takes a state and an
 * event and gives the next state and effects, all of them plain data made once. `running.ts` performs them.
 *
 * A machine has at most two timers at a time, so they live in two slots: `repeat` (A, E, G and the delay
 * of a late 100) and `limit` (B, D, F, H, I, J, K, L, M and those of our own names). Starting a timer
 * replaces the one in its slot; leaving for "terminated" stops both.
 */

export type Slot = "repeat" | "limit";

/** @typeParam Event what the timer becomes when it fires
 *  @typeParam Deed what only the driver can do: send something, tell the user something */
export type Effect<Event extends string, Deed extends string> =
  | { readonly type: "start"; readonly slot: Slot; readonly timer: Event; readonly afterMs: number }
  | { readonly type: "stop"; readonly slot: Slot }
  | { readonly type: "do"; readonly deed: Deed };

/** Effects are performed in order; those that call the user stand last, because the user may call back. */
export type Step<State, Event extends string, Deed extends string> = readonly [state: State, effects: readonly Effect<Event, Deed>[]];

export const NO_EFFECTS: readonly never[] = [];

export const start = <Event extends string>(slot: Slot, timer: Event, afterMs: number) =>
  ({ type: "start", slot, timer, afterMs }) as const;
export const stop = (slot: Slot) => ({ type: "stop", slot }) as const;
export const perform = <Deed extends string>(deed: Deed) => ({ type: "do", deed }) as const;

/** Which event a response is to a client transaction. */
export type ResponseClass = "1xx" | "2xx" | "3xx-6xx";
export const responseClass = (status: number): ResponseClass => (status < 200 ? "1xx" : status < 300 ? "2xx" : "3xx-6xx");
