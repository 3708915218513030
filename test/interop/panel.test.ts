/**
 * The panel in a real browser against a running Tandem: somebody logs in, follows the guide to his first call, sees it
 * within a second, opens it and hangs it up. An error in the console fails.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Browser } from "playwright-core";
import { FIRST_LOAD_BYTES_MAX, PANEL_DIST, buildPanel, firstLoadBytes } from "../dev/panel.ts";
import { openBrowser, openPage } from "../kit/browser.ts";
import type { Lab } from "../kit/lab.ts";
import { WIDE, logIn, picture, setUp, until } from "../kit/panel.ts";
import { skipWithout } from "../kit/peers.ts";
import { startSipp } from "../kit/sipp.ts";
import { ANSWERING, ack, invite, recv, respondWithin, uac } from "../kit/sipp-scenario.ts";
import { labYaml } from "./lab-yaml.ts";

const DID = "+15551234567";
const GUIDE_DID = "+15557654321";
const APPEARS_MS = 1_000;
const trying = recv(100, { optional: true });
const ringing = recv(180, { optional: true });
const HUNG_UP = uac([invite(), trying, ringing, recv(200), ack(), recv("BYE", { timeoutMs: 60_000 }), respondWithin(200, "OK")]);

/** As somebody has it who has just installed it. */
const emptyYaml = (lab: Lab): string => `
node: { name: lab, api: { port: 0 } }
listeners:
  - { name: private, address: ${lab.sbcPrivate.address}, port: 5060, media: { ports: 20000-23999 } }
  - { name: public, address: ${lab.sbcPublic.address}, port: 5060, media: { ports: 20000-23999 } }
`;

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
    const { lab, tandem, url, password } = await setUp(t, (on) => labYaml(on, { node: { api: { port: 0 } } }));
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
});
