/**
 * One-time permissions for `tandem call`: who holds a ticket may call once as if from that trunk. Issued
 * over the control socket, which only the owner can open; short-lived and unguessable.
 */
import type { Clock } from "#base/clock.ts";
import type { Random } from "#base/ids.ts";

const LIFETIME_MS = 30_000;
const TICKETS_MAX = 100;

export class TestTickets {
  readonly #clock: Pick<Clock, "nowMs">;
  readonly #random: Random;
  readonly #tickets = new Map<string, { readonly trunk: string; readonly untilMs: number }>();

  constructor(clock: Pick<Clock, "nowMs">, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  issue(trunk: string): string {
    // 96 bits.
    const ticket = [0, 0, 0].map(() => this.#random.integer(2 ** 32).toString(36)).join("-");
    this.#tickets.set(ticket, { trunk, untilMs: this.#clock.nowMs() + LIFETIME_MS });
    if (this.#tickets.size > TICKETS_MAX) this.#tickets.delete(this.#tickets.keys().next().value!);
    return ticket;
  }

  /** The trunk that it lets the bearer call from, and only until its time is over. */
  trunkOf(ticket: string): string | undefined {
    const known = this.#tickets.get(ticket);
    if (known === undefined || known.untilMs < this.#clock.nowMs()) {
      this.#tickets.delete(ticket);
      return undefined;
    }
    return known.trunk;
  }

  /** The call is here: nobody else calls with it. */
  spend(ticket: string): void {
    this.#tickets.delete(ticket);
  }
}
