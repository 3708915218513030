/** What the panel has, and what a Tandem must offer and a user may do for it to be shown. */
import type { Features } from "../api/features.ts";
import type { Key } from "../i18n/dictionary.ts";
import type { IconName } from "./icons.tsx";

export interface Place {
  readonly to: string;
  readonly name: Key;
  readonly icon: IconName;
  /** A path of the API that it lives on. */
  readonly path: string;
  readonly scope: string;
}

export const PLACES: readonly { readonly name: Key; readonly places: readonly Place[] }[] = [
  {
    name: "nav.now",
    places: [
      { to: "/", name: "nav.overview", icon: "overview", path: "/api/trunks/stats/summary", scope: "trunks:read" },
      { to: "/calls", name: "nav.calls", icon: "calls", path: "/api/calls/active", scope: "calls:read" },
      { to: "/alerts", name: "nav.alerts", icon: "alerts", path: "/api/alerts", scope: "alerts:read" },
    ],
  },
  {
    name: "nav.traffic",
    places: [
      { to: "/records", name: "nav.records", icon: "records", path: "/api/calls/cdr", scope: "calls:read" },
      { to: "/simulator", name: "nav.simulator", icon: "simulator", path: "/api/route", scope: "calls:read" },
    ],
  },
  {
    name: "nav.setup",
    places: [
      { to: "/guide", name: "nav.guide", icon: "guide", path: "/api/trunks", scope: "trunks:write" },
      { to: "/trunks", name: "nav.trunks", icon: "trunks", path: "/api/trunks", scope: "trunks:read" },
      { to: "/gateways", name: "nav.gateways", icon: "gateways", path: "/api/gateways", scope: "resources:read" },
      { to: "/groups", name: "nav.groups", icon: "groups", path: "/api/groups", scope: "resources:read" },
      { to: "/numbers", name: "nav.numbers", icon: "numbers", path: "/api/dids", scope: "resources:read" },
      { to: "/routes", name: "nav.routes", icon: "routes", path: "/api/outbound", scope: "resources:read" },
      { to: "/limits", name: "nav.limits", icon: "limits", path: "/api/limits", scope: "resources:read" },
      { to: "/webhooks", name: "nav.webhooks", icon: "webhooks", path: "/api/webhooks", scope: "webhooks:read" },
    ],
  },
  {
    name: "nav.people",
    places: [
      { to: "/access", name: "nav.access", icon: "access", path: "/api/users", scope: "access:write" },
      { to: "/audit", name: "nav.audit", icon: "audit", path: "/api/audit", scope: "audit:read" },
    ],
  },
];

export const isShown = ({ has, may }: Features, { path, scope }: Place): boolean => (has(path) || has(path, "post")) && may(scope);
