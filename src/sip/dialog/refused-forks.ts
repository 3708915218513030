/**
 * Answers that nobody wants: of a fork that came second, or of an INVITE that was given up (RFC 3261
 * §13.2.2.4). Each gets its ACK, again for every repeat, and one BYE.
 */
import type { ReceivedResponse } from "#sip/message/message.ts";
import type { Flow } from "#sip/transport/transport.ts";
import type { ConfirmedDialog } from "./confirmed-dialog.ts";
import { dialogOfUac, sequenceOf } from "./dialog.ts";
import type { DialogHost } from "./dialog-host.ts";
import type { InviteParameters } from "./user-agent.ts";

/** Of one INVITE; a network that forks wider repeats its 2xx until it gives up. */
const FORKS_MAX = 16;

export class RefusedForks {
  readonly #host: DialogHost;
  readonly #parameters: InviteParameters;
  readonly #dialogs = new Map<string, ConfirmedDialog>();

  constructor(host: DialogHost, parameters: InviteParameters) {
    this.#host = host;
    this.#parameters = parameters;
  }

  /** @param response a 2xx to the INVITE */
  receive(response: ReceivedResponse, flow: Flow): void {
    const tag = response.toTag();
    const known = this.#dialogs.get(tag);
    if (known !== undefined) return known.receiveStray(response, flow);
    if (this.#dialogs.size === FORKS_MAX) return;
    const dialog = this.#host.openDialog(dialogOfUac(this.#parameters, response, flow, true), undefined, sequenceOf(this.#parameters));
    this.#dialogs.set(tag, dialog);
    this.#host.enlistIfFree(this.#parameters.localTag, dialog);
    dialog.bye();
  }
}
