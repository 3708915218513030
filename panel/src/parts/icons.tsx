/** The few icons there are, drawn here: 24 × 24, strokes of the text's colour. They say nothing that no text beside them says. */
const PATHS = {
  overview: "M4 13h6V4H4zM14 20h6V11h-6zM4 20h6v-3H4zM14 7h6V4h-6z",
  calls: "M5 4h4l2 5-2.5 1.5a11 11 0 0 0 5 5L15 13l5 2v4a2 2 0 0 1-2 2A16 16 0 0 1 3 6a2 2 0 0 1 2-2",
  alerts: "M10 5a2 2 0 1 1 4 0 7 7 0 0 1 4 6v3l2 3H4l2-3v-3a7 7 0 0 1 4-6M9 17v1a3 3 0 0 0 6 0v-1",
  records: "M8 6h12M8 12h12M8 18h12M4 6h.01M4 12h.01M4 18h.01",
  simulator: "M6 19a3 3 0 1 0 0-6 3 3 0 0 0 0 6M18 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6M9 16h5a3 3 0 0 0 3-3v-2",
  trunks: "M4 20V10M9 20V6M14 20V4M19 20v-9",
  gateways: "M4 5h16v5H4zM4 14h16v5H4zM8 7.5h.01M8 16.5h.01",
  groups: "M9 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8M3 21v-1a5 5 0 0 1 5-5h2a5 5 0 0 1 5 5v1M16 3.5a4 4 0 0 1 0 7.5M21 21v-1a5 5 0 0 0-3-4.5",
  numbers: "M5 9h14M5 15h14M11 4 7 20M17 4l-4 16",
  limits: "M12 3l8 3v6c0 5-3.5 8-8 9-4.5-1-8-4-8-9V6zM9 12l2 2 4-4",
  webhooks: "M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1",
  access: "M8.5 19a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9M11.7 11.3 20 3M16 7l3 3",
  audit: "M9 4H6a1 1 0 0 0-1 1v15h14V5a1 1 0 0 0-1-1h-3M9 3h6v3H9zM9 12h6M9 16h4",
  guide: "M4 12l5 5L20 6",
  routes: "M4 6h5l6 12h5M17 15l3 3-3 3M17 3l3 3-3 3M15 6h5",
  menu: "M4 7h16M4 12h16M4 17h16",
  close: "M6 6l12 12M18 6 6 18",
  sun: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8M12 3v1M12 20v1M4.2 4.2l.8.8M19 19l.8.8M3 12h1M20 12h1M4.2 19.8l.8-.8M19 5l.8-.8",
  moon: "M20 14A8 8 0 0 1 10 4a8 8 0 1 0 10 10",
  leave: "M14 8V5H5v14h9v-3M10 12h11M18 9l3 3-3 3",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  docs: "M5 4h9l5 5v11H5zM14 4v5h5",
} as const;
export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 18 }: { readonly name: IconName; readonly size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.8"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}

export function Logo({ size = 26 }: { readonly size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="7" fill="#0f766e" />
      <g fill="none" stroke="#fff" strokeWidth="2.4" strokeLinecap="round" strokeLinejoin="round">
        <circle cx="10.5" cy="20" r="5" />
        <circle cx="21.5" cy="20" r="5" />
        <path d="M10.5 20 15 10h6.5M15 10l6.5 10" />
      </g>
    </svg>
  );
}
