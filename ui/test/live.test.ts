import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { follow } from "../src/live.ts";
import { Store } from "../src/store.ts";

/** What the browser gives: sources that were opened, and how the store was told. */
class Browser {
  readonly sources: Source[] = [];
  readonly store = new Store();
  loads = 0;

  constructor(context: TestContext) {
    context.mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"] });
    const graph = { boot: "x", revision: 1, now: "2026-11-24T12:00:00Z", assets: [], pipelines: [] };
    const made = this.sources;
    Object.assign(globalThis, {
      window: globalThis,
      fetch: () => {
        this.loads += 1;
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
