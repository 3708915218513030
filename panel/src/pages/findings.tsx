/** What a diagnosis found: what it is, what shows it, what to do. Evidence leads to its message in the ladder. */
import { Anchor, Text } from "@mantine/core";
import type { Answer } from "../api/client.ts";
import { findingText } from "../i18n/findings.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Card } from "../parts/basics.tsx";

type Finding = Answer<"/api/calls/{call_id}">["findings"][number];
const TONE = { error: "bad", warning: "warn", note: "idle" } as const;

export function Findings({ findings, read }: { readonly findings: readonly Finding[]; readonly read: (message: number) => void }) {
  const { t, language } = useI18n();
  return (
    <Card title={t("findings.title")}>
      <ul style={{ listStyle: "none", margin: 0, padding: 0, display: "grid", gap: "0.8rem" }}>
        {findings.map(({ code, severity, evidence, ...said }) => {
          const { title, advice } = findingText(language, code, said);
          return (
            <li key={code} style={{ borderLeft: `3px solid var(--panel-${TONE[severity]})`, paddingLeft: "0.75rem" }}>
              <Text size="sm" fw={600}>
                {title}
              </Text>
              {evidence.map(({ text, message }, i) => (
                <Text key={i} size="sm" c="dimmed" style={{ overflowWrap: "anywhere" }}>
                  {text}{" "}
                  {message !== null && (
                    <Anchor component="button" type="button" size="sm" onClick={() => read(message)}>
                      {t("findings.read", { number: message })}
                    </Anchor>
                  )}
                </Text>
              ))}
              <Text size="sm">{advice}</Text>
            </li>
          );
        })}
      </ul>
    </Card>
  );
}
