/** The panel and a Tandem behind it, for tests that look at it in a browser. */
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { Page } from "playwright-core";
import type { TokenReport } from "#call/control.ts";
import type { Look } from "./browser.ts";
import { type Lab, type RunningTandem, loopbackLab, startTandem } from "./lab.ts";

const WAIT_MS = 20_000;
/** Where pictures are kept; undefined: nobody wants any. */
const PICTURES = process.env["PANEL_SCREENSHOTS"];
export const WIDE: Look = { language: "en", theme: "light", widthPx: 1280 };

export async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  for (const endMs = performance.now() + WAIT_MS; ; ) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > endMs) throw new Error(`${what}: not within ${WAIT_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

export interface Setting {
  readonly lab: Lab;
  readonly tandem: RunningTandem;
  readonly url: string;
  readonly password: string;
}

/** @param yaml with `node.api.port: 0` */
export async function setUp(t: TestContext, yaml: (lab: Lab) => string): Promise<Setting> {
  const lab = loopbackLab(t);
  const tandem = await startTandem(t, lab, yaml(lab));
  const url = await until("the API", async () => (await tandem.ask<TokenReport>({ type: "token", role: "owner", tenant: undefined })).url);
  const password = await until("the owner's password", async () => {
    const file = join(tandem.home, "owner-password");
    return existsSync(file) ? readFileSync(file, "utf8").trim() : undefined;
  });
  return { lab, tandem, url, password };
}

export async function logIn(page: Page, password: string, user = "owner"): Promise<void> {
  await page.goto("/");
  await page.locator("input[autocomplete=username]").fill(user);
  await page.locator("input[autocomplete=current-password]").fill(password);
  await page.locator("button[type=submit]").click();
  await page.locator("main#main h1").waitFor();
}

/** Nothing loads any more. A page may load several parts; `waitFor` accepts one. */
async function settled(page: Page): Promise<void> {
  await page.locator("main#main h1").first().waitFor();
  await page.waitForFunction('document.querySelector("main#main [role=status] .mantine-Loader-root") === null');
}

/** Within the page: a refresh token is good once, and each load would cost one. */
export async function goTo(page: Page, path: string): Promise<void> {
  await page.evaluate(`history.pushState({}, "", ${JSON.stringify(path)}); dispatchEvent(new PopStateEvent("popstate"))`);
  await page.waitForTimeout(250);
  await settled(page);
}

export async function picture(page: Page, name: string, { language, theme, widthPx }: Look): Promise<void> {
  if (PICTURES === undefined) return;
  mkdirSync(PICTURES, { recursive: true });
  await page.screenshot({ path: join(PICTURES, `${name}-${language}-${theme}-${widthPx}.png`), fullPage: true });
}
