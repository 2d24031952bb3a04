// Runs buf: the binary among this folder's packages, which there is for Linux, or else the one in PATH.
//
// The package that chooses among all platforms downloads the binary from its install script when it has to; these
// two are locked by their hash and run nothing when they are installed.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const architecture = { x64: "x64", arm64: "aarch64" }[process.arch];
const bundled = fileURLToPath(
  new URL(`node_modules/@bufbuild/buf-${process.platform}-${architecture}/bin/buf`, import.meta.url),
);
const buf = existsSync(bundled) ? bundled : "buf";
const { status, error } = spawnSync(buf, process.argv.slice(2), { stdio: "inherit" });
if (error) {
  console.error(`buf is neither at ${bundled} nor in PATH: ${error.message}`);
}
process.exit(status ?? 1);
