/**
 * The messages of a call between its parties, drawn as a ladder. Each is a button: its text stands below. Retransmissions
 * are dashed, answers that say no are red.
 */
import { Text } from "@mantine/core";
import { useEffect, useRef, useState } from "react";
import type { Answer } from "../api/client.ts";
import { useI18n } from "../i18n/i18n.tsx";

export type CallLadder = Answer<"/api/calls/{call_id}/ladder">;
type LadderMessage = Extract<CallLadder["entries"][number], { readonly kind: "message" }>;

const ROW = 30;
const HEAD = 34;
const TIME = 62;
const COLUMN_MIN = 150;

export function Ladder({
  ladder,
  chosen,
  choose,
}: {
  readonly ladder: CallLadder;
  readonly chosen: number | undefined;
  readonly choose: (number: number) => void;
}) {
  const { t } = useI18n();
  const box = useRef<SVGSVGElement>(null);
  const { parties, entries } = ladder;
  const width = TIME + Math.max(parties.length, 2) * COLUMN_MIN;
  const height = HEAD + entries.length * ROW + 12;
  const x = (party: number): number => TIME + (party + 0.5) * COLUMN_MIN;
  /** Up and down, as in a list. */
  const move = (step: number): void => {
    const numbers = entries.filter((entry) => entry.kind === "message").map(({ number }) => number);
    const next = numbers[numbers.indexOf(chosen ?? numbers[0] ?? 0) + step];
    if (next === undefined) return;
    choose(next);
    box.current?.querySelector<SVGGElement>(`[data-number="${next}"]`)?.focus();
  };
  return (
    <div className="table-box">
      <svg ref={box} className="ladder" width={width} height={height} role="group" aria-label={t("ladder.title")}>
        <defs>
          <marker id="tip" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse">
            <path d="M0 0 8 4 0 8z" fill="context-stroke" />
          </marker>
        </defs>
        {parties.map(({ name, is_us }, i) => (
          <g key={`${name}${i}`}>
            <text x={x(i)} y={18} textAnchor="middle" fontWeight={is_us ? 700 : 600}>
              {name.length > 20 ? `${name.slice(0, 19)}…` : name}
              <title>{name}</title>
            </text>
            <line className="life" x1={x(i)} x2={x(i)} y1={26} y2={height} strokeWidth={is_us ? 2 : 1} />
          </g>
        ))}
        {entries.map((entry, row) => {
          const y = HEAD + row * ROW + ROW * 0.62;
          const at = (
            <text x={TIME - 10} y={y + 4} textAnchor="end" className="quiet" fontSize={11} pointerEvents="none">
              {offset(entry.offset_ms)}
            </text>
          );
          if (entry.kind === "note")
            return (
              <g key={row}>
                {at}
                <text x={TIME + 6} y={y + 4} className="quiet" fontStyle="italic">
                  {entry.text}
                </text>
              </g>
            );
          const { number, from, to, summary, status, retransmission } = entry;
          const stroke =
            status >= 400
              ? "var(--panel-bad)"
              : status >= 200 && status < 300
                ? "var(--panel-good)"
                : status >= 100
                  ? "var(--panel-idle)"
                  : "var(--panel-accent)";
          return (
            <g key={row}>
              <g
                className="step"
                role="button"
                data-number={number}
                tabIndex={number === (chosen ?? entries.find((one) => one.kind === "message")?.number) ? 0 : -1}
                aria-pressed={number === chosen}
                aria-label={t("ladder.message", { from: parties[from]?.name ?? "", to: parties[to]?.name ?? "", what: summary })}
                onClick={() => choose(number)}
                onKeyDown={(event) => {
                  const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
                  if (step === 0 && event.key !== "Enter" && event.key !== " ") return;
                  event.preventDefault();
                  if (step === 0) choose(number);
                  else move(step);
                }}
              >
                <rect className="hit" x={2} y={y - ROW * 0.62} width={width - 4} height={ROW} rx={5} />
                <text x={(x(from) + x(to)) / 2} y={y - 4} textAnchor="middle">
                  {summary}
                </text>
                <line
                  x1={x(from)}
                  x2={x(to)}
                  y1={y + 3}
                  y2={y + 3}
                  style={{ stroke }}
                  strokeWidth={1.5}
                  strokeDasharray={retransmission ? "4 3" : undefined}
                  markerEnd="url(#tip)"
                />
              </g>
              {at}
            </g>
          );
        })}
      </svg>
    </div>
  );
}

const offset = (ms: number): string => (ms < 10_000 ? `${(ms / 1000).toFixed(3)}` : (ms / 1000).toFixed(1));

export function LadderWithText({ ladder, wanted }: { readonly ladder: CallLadder; readonly wanted?: number | undefined }) {
  const { t } = useI18n();
  const [chosen, choose] = useState<number>();
  // What a finding points at.
  useEffect(() => {
    if (wanted !== undefined) choose(wanted);
  }, [wanted]);
  const message = ladder.entries.find((entry): entry is LadderMessage => entry.kind === "message" && entry.number === chosen);
  if (ladder.entries.length === 0)
    return (
      <Text size="sm" c="dimmed" p="md">
        {t("ladder.none")}
      </Text>
    );
  return (
    <div className="ladder-split">
      <Ladder ladder={ladder} chosen={chosen} choose={choose} />
      <div className="ladder-text" aria-live="polite">
        <div>
          {message === undefined ? (
            <Text size="sm" c="dimmed" p="sm">
              {t("ladder.choose")}
            </Text>
          ) : (
            <>
              <Text size="sm" px="md" pt="sm" c="dimmed">
                {`${ladder.parties[message.from]?.name ?? ""} → ${ladder.parties[message.to]?.name ?? ""} · ${message.transport} · ${message.listener}`}
              </Text>
              <pre className="message" tabIndex={0} aria-label={message.summary}>
                {message.text.replaceAll("\r", "")}
              </pre>
            </>
          )}
        </div>
      </div>
    </div>
  );
}
