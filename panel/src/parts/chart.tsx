/** A line or bars over time (uPlot, loaded with the pages that draw). The same numbers stand in a table for who can't see it. */
import { useComputedColorScheme } from "@mantine/core";
import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { useI18n } from "../i18n/i18n.tsx";

export interface Series {
  readonly label: string;
  /** A variable of the theme: "--panel-accent". */
  readonly color: string;
  readonly values: readonly (number | null)[];
}

/** A line that has just begun doesn't fill the picture. */
const SPAN_MIN_S = 300;

/** Of the times themselves: what uPlot makes of none or a single one are years. */
function spanOf(times: readonly number[]): [number, number] {
  const end = times.at(-1) ?? Date.now() / 1000;
  return [Math.min(times[0] ?? end, end - SPAN_MIN_S), end];
}

interface Props {
  readonly label: string;
  /** Epoch seconds. */
  readonly times: readonly number[];
  readonly series: readonly Series[];
  readonly bars?: boolean;
  readonly height?: number;
}

export function Chart({ label, times, series, bars = false, height = 170 }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(null);
  const shown = useRef(times);
  shown.current = times;
  const scheme = useComputedColorScheme("light", { getInitialValueInEffect: false });
  const { language } = useI18n();
  const shape = series.map(({ label: name, color }) => `${name}${color}`).join();
  const data = [times, ...series.map(({ values }) => values)] as unknown as uPlot.AlignedData;

  useEffect(() => {
    const host = box.current;
    if (host === null) return;
    const style = getComputedStyle(host);
    const colour = (name: string): string => style.getPropertyValue(name).trim();
    const [text, line] = [colour("--mantine-color-dimmed"), colour("--panel-line")];
    const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    const day = new Intl.DateTimeFormat(language, { day: "numeric", month: "short" });
    const axis = { stroke: text, font: "11px system-ui", grid: { stroke: line, width: 1 }, ticks: { show: false } };
    const made = new uPlot(
      {
        width: host.clientWidth,
        height,
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false } },
        scales: {
          x: { range: () => spanOf(shown.current) },
          y: { range: (_, __, max) => [0, Math.max(1, Math.ceil(max * 1.1))] },
        },
        axes: [
          {
            ...axis,
            size: 26,
            values: (_, splits) =>
              splits.map((at) => (new Date(at * 1000).getHours() + new Date(at * 1000).getMinutes() === 0 ? day : clock).format(at * 1000)),
          },
          { ...axis, size: 38, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000] },
        ],
        series: [
          {},
          ...series.map(({ label: name, color }): uPlot.Series => {
            const stroke = colour(color);
            return {
              label: name,
              stroke,
              width: 1.6,
              fill: `${stroke}${bars ? "cc" : "1f"}`,
              points: { show: false },
              ...(bars && { paths: uPlot.paths.bars!({ size: [0.7, 26] }) }),
            };
          }),
        ],
      },
      data,
      host,
    );
    plot.current = made;
    const watcher = new ResizeObserver(() => made.setSize({ width: host.clientWidth, height }));
    watcher.observe(host);
    return () => {
      watcher.disconnect();
      made.destroy();
      plot.current = null;
    };
    // Anew only when what it looks like changes; numbers go in below.
  }, [scheme, shape, bars, height, language]);

  useEffect(() => plot.current?.setData(data), [data]);

  const last = series.map(({ label: name, values }) => `${name}: ${values.at(-1) ?? "–"}`).join(", ");
  return <div ref={box} role="img" aria-label={`${label}. ${last}`} style={{ height }} />;
}
