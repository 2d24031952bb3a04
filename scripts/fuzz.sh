#!/usr/bin/env bash
# Fuzzes every target of fuzz/, one after another, and fails when one of them finds something.
#
#   scripts/fuzz.sh [SECONDS] [TARGET...]   SECONDS for each target, 60 when left out; all targets when none is named
#
# Needs a C++ compiler and cargo-fuzz (cargo install cargo-fuzz --locked); no nightly Rust. What a target finds stands
# in fuzz/artifacts/TARGET; `cargo fuzz run --sanitizer none TARGET FILE`, with RUSTC_BOOTSTRAP=1, shows it again. The
# corpus in fuzz/corpus grows from run to run and is not committed; fuzz/seeds is where it begins.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds="${1:-60}"
shift || true
case "$seconds" in '' | *[!0-9]*)
  printf 'SECONDS is %s; give a number such as 60\n' "$seconds" >&2
  exit 2
  ;;
esac
command -v cargo-fuzz >/dev/null || {
  printf 'cargo-fuzz is not installed; install it with: cargo install cargo-fuzz --locked\n' >&2
  exit 2
}

# The coverage that libFuzzer needs is an unstable option of the compiler.
export RUSTC_BOOTSTRAP=1
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(cargo fuzz list)

cargo fuzz build --sanitizer none
found=()
for target in "${targets[@]}"; do
  printf '\n== %s, for %d s\n' "$target" "$seconds"
  mkdir -p "fuzz/corpus/$target"
  cargo fuzz run --sanitizer none "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
    -max_total_time="$seconds" -timeout=20 -max_len=8192 -print_final_stats=1 || found+=("$target")
done

[ ${#found[@]} -eq 0 ] || {
  printf '\nFOUND something: %s\n' "${found[*]}" >&2
  exit 1
}
printf '\nNothing was found in %d targets.\n' "${#targets[@]}"
