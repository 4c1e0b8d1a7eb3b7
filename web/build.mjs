// Bundles the console's scripts into the folder given as the argument, with the licences of what is in them.
import { readFile, writeFile, mkdir } from "node:fs/promises"
import { dirname, join } from "node:path"
import { existsSync, readdirSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"

const here = dirname(fileURLToPath(import.meta.url))
const out = process.argv[2]
await mkdir(out, { recursive: true })

const result = await build({
  absWorkingDir: here,
  entryPoints: ["editor.js", "charts.js"],
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  metafile: true,
  outdir: out,
  logLevel: "warning",
})

// by package: one stands in the bundles once, whatever the number of its files
const packages = new Set()
for (const file of Object.keys(result.metafile.inputs)) {
  const match = file.match(/^node_modules\/((?:@[^/]+\/)?[^/]+)\//)
  if (match) packages.add(match[1])
}
const parts = []
for (const name of [...packages].sort()) {
  const folder = join(here, "node_modules", name)
  const { version, license } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"))
  const file = readdirSync(folder).sort().find((entry) => /^(licen[sc]e|copying)/i.test(entry))
  const text = file && existsSync(join(folder, file)) ? await readFile(join(folder, file), "utf8") : ""
  parts.push(`${name} ${version}: ${license}\n\n${text.replace(/\r\n/g, "\n").trim()}\n`)
}
await writeFile(join(out, "LICENCES.txt"), parts.join(`\n${"-".repeat(78)}\n\n`))
