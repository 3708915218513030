/** One call, while it is up and after: what it is, what is wrong with it, its messages, attempts and audio. */
import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useParams } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { type Answer, ask, filled } from "../api/client.ts";
import { useFeatures } from "../api/features.ts";
import { useIsLive } from "../api/live.ts";
import { outOfDate, useAnything, useApi } from "../api/queries.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Card, Empty, Loaded, Page, Pairs, Problem, State } from "../parts/basics.tsx";
import { type Column, DataTable } from "../parts/data-table.tsx";
import { type CallLadder, LadderWithText } from "../parts/ladder.tsx";
import { TONE_OF_STATUS, useNow } from "./calls.tsx";
import { type Finding, Findings } from "./findings.tsx";
import { toneOfOutcome } from "./outcomes.ts";

type Call = Answer<"/api/calls/{call_id}">;
type CallRecord = NonNullable<Call["record"]>;
type Leg = CallRecord["legs"][number];
interface Attempt {
  readonly number: number;
  readonly peer: string;
  readonly target: string;
  readonly status: number;
  readonly outcome: string;
  readonly reason: string;
  readonly duration_ms?: number;
}
type Skipped = CallRecord["skipped"][number];
/** What only newer answers have. */
interface More {
  readonly findings?: readonly Finding[];
  readonly attempts?: readonly Attempt[];
  readonly skipped?: readonly Skipped[];
}

const LADDER = "/api/calls/{call_id}/ladder";
const UP_MS = 1_000;

export function CallPage() {
  const { callId } = useParams({ from: "/calls/$callId" });
  const { t } = useI18n();
  const { has, may } = useFeatures();
  const live = useIsLive();
  const [isUp, setUp] = useState(true);
  const query = useApi("/api/calls/{call_id}", { path: { call_id: callId } }, isUp ? { everyMs: live ? 2 * UP_MS : UP_MS } : {});
  const ladder = useAnything<CallLadder>(filled(LADDER, { call_id: callId }), undefined, {
    enabled: has(LADDER),
    ...(isUp && { everyMs: 2 * UP_MS }),
  });
  const nowUp = query.data === undefined || query.data.active !== null;
  if (nowUp !== isUp) setUp(nowUp);
  return (
    <Loaded query={query}>
      {({ active, record, ...rest }) => {
        const more = rest as More;
        const one = active ?? record;
        const attempts = more.attempts ?? record?.attempts ?? [];
        const skipped = more.skipped ?? record?.skipped ?? [];
        return (
          <Page
            title={`${one?.from_number || t("call.anonymous")} → ${one?.to_number ?? ""}`}
            lead={<span className="mono">{callId}</span>}
            actions={active !== null && may("calls:write") && <HangUp callId={callId} />}
          >
            <Stack gap="md">
              {(more.findings ?? []).length > 0 && <Findings findings={more.findings ?? []} />}
              <div className="split">
                <Card title={t("call.summary")}>
                  {active === null ? record === null ? null : <Ended record={record} /> : <Up call={active} />}
                </Card>
                <Card title={t("call.attempts")} flush>
                  <Attempts attempts={attempts} skipped={skipped} />
                </Card>
              </div>
              {has(LADDER) && (
                <Card title={t("ladder.title")} flush>
                  <Loaded query={ladder}>{(drawn) => <LadderWithText ladder={drawn} />}</Loaded>
                </Card>
              )}
              {record !== null && <Legs legs={record.legs} />}
            </Stack>
          </Page>
        );
      }}
    </Loaded>
  );
}

function Up({ call }: { readonly call: NonNullable<Call["active"]> }) {
  const { t, format } = useI18n();
  const now = useNow();
  return (
    <Pairs
      of={[
        [
          t("call.state"),
          <State key="s" tone={TONE_OF_STATUS[call.status]}>
            {call.on_hold ? t("call.onHold") : t(`call.state.${call.status}`)}
          </State>,
        ],
        [t("call.path"), `${call.from_peer} → ${call.to_peer === "" ? "…" : call.to_peer}`],
        [t("call.started"), format.moment(call.started_at)],
        [
          t("call.duration"),
          <span key="d" className="num">
            {format.duration((now - new Date(call.answered_at ?? call.started_at).getTime()) / 1000)}
          </span>,
        ],
      ]}
    />
  );
}

function Ended({ record }: { readonly record: CallRecord }) {
  const { t, format, maybe } = useI18n();
  return (
    <Pairs
      of={[
        [
          t("call.outcome"),
          <State
            key="o"
            tone={toneOfOutcome(record.outcome)}
          >{`${maybe(`outcome.${record.outcome}`, record.outcome)} · ${record.sip_status}`}</State>,
        ],
        [t("call.endReason"), record.end_reason],
        [t("call.endedBy"), maybe(`endedBy.${record.ended_by}`, record.ended_by)],
        record.provider !== null && [t("trunk.provider"), record.provider],
        record.route !== "" && [t("call.route"), record.route],
        [t("call.started"), format.moment(record.started_at)],
        [t("call.setup"), `${format.number(record.setup_ms)} ms`],
        [t("call.duration"), format.duration(record.duration_seconds)],
      ]}
    />
  );
}

