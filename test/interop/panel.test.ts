/**
 * The panel in a real browser against a running Tandem: somebody logs in, follows the guide to his first call, sees it
 * within a second, opens it and hangs it up; every page is looked at by axe, and an error in the console fails.
 *
 * PANEL_SCREENSHOTS=<folder> keeps pictures of each page; with PANEL_ALL=1 in three languages, two themes, two widths.
 */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, after, before, describe, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import type { TokenReport } from "#call/control.ts";
import { FIRST_LOAD_BYTES_MAX, PANEL_DIST, buildPanel, firstLoadBytes } from "../dev/panel.ts";
import { type Look, openBrowser, openPage, seriousFindings, tooWide } from "../kit/browser.ts";
import { type Lab, type RunningTandem, loopbackLab, startTandem } from "../kit/lab.ts";
import { skipWithout } from "../kit/peers.ts";
import { runSipp, startSipp } from "../kit/sipp.ts";
import { ANSWERING, ack, bye, invite, pause, recv, respondWithin, uac } from "../kit/sipp-scenario.ts";
import { type Key, say } from "../../panel/src/i18n/dictionary.ts";
import { en } from "../../panel/src/i18n/en.ts";
import { ru } from "../../panel/src/i18n/ru.ts";
import { uz } from "../../panel/src/i18n/uz.ts";
import { labYaml } from "./lab-yaml.ts";

const DID = "+15551234567";
const GUIDE_DID = "+15557654321";
const APPEARS_MS = 1_000;
const WAIT_MS = 20_000;
const ALL_LOOKS = process.env["PANEL_ALL"] === "1";
const PAGES_MS = ALL_LOOKS ? 1_800_000 : 170_000;
const PICTURES = process.env["PANEL_SCREENSHOTS"];
const trying = recv(100, { optional: true });
const ringing = recv(180, { optional: true });
const TALK = uac([invite(), trying, ringing, recv(200), ack(), pause(300), bye(), recv(200)]);
const HUNG_UP = uac([invite(), trying, ringing, recv(200), ack(), recv("BYE", { timeoutMs: 60_000 }), respondWithin(200, "OK")]);
const WIDE: Look = { language: "en", theme: "light", widthPx: 1280 };
const ALL: readonly Look[] = (["en", "ru", "uz"] as const).flatMap((language) =>
  (["light", "dark"] as const).flatMap((theme) => [1280, 360].map((widthPx): Look => ({ language, theme, widthPx }))),
);
/** PANEL_LOOK=uz-light-360: that one alone. */
const looks = (): readonly Look[] => {
  const wanted = process.env["PANEL_LOOK"];
  if (wanted !== undefined) return ALL.filter(({ language, theme, widthPx }) => `${language}-${theme}-${widthPx}` === wanted);
  return ALL_LOOKS ? ALL : SAMPLE;
};
const SAMPLE: readonly Look[] = [WIDE, { language: "ru", theme: "dark", widthPx: 360 }];

const DICTIONARIES = { en, ru, uz };
/** Pages whose forms are opened as well, and by which button. */
const FORMS: readonly (readonly [path: string, button: Key])[] = [
  ["/gateways", "gateways.add"],
  ["/groups", "groups.add"],
  ["/numbers", "numbers.add"],
  ["/webhooks", "webhook.add"],
  ["/alerts", "channel.add"],
  ["/access", "access.addKey"],
];

