// Bundle the page into a folder: `node build.mjs FOLDER` (default: dist). Names carry a hash of their content, so that
// the operator may tell browsers to keep them; each file has a compressed twin beside it, which aiohttp serves.
import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const folder = process.argv[2] ?? join(here, "dist");
await rm(folder, { recursive: true, force: true });
await mkdir(folder, { recursive: true });

const worker = await readFile(join(here, "node_modules/elkjs/lib/elk-worker.min.js"));
const workerName = `layout-${createHash("sha256").update(worker).digest("hex").slice(0, 8).toUpperCase()}.js`;
await writeFile(join(folder, workerName), worker);

const { metafile } = await build({
  absWorkingDir: here,
  entryPoints: { lineage: "src/main.tsx" },
  outdir: folder,
  entryNames: "[name]-[hash]",
  bundle: true,
  minify: true,
  format: "esm",
  target: ["es2022"],
  legalComments: "eof",
  metafile: true,
  define: { "process.env.NODE_ENV": '"production"', LAYOUT_WORKER: JSON.stringify(workerName) },
});

const made = Object.keys(metafile.outputs).map((path) => basename(path));
const names = { SCRIPT: made.find((name) => name.endsWith(".js")), STYLE: made.find((name) => name.endsWith(".css")) };
const page = await readFile(join(here, "src/index.html"), "utf8");
await writeFile(
  join(folder, "index.html"),
  page.replace(/%(SCRIPT|STYLE|WORKER)%/g, (_, key) => ({ ...names, WORKER: workerName })[key]),
);

for (const name of await readdir(folder)) {
  await writeFile(join(folder, `${name}.gz`), gzipSync(await readFile(join(folder, name)), { level: 9 }));
}
