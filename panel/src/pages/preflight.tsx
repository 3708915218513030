/** Everything between us and a trunk or gateway, tried one after the other: what passes, what fails, what to do. */
import { Button, Text } from "@mantine/core";
import { useState } from "react";
import { type Answer, api } from "../api/client.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Card, Problem, State } from "../parts/basics.tsx";

type Step = Answer<"/api/trunks/{trunk_id}/preflight", "post">["steps"][number];
const TONE = { pass: "good", fail: "bad", skip: "idle" } as const;

export function Preflight({ trunkId }: { readonly trunkId: string }) {
  const { t, maybe } = useI18n();
  const [steps, setSteps] = useState<readonly Step[]>();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const run = async () => {
    setBusy(true);
    setError(undefined);
    try {
      setSteps((await api.post("/api/trunks/{trunk_id}/preflight", { path: { trunk_id: trunkId } })).steps);
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Card
      title={t("preflight.title")}
      actions={
        <Button size="xs" variant="default" loading={busy} onClick={() => void run()}>
          {steps === undefined ? t("preflight.run") : t("preflight.again")}
        </Button>
      }
    >
      <Problem error={error} />
      {steps === undefined ? (
        <Text size="sm" c="dimmed">
          {t("preflight.lead")}
        </Text>
      ) : (
        <ul style={{ listStyle: "none", margin: 0, padding: 0, display: "grid", gap: "0.55rem" }}>
          {steps.map(({ step, result, found, advice }) => (
            <li key={step}>
              <State tone={TONE[result]}>
                <Text component="span" size="sm" fw={600}>
                  {maybe(`preflight.step.${step}`, step)}
                </Text>
                <Text component="span" size="sm" c="dimmed">
                  {t(`preflight.${result}`)}
                </Text>
              </State>
              <Text size="sm" pl={17} style={{ overflowWrap: "anywhere" }}>
                {found}
                {result === "fail" && advice !== "" && <strong>{` ${advice}`}</strong>}
              </Text>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}
