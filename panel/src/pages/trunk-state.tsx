/** How a trunk or gateway is, in one word and colour. */
import { useI18n } from "../i18n/i18n.tsx";
import { State, type Tone } from "../parts/basics.tsx";

const TONES: Readonly<Record<string, Tone>> = {
  up: "good",
  unknown: "idle",
  down: "bad",
  resting: "warn",
  draining: "warn",
  maintenance: "idle",
  inbound_only: "good",
};

export function TrunkState({
  status,
}: {
  readonly status: { readonly state: string; readonly registration?: { readonly status: string } | null } | undefined;
}) {
  const { maybe, t } = useI18n();
  if (status === undefined) return <State tone="idle">…</State>;
  if (status.registration?.status === "failed") return <State tone="bad">{t("registration.failed")}</State>;
  return <State tone={TONES[status.state] ?? "idle"}>{maybe(`state.${status.state}`, status.state)}</State>;
}
