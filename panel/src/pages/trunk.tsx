/** One trunk: how it is, its check before service, its fields. */
import { Button, Group, Modal, Stack, Text } from "@mantine/core";
import { useNavigate, useParams } from "@tanstack/react-router";
import { useState } from "react";
import { type Answer, api } from "../api/client.ts";
import { useFeatures } from "../api/features.ts";
import { outOfDate, useApi } from "../api/queries.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Card, Loaded, Page, Pairs, Problem, State, Tile } from "../parts/basics.tsx";
import { Preflight } from "./preflight.tsx";
import { TrunkForm } from "./trunk-form.tsx";
import { TrunkState } from "./trunk-state.tsx";

type Trunk = Answer<"/api/trunks/{trunk_id}">;
type Status = Answer<"/api/trunks/{trunk_id}/status">;
const EVERY_MS = 3_000;
export const PREFLIGHT = "/api/trunks/{trunk_id}/preflight";

export function TrunkPage() {
  const { trunkId } = useParams({ from: "/trunks/$trunkId" });
  const path = { trunk_id: trunkId };
  const { t } = useI18n();
  const { has, may } = useFeatures();
  const trunk = useApi("/api/trunks/{trunk_id}", { path });
  const status = useApi("/api/trunks/{trunk_id}/status", { path }, { everyMs: EVERY_MS });
  const [saved, setSaved] = useState(false);
  return (
    <Loaded query={trunk}>
      {(one) => {
        const editable = may("trunks:write") && one.managed_by !== "file";
        return (
          <Page
            title={one.name}
            lead={
              <Group gap="md">
                <span className="mono">{one.trunk_id}</span>
                {one.is_active ? <TrunkState status={status.data} /> : <State tone="idle">{t("trunk.inactive")}</State>}
              </Group>
            }
            actions={editable && <Actions trunk={one} />}
          >
            <Stack gap="md">
              <Loaded query={status}>{(now) => <Standing status={now} />}</Loaded>
              {has(PREFLIGHT, "post") && may("trunks:write") && <Preflight trunkId={one.trunk_id} />}
              <Card title={t("trunk.settings")}>
                {editable ? (
                  <>
                    <TrunkForm key={one.trunk_id} trunk={one} submit={t("action.save")} onDone={() => setSaved(true)} />
                    <Text size="sm" role="status" mt="xs">
                      {saved ? t("state.saved") : ""}
                    </Text>
                  </>
                ) : (
                  <Fields trunk={one} />
                )}
              </Card>
            </Stack>
          </Page>
        );
      }}
    </Loaded>
  );
}

function Standing({ status }: { readonly status: Status }) {
  const { t, format, maybe } = useI18n();
  const { calls, registration, targets, last_errors, reason } = status;
  return (
    <>
      <div className="tiles">
        <Tile name={t("overview.now")} value={`${format.number(status.active_calls)} / ${format.number(status.max_concurrent_calls)}`} />
        <Tile name={t("overview.calls")} value={format.number(calls.total)} note={t("overview.failed", { count: calls.failed })} />
        <Tile name={t("overview.asr")} value={format.percent(calls.success_rate)} />
        {registration !== null && (
          <Tile
            name={t("trunk.registration")}
            value={
              <Text component="span" fw={600}>
                {t(`registration.${registration.status}`)}
              </Text>
            }
            note={registration.reason === "" ? format.moment(registration.since) : registration.reason}
          />
        )}
      </div>
      <div className="split">
        <Card title={t("trunk.targets")}>
          {reason !== "" && (
            <Text size="sm" c="dimmed" mb="xs">
              {reason}
            </Text>
          )}
          {targets.length === 0 ? (
            <Text size="sm" c="dimmed">
              {t("trunk.noTargets")}
            </Text>
          ) : (
            <Pairs
              of={targets.map(({ target, is_up, cause, probe_status, probe_rtt_ms }) => [
                <span key="t" className="mono">
                  {target}
                </span>,
                <State key="s" tone={is_up ? "good" : "bad"}>
                  {is_up ? maybe("state.up", "up") : cause}
                  {probe_status === null ? "" : ` · OPTIONS ${probe_status} · ${format.number(probe_rtt_ms)} ms`}
                </State>,
              ])}
            />
          )}
        </Card>
        {last_errors.length > 0 && (
          <Card title={t("trunk.lastErrors")}>
            <Pairs of={last_errors.map(({ at, target, reason: why }) => [format.moment(at), `${target}: ${why}`])} />
          </Card>
        )}
      </div>
    </>
  );
}

function Fields({ trunk }: { readonly trunk: Trunk }) {
  const { t, format } = useI18n();
  const list = (values: readonly string[]): string => (values.length === 0 ? "–" : values.join(", "));
  return (
    <>
      {trunk.managed_by === "file" && (
        <Text size="sm" c="dimmed" mb="sm">
          {t("resource.inFile")}
        </Text>
      )}
      <Pairs
        of={[
          [
            t("trunk.address"),
            <span
              key="a"
              className="mono"
            >{`${trunk.proxy_address ?? "–"}${trunk.proxy_port === null ? "" : `:${trunk.proxy_port}`} ${trunk.transport}`}</span>,
          ],
          [t("field.provider"), trunk.provider],
          [t("field.username"), trunk.username ?? "–"],
          [
            t("field.allowed_ips"),
            <span key="i" className="mono">
              {list(trunk.allowed_ips)}
            </span>,
          ],
          [t("field.preferred_codecs"), list(trunk.preferred_codecs)],
          [t("field.max_concurrent_calls"), format.number(trunk.max_concurrent_calls)],
          [t("field.calls_per_second_limit"), format.number(trunk.calls_per_second_limit)],
          [t("field.backup_trunks"), list(trunk.backup_trunks)],
        ]}
      />
    </>
  );
}

function Actions({ trunk: { trunk_id, is_active } }: { readonly trunk: Trunk }) {
  const { t } = useI18n();
  const navigate = useNavigate();
  const [error, setError] = useState<unknown>();
  const [asking, setAsking] = useState(false);
  const act = (what: () => Promise<unknown>) => {
    setError(undefined);
    what()
      .then(() => outOfDate("/api/trunks"))
      .catch(setError);
  };
  const path = { trunk_id };
  return (
    <>
      <Button
        variant="default"
        onClick={() => act(() => api.post(is_active ? "/api/trunks/{trunk_id}/deactivate" : "/api/trunks/{trunk_id}/activate", { path }))}
      >
        {is_active ? t("trunk.deactivate") : t("trunk.activate")}
      </Button>
      <Button variant="default" c="var(--mantine-color-error)" onClick={() => setAsking(true)}>
        {t("action.delete")}
      </Button>
      <Modal
        opened={asking}
        onClose={() => setAsking(false)}
        title={t("trunk.deleteTitle", { name: trunk_id })}
        closeButtonProps={{ "aria-label": t("action.close") }}
      >
        <Text size="sm">{t("trunk.deleteText")}</Text>
        <Problem error={error} />
        <Group justify="flex-end" mt="md">
          <Button variant="default" onClick={() => setAsking(false)}>
            {t("action.cancel")}
          </Button>
          <Button
            color="red.8"
            onClick={() =>
              act(async () => {
                await api.delete("/api/trunks/{trunk_id}", { path });
                await navigate({ to: "/trunks" });
              })
            }
          >
            {t("action.delete")}
          </Button>
        </Group>
      </Modal>
      {!asking && <Problem error={error} />}
    </>
  );
}
