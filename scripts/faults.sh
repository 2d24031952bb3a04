#!/usr/bin/env bash
# Does every fault to Spandrel in its long form, and prints a table of what came of it.
#
#   scripts/faults.sh [--rounds-scale N] [TEST...]
#
#   --rounds-scale N  N percent of the rounds; 100 unless given, which takes hours
#   TEST...           only the fault tests whose names contain one of these
#
# Power cuts and full disks need root, loop devices and mkfs.ext4; failing writes need cc; the fuzz targets cargo-fuzz.
# Nothing is installed: what cannot run is said. Stopped at any time (Ctrl-C), it prints the table as far as it came.
set -uo pipefail
cd "$(dirname "$0")/.."

percent=100
tests=()
while [ $# -gt 0 ]; do
  case "$1" in
    --rounds-scale)
      percent="${2:-}"
      shift 2 || { echo "--rounds-scale takes a number of percent" >&2; exit 2; }
      ;;
    -h | --help) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0"; exit 0 ;;
    -*) echo "unknown option $1; see --help" >&2; exit 2 ;;
    *) tests+=("$1"); shift ;;
  esac
done
[[ "$percent" =~ ^[1-9][0-9]*$ ]] || { echo "--rounds-scale takes a number of percent, from 1" >&2; exit 2; }

table=$(mktemp)
# What the tests skip, a line each.
skipped=$(mktemp)
notes=()
failed=0
child=

export SPANDREL_FAULTS=long
export SPANDREL_FAULTS_PERCENT="$percent"
export SPANDREL_FAULTS_TABLE="$table"
export SPANDREL_FAULTS_NOTES="$skipped"
# What the tests leave when they are stopped is in here.
TMPDIR=$(mktemp -d)
SPANDREL_FAULTS_MEMORY=$(mktemp -d -p /dev/shm 2>/dev/null || mktemp -d)
export TMPDIR SPANDREL_FAULTS_MEMORY

print_table() {
  printf '\n%-40s %8s %10s %6s %6s %12s\n' fault rounds checked lost torn 'failed opens'
  # Each round writes the sums so far; the last line of each fault counts.
  awk -F'\t' '
    !($1 in last) { order[++count] = $1 }
    { last[$1] = $0 }
    END {
      for (at = 1; at <= count; at++) {
        split(last[order[at]], column, "\t")
        printf "%-40s %8s %10s %6s %6s %12s\n", column[1], column[2], column[3], column[4], column[5], column[6]
      }
    }' "$table"
  printf '(checked: acknowledged writes that were looked for. The controls have to lose some.)\n'
  sort -u "$skipped" | sed 's/^/NOTE: /'
  for note in ${notes[@]+"${notes[@]}"}; do
    printf 'NOTE: %s\n' "$note"
  done
}

finish() {
  trap - EXIT INT TERM
  # The tests' own process group, so that they and their servers end; their mounts stay.
  [ -n "$child" ] && kill -TERM -- "-$child" 2>/dev/null && wait "$child" 2>/dev/null
  clean_up
  print_table
  rm -f "$table" "$skipped"
  exit "$1"
}

# What a test that was stopped could not unmount and remove. A loop device goes with its mount.
clean_up() {
  local on
  while read -r _ on _; do
    case "$on" in
      "$TMPDIR"/*) umount "$on" 2>/dev/null || umount --lazy "$on" ;;
    esac
  done < <(cat /proc/mounts)
  rm -rf --one-file-system "$TMPDIR" "$SPANDREL_FAULTS_MEMORY"
}

# run WHAT COMMAND...: in a process group of its own, so that it can be stopped as one.
run() {
  printf '\n== %s (after %d s)\n' "$1" "$SECONDS"
  local what="$1"
  shift
  set -m
  "$@" &
  child=$!
  set +m
  if ! wait "$child"; then
    notes+=("$what failed; its output is above")
    failed=1
  fi
  child=
}

trap 'finish 130' INT TERM
trap 'finish $failed' EXIT

# One after another: each of them keeps the machine busy.
run "Faults" cargo test --locked --test faults -- --nocapture --include-ignored --test-threads 1 ${tests[@]+"${tests[@]}"}
if [ ${#tests[@]} = 0 ]; then
  run "Watchers" cargo test --locked --test watchers -- --nocapture
  run "Simulation" cargo test --locked --test simulation -- --nocapture
  if command -v cargo-fuzz >/dev/null; then
    run "Fuzzing" scripts/fuzz.sh
  else
    notes+=("no cargo-fuzz: nothing was fuzzed; cargo install cargo-fuzz --locked")
  fi
fi
