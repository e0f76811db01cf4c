// The browser's part of the browser test (web/browser_test.go): node drive.mjs URL TOKEN CHROMIUM PICTURES PROFILE.
// It asks for things to happen on the farm by printing "do …" and waits for the answer on its standard input.
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const [url, token, executablePath, pictures, profile] = process.argv.slice(2);
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

async function farm(...words) {
  console.log(`do ${words.join(" ")}`);
  const { value } = await answers.next();
  if (value !== "ok") throw new Error(value);
}

const fail = (text) => console.log(`fail ${String(text).replaceAll("\n", " | ")}`);

/** check waits for something to be true; what stays untrue fails the test and the script goes on. */
async function check(what, work) {
  try {
    await work();
    console.log(`ok ${what}`);
  } catch (error) {
    fail(`${what}: ${error instanceof Error ? error.message.slice(0, 600) : error}`);
  }
}

const browser = await chromium.launchPersistentContext(profile, {
  executablePath,
  headless: true,
  viewport: { width: 1440, height: 900 },
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
browser.setDefaultTimeout(60_000); // of a busy machine: nothing here is about speed

let away = false;
function listen(page) {
  page.on("pageerror", (e) => fail(`error in the page: ${e.message}`));
  page.on("console", (m) => {
    if (m.type() === "error" && !away && !m.text().includes("401")) fail(`console: ${m.text()}`);
  });
}

const page = browser.pages()[0] ?? (await browser.newPage());
listen(page);
const shot = (name, options = {}) => page.screenshot({ path: `${pictures}/${name}.png`, ...options });
const cell = (frame) => page.locator(`.cell[data-unit="${frame}"]`).first();
const becomes = (frame, state) => page.locator(`.cell[data-unit="${frame}"][data-state="${state}"]`).first().waitFor();

await check("a stranger is asked for the token", async () => {
  await page.goto(url);
  await page.getByLabel("Token").fill("not the token");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("alert").waitFor();
  await shot("01-sign-in");
});

await check("the token in the address signs in and leaves the address", async () => {
  await page.goto(`${url}/#token=${token}`);
  await page.reload();
  await page.goto(`${url}/?x#token=${token}`);
  await page.getByText("Nothing to render yet").waitFor();
  if (page.url().includes("token")) throw new Error(page.url());
  await shot("02-empty");
});

await page.evaluate(() => (window.stayed = true));

await check("a job and its frames appear by themselves", async () => {
  await farm("home");
  await farm("submit");
  await page.getByRole("heading", { name: "harbour_sh010" }).waitFor();
  await cell(23).waitFor();
});

await check("frames change their state live, with the site they run at", async () => {
  await farm("start", 0, "ws-04");
  await becomes(0, "running");
  await farm("decide");
  await page.getByText("home needs 3m24s").first().waitFor();
  await farm("prime", 66);
  await page.getByText("priming cloud").first().waitFor();
  await page.getByText("64 %").first().waitFor();
  await shot("03-priming");
  await farm("primed");
  await farm("join", 0, "burst-1");
  await farm("join", 0, "burst-2");
  await farm("start", 1, "burst-1");
  await farm("start", 2, "burst-2");
  await becomes(1, "running");
  await becomes(2, "running");
  if ((await cell(1).locator(".corner").count()) !== 1) throw new Error("frame 2 is not marked as rented");
  if ((await cell(0).locator(".corner").count()) !== 0) throw new Error("frame 1 is marked as rented");
  const title = await cell(1).getAttribute("title");
  if (!title?.includes("frame 2: running on burst-1 (cloud)")) throw new Error(title ?? "");
});

await check("a landed picture is shown", async () => {
  await farm("end", 0);
  await becomes(0, "landing");
  await farm("land", 0);
  await becomes(0, "succeeded");
  await page.waitForFunction(() => document.querySelector(".layers img")?.naturalWidth === 480);
  await farm("end", 1);
  await farm("land", 1);
  await page.getByText("frame_0002.png").waitFor();
  await page.waitForFunction(() => document.querySelectorAll(".layers img").length === 2);
});

await check("a frame's attempt and its log open, and the log grows", async () => {
  await cell(2).click();
  await page.getByRole("region", { name: "frame 3", exact: true }).waitFor();
  await page.getByLabel("Log").getByText("Blender 3.4.1").waitFor();
  await farm("print", 2);
  await page.getByLabel("Log").getByText("Time:00:04.02").waitFor();
  if (!page.url().includes("unit=2")) throw new Error(`not in the address: ${page.url()}`);
  await page.keyboard.press("ArrowRight");
  await page.getByText("Not started yet").waitFor();
  await page.keyboard.press("Escape");
  await page.locator(".detail").waitFor({ state: "detached" });
});

await check("a failure and a lost node are shown with their reasons", async () => {
  await farm("fail", 2);
  await becomes(2, "failed");
  await farm("start", 3, "burst-1");
  await farm("lose", 3, "burst-1");
  await becomes(3, "fencing");
  await farm("fenced", 3, "burst-1");
  await farm("join", 0, "burst-3");
  await becomes(3, "pending");
  await farm("start", 2, "burst-2");
  await becomes(2, "running");
  await farm("start", 3, "ws-04");
  await becomes(3, "running");
  await cell(2).click();
  await page.getByRole("tab", { name: /#2 burst-2/ }).waitFor();
  await page.getByRole("tab", { name: /#1 burst-2/ }).click();
  await page.getByLabel("Log").getByText("Cannot read").waitFor();
});

for (let i = 4; i < 12; i++) {
  const node = ["ws-04", "burst-3", "burst-2"][i % 3];
  await farm("start", i, node);
  await farm("end", i);
  await farm("land", i);
}
await farm("end", 3);
await farm("land", 3);
await farm("end", 2);
await farm("start", 12, "ws-04");
await farm("start", 13, "burst-3");
await farm("start", 14, "burst-2");
await farm("progress", 13);
await becomes(14, "running");
await page.getByText("frame_0012.png").or(page.getByText("frame_0004.png")).first().waitFor();
await page.waitForTimeout(2500); // the pictures fade, progress is asked for: for the eye only
await shot("04-running");

await check("nothing of a broken line is missed, and the age of what is shown is told", async () => {
  away = true;
  await farm("leave");
  await page.locator(".fresh.is-stale").waitFor();
  await farm("end", 12);
  await farm("land", 12);
  await farm("start", 15, "ws-04");
  await shot("05-stale");
  await farm("return");
  await becomes(12, "succeeded");
  await becomes(15, "running");
  await page.locator(".fresh:not(.is-stale)").waitFor();
  away = false;
  if (!(await page.evaluate(() => window.stayed))) throw new Error("the page was loaded anew");
});

await check("keys", async () => {
  await page.keyboard.press("Escape");
  await page.keyboard.press("?");
  await page.getByRole("dialog").waitFor();
  await shot("06-keys");
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await farm("crowd");
  await page.locator(".job-row", { hasText: "sq0" }).first().waitFor();
  const rows = await page.locator(".job-row").count();
  if (rows > 40) throw new Error(`${rows} rows exist for what fits into half of them`);
  await page.keyboard.press("k");
  await page.locator(".job-row.is-selected").waitFor();
  const before = page.url();
  await page.keyboard.press("k");
  await page.waitForFunction((u) => location.href !== u, before);
  await shot("07-many-frames");
  await page.goBack();
  await page.goBack();
  await page.getByRole("heading", { name: "harbour_sh010" }).waitFor();
});

await check("light", async () => {
  await cell(13).click();
  await page.getByLabel("Log").getByText("Blender 3.4.1").waitFor();
  await page.keyboard.press("t");
  await page.waitForFunction(() => document.documentElement.dataset.theme === "light");
  await page.waitForTimeout(1000);
  await shot("08-light");
  await page.keyboard.press("t");
});

await check("contrast of every text is at least 4.5 to 1, or 3 to 1 for icons and large text", async () => {
  for (const theme of ["dark", "light"]) {
    await page.evaluate((t) => (document.documentElement.dataset.theme = t), theme);
    await page.evaluate(coloursSettled);
    const poor = await page.evaluate(poorContrast);
    if (poor.length > 0) throw new Error(`${theme}: ${poor.slice(0, 8).join("; ")}`);
  }
  await page.evaluate(() => (document.documentElement.dataset.theme = "dark"));
});

await check("a phone", async () => {
  const phone = await browser.newPage();
  listen(phone);
  await phone.setViewportSize({ width: 390, height: 844 });
  await phone.goto(page.url());
  await phone.locator(".cell").first().waitFor();
  await phone.waitForTimeout(1200);
  await phone.screenshot({ path: `${pictures}/09-phone.png` });
  await phone.screenshot({ path: `${pictures}/10-phone-whole.png`, fullPage: true });
  for (const tab of ["Jobs", "Farm", "Events", "Job"]) {
    await phone.getByRole("tab", { name: tab, exact: true }).click();
    await phone.waitForTimeout(300);
    const wide = await phone.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    if (wide > 0) throw new Error(`${tab} is ${wide} pixels too wide`);
    await phone.screenshot({ path: `${pictures}/11-phone-${tab.toLowerCase()}.png` });
  }
  await phone.setViewportSize({ width: 900, height: 1100 });
  await phone.waitForTimeout(500);
  await phone.screenshot({ path: `${pictures}/12-tablet.png` });
  await phone.close();
});

await browser.close();
process.exit(0);

/** coloursSettled runs in the page: it returns when a change of style has been drawn and its transitions have ended. */
async function coloursSettled() {
  const frame = () => new Promise((drawn) => requestAnimationFrame(drawn));
  await frame();
  await frame();
  const transitions = document.getAnimations().filter((a) => a instanceof CSSTransition);
  await Promise.all(transitions.map((a) => a.finished.catch(() => undefined))); // one that is overtaken by another is canceled
}

/** poorContrast runs in the page: WCAG 2.2, success criteria 1.4.3 and 1.4.11, over what is visible. */
function poorContrast() {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (css) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = css;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = ([r, g, b]) => {
    const [R, G, B] = [r, g, b].map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * R + 0.7152 * G + 0.0722 * B;
  };
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = rgba(getComputedStyle(e).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return rgba(getComputedStyle(document.documentElement).backgroundColor);
  };
  const poor = new Set();
  for (const e of document.querySelectorAll("body *")) {
    const icon = e.tagName === "svg" && e.classList.contains("icon");
    const text = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if ((!icon && !text) || !e.checkVisibility() || e.closest(".caption, .strip")) continue;
    const style = getComputedStyle(e);
    const [a, b] = [luminance(rgba(style.color)), luminance(ground(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const size = parseFloat(style.fontSize);
    const need = icon || size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    if (ratio < need) poor.add(`${e.className.baseVal ?? e.className} "${(e.textContent ?? "").slice(0, 20)}" in ${e.parentElement.className}: ${ratio.toFixed(2)}`);
  }
  return [...poor];
}
