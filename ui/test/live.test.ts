import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { follow } from "../src/live.ts";
import { Store } from "../src/store.ts";

/** What the browser gives: sources that were opened, and how the store was told. */
class Browser {
  readonly sources: Source[] = [];
  readonly store = new Store();
  readonly document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  loads = 0;
  /** Requests that are never answered, and end only when the page gives them up. */
  dead = 0;

  constructor(context: TestContext) {
    context.mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"] });
    const graph = { boot: "x", revision: 1, now: "2026-11-24T12:00:00Z", assets: [], pipelines: [] };
    const made = this.sources;
    Object.assign(globalThis, {
      window: globalThis,
      document: this.document,
      fetch: (_: string, given: { signal?: AbortSignal }) => {
        this.loads += 1;
        if (this.dead-- > 0) return new Promise((_, reject) => given.signal?.addEventListener("abort", () => reject(given.signal?.reason)));
        return Promise.resolve({ ok: true, json: () => Promise.resolve(graph) });
      },
      EventSource: class extends Source {
        constructor(url: string) {
          super(url);
          made.push(this);
        }
      },
    });
  }

  show(visibilityState: "visible" | "hidden"): void {
    this.document.visibilityState = visibilityState;
    this.document.dispatchEvent(new Event("visibilitychange"));
  }

  get newest(): Source {
    return this.sources.at(-1) as Source;
  }
}

class Source extends EventTarget {
  static readonly CLOSED = 2;
  readyState = 1;

  constructor(readonly url: string) {
    super();
  }

  close(): void {
    this.readyState = Source.CLOSED;
  }

  say(name: string): void {
    this.dispatchEvent(Object.assign(new Event(name), { data: "{}" }));
  }
}

/** Let what is promised come. */
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
};

test("a stream that has fallen silent is begun again, one that beats is not", async (context) => {
  const browser = new Browser(context);
  follow(browser.store);
  await settle();
  browser.newest.say("open");
  for (let beat = 0; beat < 10; beat += 1) {
    context.mock.timers.tick(15_000);
    browser.newest.say("beat");
  }
  assert.deepEqual([browser.sources.length, browser.store.connection], [1, "live"]);
  context.mock.timers.tick(46_000);
  assert.equal(browser.store.connection, "lost");
  assert.equal(browser.sources[0]?.readyState, Source.CLOSED);
  context.mock.timers.tick(500);
  await settle();
  browser.newest.say("open");
  assert.deepEqual([browser.sources.length, browser.store.connection], [2, "live"]);
  context.mock.timers.tick(46_000);
  context.mock.timers.tick(500);
  await settle();
  assert.equal(browser.loads, 3, "the first stream's watchdog has ended with it");
});

test("a viewer for whom there is no room asks for everything more and more seldom", async (context) => {
  const browser = new Browser(context);
  follow(browser.store);
  for (let second = 0; second < 120; second += 1) {
    await settle();
    if (browser.newest.readyState !== Source.CLOSED) {
      browser.newest.close();
      browser.newest.say("error");
    }
    context.mock.timers.tick(500);
    context.mock.timers.tick(500);
  }
  assert.ok(browser.loads < 20, `${browser.loads} loads in two minutes`);
});

test("a page that nobody sees leaves its connection to others, and is as the cluster is when it is seen again", async (context) => {
  const browser = new Browser(context);
  follow(browser.store);
  await settle();
  browser.newest.say("open");
  browser.show("hidden");
  context.mock.timers.tick(4_000);
  browser.show("visible");
  context.mock.timers.tick(10_000);
  assert.deepEqual([browser.newest.readyState, browser.loads], [1, 1], "one that was away for a moment goes on");
  browser.show("hidden");
  context.mock.timers.tick(5_000);
  assert.deepEqual([browser.newest.readyState, browser.store.connection], [Source.CLOSED, "resting"]);
  context.mock.timers.tick(600_000);
  await settle();
  assert.equal(browser.loads, 1, "nothing is asked for meanwhile");
  browser.show("visible");
  await settle();
  browser.newest.say("open");
  assert.deepEqual([browser.sources.length, browser.loads, browser.store.connection], [2, 2, "live"]);
});

test("what comes too late for a page that nobody sees any more opens no connection", async (context) => {
  const browser = new Browser(context);
  follow(browser.store);
  browser.show("hidden");
  context.mock.timers.tick(5_000);
  await settle();
  assert.deepEqual([browser.loads, browser.sources.length, browser.store.connection], [1, 0, "loading"]);
});

test("a request that is not answered is given up and made again", async (context) => {
  const browser = new Browser(context);
  browser.dead = 2;
  follow(browser.store);
  for (let second = 0; second < 30 && browser.sources.length === 0; second += 1) {
    await settle();
    context.mock.timers.tick(1000);
  }
  await settle();
  assert.deepEqual([browser.loads, browser.sources.length], [3, 1]);
});

test("a stream is found silent also where the clock is set back meanwhile", async (context) => {
  const browser = new Browser(context);
  follow(browser.store);
  await settle();
  browser.newest.say("open");
  const now = Date.now;
  context.mock.method(Date, "now", () => now() - 3_600_000);
  for (let look = 0; look < 10; look += 1) context.mock.timers.tick(5_000);
  assert.equal(browser.store.connection, "lost");
});
