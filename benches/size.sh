#!/usr/bin/env bash
# Measures how the server grows: disk, memory, time to ready and latency at 100,000 and 1 million annotations, and what
# an article with 100,000 costs beside one with 200. Prints Markdown tables. See README.md beside this.
#
#   benches/size.sh [ANNOTATIONS...]     such as 100000 1000000 10000000
set -euo pipefail
cd "$(dirname "$0")/.."
source benches/lib.sh

D=${D:-3}
sizes=("$@")
[ $# -gt 0 ] || sizes=(100000 1000000)

# measure NAME CALL STREAMS ANNOTATIONS
measure() {
  client --server "$server_url" latency "$2" --name "$1" --streams "$3" --annotations "$4" --seconds "$D" \
    --server-pid "$server_pid" >>"$results"
}

prepare
results=$work/results.jsonl
: >"$results"

for annotations in "${sizes[@]}"; do
  printf '%s annotations\n' "$annotations" >&2
  serve server "$work/data"
  client --server "$server_url" fill --annotations "$annotations" | tee -a "$results" >&2
  loaded=$(rss_mib "$server_pid")
  disk=$(du --summarize --block-size=1M "$work/data" | cut -f1)
  end server
  serve server "$work/data"
  reopened=$(rss_mib "$server_pid")
  printf '{"name": "size", "annotations": %s, "disk_mib": %s, "loaded_mib": %s, "reopened_mib": %s, "ready_ms": %s}\n' \
    "$annotations" "$disk" "$loaded" "$reopened" "$server_ready_ms" >>"$results"
  for call in get list create; do
    for streams in 1 64; do
      measure "$call-$streams-$annotations" "$call" "$streams" "$annotations"
    done
  done
  printf '{"name": "served", "annotations": %s, "rss_mib": %s}\n' "$annotations" "$(rss_mib "$server_pid")" >>"$results"
  end server
  rm -rf "$work/data"
done

serve server "$work/data"
client --server "$server_url" books | tee -a "$results" >&2
for call in window middle; do
  for article in page book page book; do
    measure "$call-$article" "$call-$article" 1 0
  done
done
client --server "$server_url" delete-book >>"$results"
end server

[ -z "${RESULTS:-}" ] || cp "$results" "$RESULTS"
python3 benches/table.py size "$results"