function Attempts({ attempts, skipped }: { readonly attempts: readonly Attempt[]; readonly skipped: readonly Skipped[] }) {
  const { t, maybe, format } = useI18n();
  const columns = useMemo(
    (): readonly Column<Attempt>[] => [
      { id: "n", title: "#", cell: ({ number }) => number },
      { id: "peer", title: t("call.peer"), cell: ({ peer, target }) => <span title={target}>{peer}</span> },
      {
        id: "outcome",
        title: t("call.outcome"),
        cell: ({ outcome, status }) => (
          <State
            tone={toneOfOutcome(outcome)}
          >{`${outcome === "" ? "…" : maybe(`outcome.${outcome}`, outcome)}${status > 0 ? ` · ${status}` : ""}`}</State>
        ),
      },
      { id: "reason", title: t("call.reason"), wide: true, cell: ({ reason }) => reason },
      { id: "ms", title: "ms", end: true, cell: ({ duration_ms }) => format.number(duration_ms) },
    ],
    [t, maybe, format],
  );
  return (
    <>
      <DataTable
        label={t("call.attempts")}
        columns={columns}
        rows={attempts}
        keyOf={({ number, peer }) => `${number} ${peer}`}
        empty={
          <Text size="sm" c="dimmed" px="md" pb="md">
            {t("call.noAttempts")}
          </Text>
        }
      />
      {skipped.length > 0 && (
        <div style={{ padding: "0.6rem 1rem 0.9rem", borderTop: "1px solid var(--panel-line)" }}>
          <Text size="sm" fw={600} mb={4}>
            {t("call.skipped")}
          </Text>
          <Pairs of={skipped.map(({ peer, reason }) => [peer, reason])} />
        </div>
      )}
    </>
  );
}

function Legs({ legs }: { readonly legs: readonly Leg[] }) {
  const { t, format } = useI18n();
  const columns = useMemo(
    (): readonly Column<Leg>[] => [
      {
        id: "leg",
        title: t("call.leg"),
        cell: ({ peer, direction }) => `${peer} · ${direction === "inbound" ? t("call.inbound") : t("call.outbound")}`,
      },
      { id: "codec", title: t("call.codec"), cell: ({ codec }) => codec || "–" },
      {
        id: "in",
        title: t("call.received"),
        end: true,
        cell: ({ packets_received }) => (packets_received === 0 ? <State tone="bad">0</State> : format.number(packets_received)),
      },
      { id: "out", title: t("call.sent"), end: true, cell: ({ packets_sent }) => format.number(packets_sent) },
      {
        id: "lost",
        title: t("call.lost"),
        end: true,
        cell: ({ packets_lost, packets_received }) =>
          `${format.number(packets_lost)} (${format.percent(packets_lost + packets_received === 0 ? 0 : packets_lost / (packets_lost + packets_received))})`,
      },
      { id: "jitter", title: t("call.jitter"), end: true, cell: ({ jitter_ms }) => `${format.number(jitter_ms, 1)} ms` },
      { id: "address", title: t("call.address"), wide: true, cell: ({ remote_address }) => <span className="mono">{remote_address}</span> },
    ],
    [t, format],
  );
  return (
    <Card title={t("call.quality")} flush>
      <DataTable
        label={t("call.quality")}
        columns={columns}
        rows={legs}
        keyOf={({ leg }) => leg}
        empty={<Empty title={t("call.noAudio")} />}
      />
    </Card>
  );
}

function HangUp({ callId }: { readonly callId: string }) {
  const { t } = useI18n();
  const [asking, setAsking] = useState(false);
  const [error, setError] = useState<unknown>();
  const end = async () => {
    try {
      await ask("delete", filled("/api/calls/{call_id}", { call_id: callId }));
      setAsking(false);
      outOfDate("/api/calls");
    } catch (failure) {
      setError(failure);
    }
  };
  return (
    <>
      <Button color="red.8" onClick={() => setAsking(true)}>
        {t("call.hangUp")}
      </Button>
      <Modal
        opened={asking}
        onClose={() => setAsking(false)}
        title={t("call.hangUpTitle")}
        closeButtonProps={{ "aria-label": t("action.close") }}
      >
        <Text size="sm">{t("call.hangUpText")}</Text>
        <Problem error={error} />
        <Group justify="flex-end" mt="md">
          <Button variant="default" onClick={() => setAsking(false)}>
            {t("action.cancel")}
          </Button>
          <Button color="red.8" onClick={() => void end()}>
            {t("call.hangUp")}
          </Button>
        </Group>
      </Modal>
    </>
  );
}
