// Bundle the tests, since Node 20 does not read TypeScript, and run them with Node's own runner.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "freshet-ui-"));
const tests = readdirSync(join(here, "test")).filter((name) => name.endsWith(".test.ts"));
buildSync({
  absWorkingDir: here,
  entryPoints: tests.map((name) => join("test", name)),
  outdir: folder,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  platform: "node",
  format: "esm",
  sourcemap: "inline",
});
const made = tests.map((name) => join(folder, name.replace(/\.ts$/, ".mjs")));
const done = spawnSync(process.execPath, ["--enable-source-maps", "--test", "--test-reporter=dot", ...made], { stdio: "inherit" });
rmSync(folder, { recursive: true });
process.exit(done.status ?? 1);
