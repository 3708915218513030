/** Where a call would go: the very decision that a call gets, without calling anybody. */
import { Button, Select, SimpleGrid, Stack, Text, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMemo, useState } from "react";
import { type Answer, ApiError, api } from "../api/client.ts";
import { useApi } from "../api/queries.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Card, Page, Pairs, Problem, State } from "../parts/basics.tsx";
import { type Column, DataTable } from "../parts/data-table.tsx";

type Decision = Answer<"/api/route", "post">;

export function Simulator() {
  const { t } = useI18n();
  const trunks = useApi("/api/trunks");
  const gateways = useApi("/api/gateways/status");
  const [decision, setDecision] = useState<Decision>();
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const form = useForm({
    initialValues: { to: "", from: "", trunk: "", source: "", at: "" },
    validate: { to: (value) => (value.trim() === "" ? t("field.needed") : null) },
  });
  const ask = form.onSubmit(async ({ to, from, trunk, source, at }) => {
    setBusy(true);
    setError(undefined);
    setDecision(undefined);
    try {
      setDecision(
        await api.post("/api/route", {
          body: {
            to: to.trim(),
            ...(from.trim() !== "" && { from: from.trim() }),
            ...(trunk !== "" && { trunk }),
            ...(source.trim() !== "" && { source: source.trim() }),
            ...(at !== "" && { at: new Date(at).toISOString() }),
          },
        }),
      );
    } catch (failure) {
      setError(failure);
      if (failure instanceof ApiError) form.setErrors(Object.fromEntries(failure.errors.map(({ field, message }) => [field, message])));
    } finally {
      setBusy(false);
    }
  });
  const peers = [
    ...new Set([...(trunks.data?.items ?? []).map(({ trunk_id }) => trunk_id), ...(gateways.data?.items ?? []).map(({ name }) => name)]),
  ];
  return (
    <Page title={t("nav.simulator")} lead={t("simulator.lead")}>
      <Stack gap="md">
        <Card>
          <form onSubmit={ask} noValidate>
            <SimpleGrid cols={{ base: 1, xs: 2, md: 3 }} spacing="sm">
              <TextInput label={t("simulator.to")} placeholder="+15551234567" withAsterisk {...form.getInputProps("to")} />
              <TextInput label={t("simulator.from")} placeholder="+4930123456" {...form.getInputProps("from")} />
              <Select
                label={t("simulator.peer")}
                data={[{ value: "", label: t("simulator.firstTrunk") }, ...peers]}
                searchable
                {...form.getInputProps("trunk")}
              />
              <TextInput
                label={t("simulator.source")}
                description={t("simulator.sourceHint")}
                placeholder="203.0.113.7"
                {...form.getInputProps("source")}
              />
              <TextInput
                label={t("simulator.at")}
                description={t("simulator.atHint")}
                type="datetime-local"
                {...form.getInputProps("at")}
              />
            </SimpleGrid>
            <Problem error={error} shown={Object.keys(form.errors)} />
            <Button type="submit" mt="sm" loading={busy}>
              {t("simulator.ask")}
            </Button>
          </form>
        </Card>
        <div aria-live="polite">{decision !== undefined && <Decided decision={decision} />}</div>
      </Stack>
    </Page>
  );
}

function Decided({ decision }: { readonly decision: Decision }) {
  const { t } = useI18n();
  const { outcome, attempts, skipped } = decision;
  const columns = useMemo(
    (): readonly Column<Decision["attempts"][number] & { readonly place: number }>[] => [
      { id: "n", title: "#", cell: ({ place }) => place },
      { id: "peer", title: t("call.peer"), cell: ({ peer }) => peer },
      { id: "uri", title: t("field.uri"), cell: ({ request_uri }) => <span className="mono">{request_uri}</span> },
      { id: "from", title: t("call.from"), wide: true, cell: ({ from_number }) => <span className="mono">{from_number}</span> },
      { id: "when", title: t("simulator.when"), wide: true, cell: ({ when }) => when || t("simulator.afterThose") },
    ],
    [t],
  );
  return (
    <Stack gap="md">
      <Card
        title={outcome === "dial" ? <State tone="good">{t("simulator.dial")}</State> : <State tone="bad">{t("simulator.reject")}</State>}
      >
        <Pairs
          of={[
            [t("simulator.peer"), decision.from_peer === "" ? t("simulator.nobody") : `${decision.from_peer} (${decision.identified_by})`],
            decision.route !== "" && [t("call.route"), decision.route],
            [
              t("call.from"),
              <span key="f" className="mono">
                {decision.from_number || "–"}
              </span>,
            ],
            [
              t("call.to"),
              <span key="t" className="mono">
                {decision.to_number}
              </span>,
            ],
            outcome === "reject" && [t("call.outcome"), decision.sip_status === 0 ? t("simulator.silence") : decision.sip_status],
            decision.reason !== "" && [t("call.reason"), decision.reason],
          ]}
        />
      </Card>
      {attempts.length > 0 && (
        <Card title={t("simulator.attempts")} flush>
          <DataTable
            label={t("simulator.attempts")}
            columns={columns}
            rows={attempts.map((one, i) => ({ ...one, place: i + 1 }))}
            keyOf={({ place }) => String(place)}
            empty={null}
          />
        </Card>
      )}
      {skipped.length > 0 && (
        <Card title={t("call.skipped")}>
          <Pairs of={skipped.map(({ peer, reason }) => [peer, reason])} />
        </Card>
      )}
      {attempts.length === 0 && outcome === "dial" && <Text size="sm">{t("call.noAttempts")}</Text>}
    </Stack>
  );
}
