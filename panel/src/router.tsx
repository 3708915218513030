/** Every page and its path. Pages are loaded when somebody goes there. */
import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";
import { NotFound, PageFailed } from "./parts/nothing.tsx";
import { Shell } from "./parts/shell.tsx";

const root = createRootRoute({ component: Shell });
const strings = (search: Record<string, unknown>): Readonly<Record<string, string | undefined>> =>
  Object.fromEntries(
    Object.entries(search)
      .filter(([, value]) => value !== "" && value !== undefined)
      .map(([name, value]) => [name, String(value)]),
  );

const overview = createRoute({
  getParentRoute: () => root,
  path: "/",
  component: lazyRouteComponent(() => import("./pages/overview.tsx"), "Overview"),
});
const guide = createRoute({
  getParentRoute: () => root,
  path: "/guide",
  component: lazyRouteComponent(() => import("./pages/guide.tsx"), "Guide"),
});
const calls = createRoute({
  getParentRoute: () => root,
  path: "/calls",
  component: lazyRouteComponent(() => import("./pages/calls.tsx"), "Calls"),
});
const call = createRoute({
  getParentRoute: () => root,
  path: "/calls/$callId",
  component: lazyRouteComponent(() => import("./pages/call.tsx"), "CallPage"),
});
const records = createRoute({
  getParentRoute: () => root,
  path: "/records",
  validateSearch: strings,
  component: lazyRouteComponent(() => import("./pages/records.tsx"), "Records"),
});
const trunks = createRoute({
  getParentRoute: () => root,
  path: "/trunks",
  component: lazyRouteComponent(() => import("./pages/trunks.tsx"), "Trunks"),
});
const newTrunk = createRoute({
  getParentRoute: () => root,
  path: "/trunks/new",
  component: lazyRouteComponent(() => import("./pages/trunk-form.tsx"), "NewTrunk"),
});
const trunk = createRoute({
  getParentRoute: () => root,
  path: "/trunks/$trunkId",
  component: lazyRouteComponent(() => import("./pages/trunk.tsx"), "TrunkPage"),
});
const gateways = createRoute({
  getParentRoute: () => root,
  path: "/gateways",
  component: lazyRouteComponent(() => import("./pages/gateways.tsx"), "Gateways"),
});
const gateway = createRoute({
  getParentRoute: () => root,
  path: "/gateways/$name",
  component: lazyRouteComponent(() => import("./pages/gateways.tsx"), "GatewayPage"),
});
const groups = createRoute({
  getParentRoute: () => root,
  path: "/groups",
  component: lazyRouteComponent(() => import("./pages/resources.tsx"), "Groups"),
});
const numbers = createRoute({
  getParentRoute: () => root,
  path: "/numbers",
  component: lazyRouteComponent(() => import("./pages/resources.tsx"), "Numbers"),
});
const routes = createRoute({
  getParentRoute: () => root,
  path: "/routes",
  component: lazyRouteComponent(() => import("./pages/resources.tsx"), "Routes"),
});
const simulator = createRoute({
  getParentRoute: () => root,
  path: "/simulator",
  component: lazyRouteComponent(() => import("./pages/simulator.tsx"), "Simulator"),
});
const alerts = createRoute({
  getParentRoute: () => root,
  path: "/alerts",
  component: lazyRouteComponent(() => import("./pages/alerts.tsx"), "Alerts"),
});
const webhooks = createRoute({
  getParentRoute: () => root,
  path: "/webhooks",
  component: lazyRouteComponent(() => import("./pages/webhooks.tsx"), "Webhooks"),
});
const access = createRoute({
  getParentRoute: () => root,
  path: "/access",
  component: lazyRouteComponent(() => import("./pages/access.tsx"), "Access"),
});
const audit = createRoute({
  getParentRoute: () => root,
  path: "/audit",
  component: lazyRouteComponent(() => import("./pages/audit.tsx"), "Audit"),
});

const limits = createRoute({
  getParentRoute: () => root,
  path: "/limits",
  component: lazyRouteComponent(() => import("./pages/limits.tsx"), "Limits"),
});

export const router = createRouter({
  routeTree: root.addChildren([
    overview,
    guide,
    calls,
    call,
    records,
    trunks,
    newTrunk,
    trunk,
    gateways,
    gateway,
    groups,
    numbers,
    routes,
    simulator,
    alerts,
    webhooks,
    access,
    audit,
    limits,
  ]),
  defaultPreload: "intent",
  defaultNotFoundComponent: NotFound,
  defaultErrorComponent: PageFailed,
  defaultPreloadStaleTime: 0,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
