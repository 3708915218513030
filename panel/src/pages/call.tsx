/** One call, while it is up and after: what it is, what is wrong with it, its messages, attempts and audio. */
import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useParams } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { type Answer, ask, filled } from "../api/client.ts";
import { useFeatures } from "../api/features.ts";
import { useIsLive } from "../api/live.ts";
import { outOfDate, useApi } from "../api/queries.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Card, Empty, Loaded, Page, Pairs, Problem, State } from "../parts/basics.tsx";
import { type Column, DataTable } from "../parts/data-table.tsx";
import { LadderWithText } from "../parts/ladder.tsx";
import { TONE_OF_STATUS, useNow } from "./calls.tsx";
import { Findings } from "./findings.tsx";
import { toneOfOutcome } from "./outcomes.ts";

type Call = Answer<"/api/calls/{call_id}">;
type CallRecord = NonNullable<Call["record"]>;
type Attempt = Call["attempts"][number];
type Quality = Call["quality"][number];

const LADDER = "/api/calls/{call_id}/ladder";
const UP_MS = 1_000;

export function CallPage() {
  const { callId } = useParams({ from: "/calls/$callId" });
  const { t } = useI18n();
  const { has, may } = useFeatures();
  const live = useIsLive();
  const [isUp, setUp] = useState(true);
  const [message, setMessage] = useState<number>();
  const query = useApi("/api/calls/{call_id}", { path: { call_id: callId } }, isUp ? { everyMs: live ? 2 * UP_MS : UP_MS } : {});
  const ladder = useApi(
    LADDER,
    { path: { call_id: callId } },
    {
      enabled: has(LADDER),
      ...(isUp && { everyMs: 2 * UP_MS }),
    },
  );
  const nowUp = query.data === undefined || query.data.active !== null;
  if (nowUp !== isUp) setUp(nowUp);
  return (
    <Loaded query={query}>
      {({ active, record, attempts, quality, findings }) => {
        const one = active ?? record;
        return (
          <Page
            title={`${one?.from_number || t("call.anonymous")} → ${one?.to_number ?? ""}`}
            lead={<span className="mono">{callId}</span>}
            actions={active !== null && may("calls:write") && <HangUp callId={callId} />}
          >
            <Stack gap="md">
              {findings.length > 0 && <Findings findings={findings} read={setMessage} />}
              <div className="split">
                <Card title={t("call.summary")}>
                  {active === null ? record === null ? null : <Ended record={record} /> : <Up call={active} />}
                </Card>
                <Card title={t("call.attempts")} flush>
                  <Attempts attempts={attempts} />
                </Card>
              </div>
              {has(LADDER) && (
                <Card title={t("ladder.title")} flush>
                  <Loaded query={ladder}>{(drawn) => <LadderWithText ladder={drawn} wanted={message} />}</Loaded>
                </Card>
              )}
              {record !== null && <Sound quality={quality} legs={record.legs} />}
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

function Attempts({ attempts: all }: { readonly attempts: readonly Attempt[] }) {
  const { t, maybe, format } = useI18n();
  const [attempts, skipped] = [all.filter((one) => !one.skipped), all.filter((one) => one.skipped)];
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

function Sound({ quality, legs }: { readonly quality: readonly Quality[]; readonly legs: CallRecord["legs"] }) {
  const { t, format } = useI18n();
  const columns = useMemo(
    (): readonly Column<Quality>[] => [
      { id: "leg", title: t("call.leg"), cell: ({ peer }) => peer },
      { id: "codec", title: t("call.codec"), cell: ({ codec }) => codec || "–" },
      {
        id: "in",
        title: t("call.received"),
        end: true,
        cell: ({ packets_received, silent }) => (silent ? <State tone="bad">{t("call.silent")}</State> : format.number(packets_received)),
      },
      { id: "out", title: t("call.sent"), end: true, cell: ({ packets_sent }) => format.number(packets_sent) },
      {
        id: "lost",
        title: t("call.lost"),
        end: true,
        cell: ({ loss_percent, packets_received }) =>
          packets_received === 0 ? (
            "–"
          ) : (
            <State tone={loss_percent >= 3 ? "bad" : loss_percent >= 1 ? "warn" : "good"}>{format.percent(loss_percent / 100)}</State>
          ),
      },
      { id: "jitter", title: t("call.jitter"), end: true, cell: ({ jitter_ms }) => `${format.number(jitter_ms, 1)} ms` },
      { id: "strays", title: t("call.strays"), end: true, wide: true, cell: ({ strays }) => format.number(strays) },
      {
        id: "address",
        title: t("call.address"),
        wide: true,
        cell: ({ leg }) => <span className="mono">{legs.find((one) => one.leg === leg)?.remote_address ?? ""}</span>,
      },
    ],
    [t, format, legs],
  );
  return (
    <Card title={t("call.quality")} flush>
      <DataTable
        label={t("call.quality")}
        columns={columns}
        rows={quality}
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
