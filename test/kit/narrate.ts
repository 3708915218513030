/** Plays events to a machine and writes down each state and its effects: for the tests of the four machines. */
import type { Effect, Step } from "#sip/transaction/machine.ts";

export function narrate<State extends { readonly name: string }, Event extends string, Deed extends string>(
  first: Step<State, Event, Deed>,
  step: (state: State, event: Event) => Step<State, Event, Deed>,
  events: readonly Event[],
): string {
  let [state, effects] = first;
  let text = `\n${state.name}: ${words(effects)}`;
  for (const event of events) {
    [state, effects] = step(state, event);
    text += `\n${event} → ${state.name}: ${words(effects)}`;
  }
  return text;
}

function words(effects: readonly Effect<string, string>[]): string {
  if (effects.length === 0) return "-";
  return effects
    .map((effect) => {
      if (effect.type === "do") return effect.deed;
      return effect.type === "stop" ? `stop ${effect.slot}` : `start ${effect.timer} ${effect.afterMs}`;
    })
    .join(", ");
}
