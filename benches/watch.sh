#!/usr/bin/env bash
# Measures how soon those who follow a project see what is written, what they cost those who write, what a request id
# costs, and how many writers get on with one article and with one annotation. Prints a Markdown table: medians over
# rounds that take turns. See README.md beside this.
#
#   D    seconds of a measurement, 3 unless given
#   R    rounds, 3 unless given
set -euo pipefail
cd "$(dirname "$0")/.."
source benches/lib.sh

D=${D:-3} R=${R:-3}
ANNOTATIONS=20000

# measure COMMAND ARGUMENTS...: one measurement.
measure() { client --server "$server_url" "$@" --seconds "$D" >>"$results"; }

prepare
results=$work/results.jsonl
: >"$results"
serve server "$work/data"
client --server "$server_url" fill --annotations "$ANNOTATIONS" >&2
cpu=(--server-pid "$server_pid")
for round in $(seq "$R"); do
  printf 'round %s of %s\n' "$round" "$R" >&2
  for watchers in 1 100 1000; do
    measure watch --name "seen-$watchers" --watchers "$watchers" --writers 16 --per-second 50 "${cpu[@]}"
  done
  for watchers in 0 100 1000; do
    measure watch --name "beside-$watchers" --watchers "$watchers" --writers 64 --unread "${cpu[@]}"
  done
  for articles in 1 1000; do
    measure watch --name "articles-$articles" --watchers 0 --writers 64 --articles "$articles" "${cpu[@]}"
    measure watch --name "ids-$articles" --watchers 0 --writers 64 --articles "$articles" --request-ids "${cpu[@]}"
  done
  for writers in 2 64; do measure contend --writers "$writers"; done
done
printf '{"name": "memory", "rss_mib": %s}\n' "$(rss_mib "$server_pid")" >>"$results"

[ -z "${RESULTS:-}" ] || cp "$results" "$RESULTS"
python3 benches/table.py watch "$results"
