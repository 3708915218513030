/** What a diagnosis found: what it is, what shows it, what to do. */
import { Text } from "@mantine/core";
import { useI18n } from "../i18n/i18n.tsx";
import { Card, type Tone } from "../parts/basics.tsx";

export interface Finding {
  readonly code: string;
  readonly severity: string;
  readonly title: string;
  readonly evidence: string | readonly (string | { readonly text: string })[];
  readonly advice: string;
}
const TONE: Readonly<Record<string, Tone>> = { error: "bad", warning: "warn" };

export function Findings({ findings }: { readonly findings: readonly Finding[] }) {
  const { t } = useI18n();
  return (
    <Card title={t("findings.title")}>
      <ul style={{ listStyle: "none", margin: 0, padding: 0, display: "grid", gap: "0.8rem" }}>
        {findings.map(({ code, severity, title, evidence, advice }) => (
          <li key={code} style={{ borderLeft: `3px solid var(--panel-${TONE[severity] ?? "idle"})`, paddingLeft: "0.75rem" }}>
            <Text size="sm" fw={600}>
              {title}
            </Text>
            {(typeof evidence === "string" ? [evidence] : evidence).map((one, i) => (
              <Text key={i} size="sm" c="dimmed" style={{ overflowWrap: "anywhere" }}>
                {typeof one === "string" ? one : one.text}
              </Text>
            ))}
            <Text size="sm">{advice}</Text>
          </li>
        ))}
      </ul>
    </Card>
  );
}
