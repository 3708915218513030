/**
 * Every page of the panel, and the forms behind its buttons: nothing serious for axe, no error in the console, no sideways
 * scrolling on a phone; what a viewer may not do isn't offered; the keyboard reaches all.
 *
 * PANEL_SCREENSHOTS=<folder> keeps pictures; PANEL_ALL=1: in three languages, two themes, two widths;
 * PANEL_LOOK=uz-light-360: in that one alone.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import type { TokenReport } from "#call/control.ts";
import { type Key, say } from "../../panel/src/i18n/dictionary.ts";
import { en } from "../../panel/src/i18n/en.ts";
import { ru } from "../../panel/src/i18n/ru.ts";
import { uz } from "../../panel/src/i18n/uz.ts";
import { buildPanel } from "../dev/panel.ts";
import { type Look, openBrowser, openPage, seriousFindings, tooWide } from "../kit/browser.ts";
import type { Lab, RunningTandem } from "../kit/lab.ts";
import { WIDE, goTo, logIn, picture, setUp, until } from "../kit/panel.ts";
import { skipWithout } from "../kit/peers.ts";
import { runSipp, startSipp } from "../kit/sipp.ts";
import { ANSWERING, ack, bye, invite, pause, recv, respondWithin, uac } from "../kit/sipp-scenario.ts";
import { labYaml } from "./lab-yaml.ts";

const DID = "+15551234567";
const ALL_LOOKS = process.env["PANEL_ALL"] === "1";
const PAGES_MS = ALL_LOOKS ? 1_800_000 : 170_000;
const VIEWER = { name: "vera", password: "only looks 1", role: "viewer" } as const;
const trying = recv(100, { optional: true });
const ringing = recv(180, { optional: true });
const TALK = uac([invite(), trying, ringing, recv(200), ack(), pause(300), bye(), recv(200)]);
const HUNG_UP = uac([invite(), trying, ringing, recv(200), ack(), recv("BYE", { timeoutMs: 60_000 }), respondWithin(200, "OK")]);
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

const withApi = (lab: Lab): string => labYaml(lab, { node: { api: { port: 0 } } });
const linksOf = (page: Page): Promise<readonly string[]> =>
  page.evaluate("[...document.querySelectorAll('nav a[href]')].map((one) => one.getAttribute('href'))") as Promise<readonly string[]>;

describe("the panel's pages", { skip: skipWithout("sipp", "chromium") }, () => {
  let browser: Browser;
  before(async () => {
    assert.equal(await buildPanel(), true, "the panel builds");
    browser = await openBrowser();
  });
  after(async () => {
    await browser?.close();
  });

  test("every page is whole: nothing serious for axe, nothing in the console, no sideways scrolling on a phone", {
    timeout: PAGES_MS,
  }, async (t) => {
    const { lab, tandem, url, password } = await setUp(t, withApi);
    await fill(lab, tandem, url);
    const problems: string[] = [];
    for (const look of looks()) {
      const { page, context, errors } = await openPage(browser, url, look);
      await page.goto("/");
      await page.locator("button[type=submit]").waitFor();
      problems.push(...(await seriousFindings(page)));
      await picture(page, "login", look);
      await logIn(page, password);
      const links = await linksOf(page);
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

  test("a viewer is shown what he may see, without a button that he may not press", async (t) => {
    const { lab, tandem, url } = await setUp(t, withApi);
    await fill(lab, tandem, url);
    const { page, context, errors } = await openPage(browser, url, WIDE);
    lab.atEnd(() => context.close());
    await logIn(page, VIEWER.password, VIEWER.name);
    const links = await linksOf(page);
    assert.ok(links.includes("/trunks") && links.includes("/calls"));
    for (const hidden of ["/guide", "/webhooks", "/access", "/audit"]) assert.equal(links.includes(hidden), false, hidden);
    for (const path of [...new Set([...links, ...(await deepPaths(tandem)).filter((one) => one !== "/trunks/new")])]) {
      await goTo(page, path);
      const pressed = page
        .locator("main")
        .getByRole("button", { name: /^(Add|Create|Save|Delete|Hang up|Activate|Deactivate|Unlock|Test|Import)\b/ });
      assert.equal(await pressed.count(), 0, path);
    }
    assert.deepEqual(errors, []);
  });

  test("numbers come in by CSV, are found, changed and go out again", async (t) => {
    const { lab, url, password } = await setUp(t, withApi);
    const { page, context, errors } = await openPage(browser, url, WIDE);
    lab.atEnd(() => context.close());
    await logIn(page, password);
    await goTo(page, "/numbers");
    const rows = Array.from({ length: 120 }, (_, i) => `+49891000${String(i).padStart(3, "0")},gateway ai1`);
    await page
      .locator("input[type=file]")
      .setInputFiles({ name: "n.csv", mimeType: "text/csv", buffer: Buffer.from(`number,to\n${rows.join("\n")}\n`) });
    await page.getByText("120 added, 0 changed, 0 as before").waitFor();
    await page.getByRole("searchbox", { name: en["action.search"] }).fill("+49891000119");
    await page.getByRole("button", { name: "+49891000119", exact: true }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("combobox", { name: "Goes to: Gateway" }).click();
    await page.getByRole("option", { name: "ai2" }).click();
    await dialog.getByRole("button", { name: en["action.save"] }).click();
    await page.getByRole("cell", { name: "gateway ai2" }).waitFor();
    const saved = page.waitForEvent("download");
    await page.getByRole("button", { name: "CSV", exact: true }).click();
    assert.match(readFileSync(await (await saved).path(), "utf8"), /\+49891000119,.*ai2/);
    assert.deepEqual(errors, []);
  });

  test("the keyboard alone leads past the navigation, to a page and through a form", async (t) => {
    const { lab, url, password } = await setUp(t, withApi);
    const { page, context, errors } = await openPage(browser, url, WIDE);
    lab.atEnd(() => context.close());
    await logIn(page, password);
    await goTo(page, "/numbers");
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate("document.activeElement?.textContent"), en["nav.skip"]);
    await page.keyboard.press("Enter");
    assert.equal(await page.evaluate("document.activeElement?.id"), "main");
    await page.getByRole("button", { name: en["numbers.add"] }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").getByRole("textbox", { name: en["field.number"] }).focus();
    await page.keyboard.type("+4989123456");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "+4989123456", exact: true }).waitFor();
    assert.deepEqual(errors, []);
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
    ["/api/users", VIEWER],
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
