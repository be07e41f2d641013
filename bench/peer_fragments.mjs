// The peer of `bench intake`: IfcImporter of @thatopen/fragments on each file given.
import fs from "node:fs";
import path from "node:path";
import { IfcImporter } from "@thatopen/fragments";

for (const file of process.argv.slice(2)) {
  const importer = new IfcImporter();
  importer.wasm = { path: `${path.resolve("node_modules/web-ifc")}/`, absolute: true };
  const bytes = new Uint8Array(fs.readFileSync(file));
  const started = performance.now();
  try {
    const made = await importer.process({ bytes });
    const s = (performance.now() - started) / 1000;
    console.log(`\n${JSON.stringify({ file, s, bytes: made.length })}`);
  } catch (error) {
    console.log(`\n${JSON.stringify({ file, error: String(error).slice(0, 200) })}`);
  }
}
