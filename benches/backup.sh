#!/usr/bin/env bash
# Measures what a backup costs those who write meanwhile, and how long it, a restore and a check take. Prints a Markdown
# table: medians over rounds that take turns. See README.md beside this.
#
#   benches/backup.sh [ANNOTATIONS]     1,000,000 unless given
#
#   R        rounds, 3 unless given
#   PER_SECOND  annotations that are created a second, one a call, whether or not those before were answered; 1,000
#   BENCH_ELSEWHERE  a folder on another disk than BENCH_SCRATCH; in memory unless given
set -euo pipefail
cd "$(dirname "$0")/.."
source benches/lib.sh

R=${R:-3} PER_SECOND=${PER_SECOND:-1000}
annotations=${1:-1000000}

# created NAME SECONDS: what creating costs.
created() {
  client --server "$server_url" latency create --name "$1" --streams 64 --per-second "$PER_SECOND" --seconds "$2" \
    --annotations "$annotations" >>"$results"
}

# timed NAME COMMAND...: how long it takes.
timed() {
  local name=$1 begin
  shift
  begin=$(date +%s%N)
  "$@" >/dev/null
  printf '{"name": "%s", "seconds": %s}\n' "$name" "$(python3 -c "print(($(date +%s%N) - $begin) / 1e9)")" >>"$results"
}

back_up() { "$BENCH_SERVER" --server "$server_url" backup --force "$1"; }
size_mib() { du --summarize --block-size=1M --apparent-size "$1" | cut -f1; }

prepare
results=$work/results.jsonl
: >"$results"
elsewhere=$(mktemp -d "${BENCH_ELSEWHERE:-/dev/shm}/spandrel-bench.XXXXXX")
trap 'finish; rm -rf "$elsewhere"' EXIT

serve server "$work/data"
client --server "$server_url" fill --annotations "$annotations" >&2
for round in $(seq "$R"); do
  printf 'round %s of %s\n' "$round" "$R" >&2
  created "alone" 8
  for where in elsewhere beside; do
    folder=$work
    [ $where = beside ] || folder=$elsewhere
    created "$where" 6 &
    # As many backups as fit into what is measured.
    creating=$!
    sleep 1
    while kill -0 "$creating" 2>/dev/null; do timed "backup-$where" back_up "$folder/all.spandrel"; done
    wait "$creating"
  done
  timed "backup" back_up "$elsewhere/all.spandrel"
done
end server
printf '{"name": "sizes", "folder_mib": %s, "file_mib": %s}\n' \
  "$(size_mib "$work/data")" "$(size_mib "$elsewhere/all.spandrel")" >>"$results"
for round in $(seq "$R"); do
  rm -rf "$work/restored"
  timed "restore" "$BENCH_SERVER" restore "$elsewhere/all.spandrel" --data-dir "$work/restored"
  timed "verify" "$BENCH_SERVER" verify --data-dir "$work/restored"
done
printf '{"name": "sizes", "restored_mib": %s}\n' "$(size_mib "$work/restored")" >>"$results"

[ -z "${RESULTS:-}" ] || cp "$results" "$RESULTS"
python3 benches/table.py backup "$results"