async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  for (const endMs = performance.now() + WAIT_MS; ; ) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > endMs) throw new Error(`${what}: not within ${WAIT_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

interface Setting {
  readonly lab: Lab;
  readonly tandem: RunningTandem;
  readonly url: string;
  readonly password: string;
}

/** As somebody has it who has just installed it. */
const emptyYaml = (lab: Lab): string => `
node: { name: lab, api: { port: 0 } }
listeners:
  - { name: private, address: ${lab.sbcPrivate.address}, port: 5060, media: { ports: 20000-23999 } }
  - { name: public, address: ${lab.sbcPublic.address}, port: 5060, media: { ports: 20000-23999 } }
`;

async function setUp(t: TestContext, yaml = (lab: Lab): string => labYaml(lab, { node: { api: { port: 0 } } })): Promise<Setting> {
  const lab = loopbackLab(t);
  const tandem = await startTandem(t, lab, yaml(lab));
  const url = await until("the API", async () => (await tandem.ask<TokenReport>({ type: "token", role: "owner", tenant: undefined })).url);
  const password = await until("the owner's password", async () => {
    const file = join(tandem.home, "owner-password");
    return existsSync(file) ? readFileSync(file, "utf8").trim() : undefined;
  });
  return { lab, tandem, url, password };
}

async function logIn(page: Page, password: string): Promise<void> {
  await page.goto("/");
  await page.locator("input[autocomplete=username]").fill("owner");
  await page.locator("input[autocomplete=current-password]").fill(password);
  await page.locator("button[type=submit]").click();
  await page.locator("main#main h1").waitFor();
}

/** Nothing loads any more. */
async function settled(page: Page): Promise<void> {
  await page.locator("main#main h1").first().waitFor();
  await page.locator("main#main [role=status] .mantine-Loader-root").waitFor({ state: "detached" });
}

/** Within the page: a refresh token is good once, and each load would cost one. */
async function goTo(page: Page, path: string): Promise<void> {
  await page.evaluate(`history.pushState({}, "", ${JSON.stringify(path)}); dispatchEvent(new PopStateEvent("popstate"))`);
  await page.waitForTimeout(250);
  await settled(page);
}

async function picture(page: Page, name: string, { language, theme, widthPx }: Look): Promise<void> {
  if (PICTURES === undefined) return;
  mkdirSync(PICTURES, { recursive: true });
  await page.screenshot({ path: join(PICTURES, `${name}-${language}-${theme}-${widthPx}.png`), fullPage: true });
}

describe("the panel", { skip: skipWithout("sipp", "chromium") }, () => {
  let browser: Browser;
  before(async () => {
    assert.equal(await buildPanel(), true, "the panel builds");
    browser = await openBrowser();
  });
  after(async () => {
    await browser?.close();
  });

  test("its first load is at most 300 kB gzipped", () => {
    assert.ok(existsSync(join(PANEL_DIST, "index.html")));
    assert.ok(firstLoadBytes() <= FIRST_LOAD_BYTES_MAX, `${firstLoadBytes()} bytes`);
    assert.ok(firstLoadBytes() > 50_000, "what is measured is the panel");
    assert.doesNotMatch(readFileSync(join(PANEL_DIST, "index.html"), "utf8"), /<script(?![^>]*\bsrc=)/, "no inline script");
  });

  test("somebody logs in, follows the guide, sees his call within a second, opens it and hangs it up", async (t) => {
    const { lab, url, password } = await setUp(t, emptyYaml);
    const { page, context, errors } = await openPage(browser, url, WIDE);
    lab.atEnd(() => context.close());

    await page.goto("/");
    await page.locator("input[autocomplete=username]").fill("owner");
    await page.locator("input[autocomplete=current-password]").fill("certainly wrong");
    await page.locator("button[type=submit]").click();
    await page.getByRole("alert").getByText("User or password is wrong.").waitFor();
    // The browser itself tells of the 401.
    assert.match(errors.splice(0).join(), /401/);
    await logIn(page, password);

    await page.getByText("No carrier yet").waitFor();
    await page.getByRole("link", { name: "Set up the first call" }).click();
    await page.getByRole("button", { name: "Continue" }).click();
    await page.getByText("This is needed.").first().waitFor();
    await page.getByLabel("Trunk id").fill("second");
    await page.getByLabel("Carrier's address").fill(lab.carrier2.address);
    await page.getByRole("button", { name: "Continue" }).click();
    await page.getByRole("textbox", { name: "Number" }).fill("12");
    await page.getByRole("button", { name: "Continue" }).click();
    await page.getByText("A number has a +").waitFor();
    await page.getByRole("textbox", { name: "Number" }).fill("+1 (555) 765-4321");
    await page.getByRole("button", { name: "Continue" }).click();
    await page.getByRole("textbox", { name: "Name" }).fill("answering");
    await page.getByRole("textbox", { name: "Its SIP address" }).fill(`${lab.carrier2.address}:5080`);
    await page.getByRole("button", { name: "Continue" }).click();
    await page.getByText("Waiting for the call").waitFor();
    await picture(page, "guide-test", WIDE);

    const gateway = startSipp(lab, lab.carrier2, ANSWERING, undefined, { calls: 1, port: 5080, mediaPort: 9400 });
    const caller = startSipp(lab, lab.carrier2, HUNG_UP, `${lab.sbcPublic.address}:5060`, {
      service: GUIDE_DID,
      calls: 1,
      port: 5081,
      mediaPort: 9500,
    });
    await page.getByText(`${GUIDE_DID}: Answered`).waitFor();
    await page.getByRole("link", { name: "Live calls" }).click();
    await page.getByRole("link", { name: "+4930123456" }).click();
    await page.getByRole("heading", { name: `+4930123456 → ${GUIDE_DID}` }).waitFor();
    await page.getByRole("button", { name: "Hang up" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Hang up" }).click();
    await page.getByText("hung up by user owner", { exact: true }).waitFor();
    assert.equal((await caller.finish()).successful, 1, "the caller was said BYE");
    assert.equal((await gateway.finish()).successful, 1);
    assert.deepEqual(errors, []);
  });

  test("a call is on the page of live calls within a second, and its ladder tells each message", async (t) => {
    const { lab, tandem, url, password } = await setUp(t);
    const { page, context, errors } = await openPage(browser, url, WIDE);
    lab.atEnd(() => context.close());
    await logIn(page, password);
    await page.getByRole("link", { name: "Live calls" }).click();
    await page.getByText("No calls right now").waitFor();

    startSipp(lab, lab.gateways[0], ANSWERING, undefined, { calls: 1 });
    const caller = startSipp(lab, lab.carrier, HUNG_UP, `${lab.sbcPrivate.address}:5060`, { service: DID, calls: 1 });
    const upMs = await until("the call", async () =>
      (await tandem.ask<readonly object[]>({ type: "calls" })).length > 0 ? performance.now() : undefined,
    );
    await page.getByRole("link", { name: "+4930123456" }).waitFor();
    const seenMs = performance.now() - upMs;
    assert.ok(seenMs <= APPEARS_MS, `it appeared after ${Math.round(seenMs)} ms`);

    await page.getByRole("link", { name: "+4930123456" }).click();
    await page
      .getByRole("button", { name: /vodafone to .*INVITE/ })
      .first()
      .click();
    await page.getByText(`INVITE sip:${DID}@`).waitFor();
    await page.keyboard.press("ArrowDown");
    await page.getByText("SIP/2.0 100 Trying").first().waitFor();
    await page.getByRole("button", { name: "Hang up" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Hang up" }).click();
    assert.equal((await caller.finish()).successful, 1);
    await page.getByText("hung up by user owner", { exact: true }).waitFor();
    await page.getByRole("link", { name: "Route simulator" }).click();
    await page.getByLabel("Called number").fill(DID);
    await page.getByRole("button", { name: "Where would it go?" }).click();
    await page.getByText("The call is put through").waitFor();
    await page.getByRole("link", { name: "Call records" }).click();
    await page.getByText("Answered").first().waitFor();
    await page.locator("main tbody a").first().click();
    await page.getByText("hung up by user owner", { exact: true }).waitFor();
    // A session outlives a reload, and leaving ends it.
    await page.reload();
    await page.getByText("hung up by user owner", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Log out" }).click();
    await page.locator("input[autocomplete=username]").waitFor();
    await page.reload();
    await page.locator("input[autocomplete=username]").waitFor();
    assert.deepEqual(errors, []);
  });

  test("every page is whole: nothing serious for axe, nothing in the console, no sideways scrolling on a phone", {
    timeout: PAGES_MS,
  }, async (t) => {
    const { lab, tandem, url, password } = await setUp(t);
    await fill(lab, tandem, url);
    const problems: string[] = [];
    for (const look of looks()) {
      const { page, context, errors } = await openPage(browser, url, look);
      await page.goto("/");
      await page.locator("button[type=submit]").waitFor();
      problems.push(...(await seriousFindings(page)));
      await picture(page, "login", look);
      await logIn(page, password);
      const links = (await page.evaluate(
        "[...document.querySelectorAll('nav a[href]')].map((one) => one.getAttribute('href'))",
      )) as readonly string[];
      const paths = [...new Set([...links, ...(await deepPaths(tandem))])];
      for (const path of paths) {
        await goTo(page, path);
        await picture(page, path === "/" ? "overview" : path.slice(1).replaceAll(/[/+]/g, "-"), look);
        problems.push(...(await seriousFindings(page)));
        problems.push(...(await tooWide(page)).map((what) => `${page.url()}: ${what}`));
      }
      for (const [path, button] of FORMS) {
        await goTo(page, path);
        await page
          .getByRole("button", { name: say(DICTIONARIES[look.language], look.language, button) })
          .first()
          .click();
        await page.getByRole("dialog").locator("input").first().waitFor();
        await picture(page, `form${path.replace("/", "-")}`, look);
        problems.push(...(await seriousFindings(page)));
        await page.keyboard.press("Escape");
        await page.getByRole("dialog").waitFor({ state: "detached" });
      }
      problems.push(...errors);
      await context.close();
    }
    assert.deepEqual(problems, []);
  });
});

/** Some of everything, so that there is something to look at. */
async function fill(lab: Lab, tandem: RunningTandem, url: string): Promise<void> {
  const { token } = await tandem.ask<TokenReport>({ type: "token", role: "owner", tenant: undefined });
  for (const [path, body] of [
    [
      "/api/trunks",
      { trunk_id: "skyetel_main", name: "Skyetel", proxy_address: "192.0.2.10", username: "us", password: "not shown anywhere" },
    ],
    ["/api/gateways", { name: "livekit", listener: "public", uri: "sip:192.0.2.20:5060", title: "LiveKit" }],
    [
      "/api/groups",
      {
        name: "both",
        gateways: [
          { gateway: "livekit", priority: 1 },
          { gateway: "ai2", priority: 2 },
        ],
      },
    ],
    ["/api/dids", { number: "+998712000000", to: { group: "both" } }],
    ["/api/outbound", { name: "russia", prefix: "+7", to: { trunk: "skyetel_main" } }],
    ["/api/webhooks", { url: "https://hooks.example.com/calls", events: ["call.ended"] }],
    ["/api/alerts/channels", { name: "night", settings: { kind: "webhook", url: "https://hooks.example.com/alerts" } }],
    ["/api/users", { name: "anna", password: "long enough 1", role: "operator" }],
    ["/api/keys", { name: "nightly", scopes: ["calls:read"] }],
  ] as const) {
    const answer = await fetch(`${url}${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    assert.ok(answer.ok, `${path}: ${await answer.text()}`);
  }
  startSipp(lab, lab.gateways[1], ANSWERING, undefined, { calls: 4 });
  await runSipp(lab, lab.carrier, TALK, `${lab.sbcPrivate.address}:5060`, { service: DID, calls: 3, ratePerSecond: 3, concurrent: 3 });
  startSipp(lab, lab.carrier, HUNG_UP, `${lab.sbcPrivate.address}:5060`, { service: DID, calls: 1, mediaPort: 9600 });
  await until("a call that stays up", async () => ((await tandem.ask<readonly object[]>({ type: "calls" })).length > 0 ? true : undefined));
}

/** Pages of single things. */
async function deepPaths(tandem: RunningTandem): Promise<readonly string[]> {
  const [up] = await tandem.ask<readonly { readonly callId: string }[]>({ type: "calls" });
  const [over] = await tandem.cli<readonly { readonly callId: string }[]>("cdr", "--limit", "1");
  return [
    "/trunks/new",
    "/trunks/vodafone",
    "/trunks/skyetel_main",
    "/gateways/ai2",
    "/gateways/livekit",
    ...(up === undefined ? [] : [`/calls/${up.callId}`]),
    ...(over === undefined ? [] : [`/calls/${over.callId}`]),
  ];
}
