/**
 * REFER in a call (RFC 3515): whoever may, moves the call to the number in Refer-To, by the same dial plan as a call of
 * its own. 202, then NOTIFY with what the new side said (message/sipfrag, RFC 3420), or none where Refer-Sub says no
 * (RFC 4488). The host of Refer-To is not looked at: nobody is sent to addresses that a peer names.
 */
import type { HeaderField, ReceivedRequest } from "#sip/message/message.ts";
import { parseNameAddr } from "#sip/message/parse-name-addr.ts";
import { reasonPhraseOf } from "#sip/message/reason-phrases.ts";
import { respondInDialog } from "#sip/dialog/respond.ts";
import type { Peer } from "#routing/snapshot.ts";
import type { PlaceName } from "./control.ts";
import type { Leg } from "./leg.ts";
import type { ServerTransaction } from "./ports.ts";
import type { TransferOrder, TransferRefusal } from "./transfer.ts";

/** Only where its peer's policy says so. */
export const mayTransfer = ({ peer }: Pick<Leg, "peer">): boolean => peer.transfers === true;
/** RFC 3261 §20.5: beside the Allow that all get. */
export const allowsRefer = (peer: Peer): readonly HeaderField[] => (mayTransfer({ peer }) ? ALLOW_REFER : NONE);
const ALLOW_REFER: readonly HeaderField[] = [["Allow", "REFER"]];
const NONE: readonly HeaderField[] = [];

export interface ReferDesk {
  transfer(order: TransferOrder): TransferRefusal | undefined;
  /** The side that was replaced has heard all there is. */
  farewell(leg: Leg): void;
  guard(run: () => void): void;
}

/** RFC 3515 §2.4.4: a subscription that was never asked for lasts as long as its call's set-up. */
const SUBSCRIPTION_S = 60;

export function onRefer(desk: ReferDesk, leg: Leg, transaction: ServerTransaction): void {
  const { request } = transaction;
  const refuse = (status: number): void => respondInDialog(transaction, status, reasonPhraseOf(status));
  const target = placeOf(request);
  if (target.type !== "place") return refuse(target.type === "replaces" ? 501 : 400);
  const silent = request.header("refer-sub")?.trim().toLowerCase().startsWith("false") === true;
  const cseq = request.cseq();
  const id = cseq.ok ? String(cseq.value.number) : "";
  let ended: number | undefined;
  const notify = (status: number, then: () => void = () => undefined): void => {
    const { dialog } = leg;
    if (silent || dialog === undefined) return then();
    const over = status >= 200;
    const headers: HeaderField[] = [
      ["Event", `refer;id=${id}`],
      ["Subscription-State", over ? "terminated;reason=noresource" : `active;expires=${SUBSCRIPTION_S}`],
    ];
    const body = `SIP/2.0 ${status} ${reasonPhraseOf(status)}\r\n`;
    dialog.request("NOTIFY", { headers, contentType: "message/sipfrag;version=2.0", body }, () => desk.guard(then));
  };
  const onEnd = (status: number): void => {
    ended = status;
    notify(status, () => (status < 300 ? desk.farewell(leg) : undefined));
  };
  const refusal = desk.transfer({ place: target.place, leaving: leg, by: leg.peer, passing: request, onEnd });
  if (refusal !== undefined) return refuse(refusal.status);
  respondInDialog(transaction, 202, reasonPhraseOf(202), { headers: silent ? [["Refer-Sub", "false"]] : [], body: "" });
  // RFC 3515 §2.4.4: "MUST immediately send a NOTIFY".
  if (ended === undefined) notify(100);
}

type Target = { readonly type: "place"; readonly place: PlaceName } | { readonly type: "bad" | "replaces" };

function placeOf(request: ReceivedRequest): Target {
  // RFC 3515 §2.1: exactly one.
  const [value, ...more] = request.headerValues("refer-to");
  const parsed = value === undefined || more.length > 0 ? undefined : parseNameAddr(value);
  if (parsed === undefined || !parsed.ok) return { type: "bad" };
  const { uri } = parsed.value;
  if (/(?:^|&)replaces=/i.test(uri.headers ?? "")) return { type: "replaces" };
  if (uri.user === undefined || uri.user === "") return { type: "bad" };
  return { type: "place", place: { kind: "number", name: uri.user } };
}
