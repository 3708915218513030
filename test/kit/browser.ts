/** A Chromium for tests of the panel: without a network of its own wishes; every error in its console is kept. */
import { type Browser, type BrowserContext, type Page, chromium } from "playwright-core";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { findProgram } from "../dev/peers.ts";

const ARGUMENTS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

export interface Look {
  readonly language: "en" | "ru" | "uz";
  readonly theme: "light" | "dark";
  readonly widthPx: number;
}

export interface Watched {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Errors of the console and of the page itself, since the start. */
  readonly errors: string[];
}

export const openBrowser = (): Promise<Browser> =>
  chromium.launch({ executablePath: findProgram("chromium") ?? "chromium", args: ARGUMENTS, headless: true });

/** @param session what sessionStorage has at first: a session that is there already */
export async function openPage(browser: Browser, url: string, { language, theme, widthPx }: Look): Promise<Watched> {
  const context = await browser.newContext({
    baseURL: url,
    viewport: { width: widthPx, height: widthPx < 600 ? 780 : 860 },
    colorScheme: theme,
    reducedMotion: "reduce",
    locale: language,
  });
  await context.addInitScript(`localStorage.setItem("tandem.language", "${language}"); localStorage.setItem("tandem.theme", "${theme}");`);
  const page = await context.newPage();
  const errors: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") errors.push(`${page.url()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => errors.push(`${page.url()}: ${error.message}`));
  return { page, context, errors };
}

interface AxeResult {
  readonly violations: readonly {
    readonly id: string;
    readonly impact: string;
    readonly help: string;
    readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
  }[];
}

/** What axe calls serious or critical, in words. */
export async function seriousFindings(page: Page): Promise<readonly string[]> {
  // Not by a script element: the panel's content security policy would refuse it, as it should.
  await page.evaluate(readFileSync(AXE, "utf8"));
  const { violations } = (await page.evaluate("axe.run({ resultTypes: ['violations'] })")) as AxeResult;
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(
      ({ id, help, nodes }) =>
        `${page.url()}: ${id}: ${help}: ${nodes
          .slice(0, 3)
          .map(({ html, failureSummary }) => `${html.slice(0, 200)} (${failureSummary.replaceAll("\n", " ").slice(0, 300)})`)
          .join("; ")}`,
    );
}

/** What is wider than its window, so that somebody on a phone would have to scroll sideways. */
export const tooWide = (page: Page): Promise<readonly string[]> =>
  page.evaluate(`(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    if (scrollWidth <= clientWidth + 1) return [];
    const out = [...document.body.querySelectorAll("*")].filter((one) => one.getBoundingClientRect().right > clientWidth + 1 && one.closest(".table-box") === null);
    return [(scrollWidth - clientWidth) + " px too wide: " + out.slice(0, 4).map((one) => one.outerHTML.slice(0, 160)).join(" | ")];
  })()`) as Promise<readonly string[]>;
