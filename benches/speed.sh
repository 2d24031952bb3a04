#!/usr/bin/env bash
# Measures the server against a bare gRPC server and a bare disk, alternating in one run, and prints a Markdown table.
# See README.md beside this. D: seconds of a measurement, W: of its warm-up, R: rounds.
set -euo pipefail
cd "$(dirname "$0")/.."
source benches/lib.sh

D=${D:-2} W=${W:-0.5} R=${R:-3}
: "${SPANDREL_FLOOR:?set it to a built copy of the folder of the floor}"
ANNOTATIONS=${ANNOTATIONS:-100000}
SPANDREL_FLOOR=$(realpath "$SPANDREL_FLOOR")
load=$SPANDREL_FLOOR/bin/load
fsync_floor=$SPANDREL_FLOOR/bin/fsync-floor
floor=/floor.v1.Floor
ours=/spandrel.v1.AnnotationService

# start_floor NAME BINARY ARGUMENTS...: starts a floor server; sets NAME_pid and NAME_address.
start_floor() {
  local name=$1 port
  shift
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  "$SPANDREL_FLOOR/bin/$1" --addr "127.0.0.1:$port" "${@:2}" >/dev/null &
  started[$!]=1
  declare -g "${name}_pid=$!" "${name}_address=127.0.0.1:$port"
  for _ in {1..100}; do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return
    sleep 0.05
  done
  fail "$1 did not start"
}

# run SERVER NAME LOAD_ARGUMENTS...: one measurement.
run() {
  local pid="$1_pid" address="$1_address" name=$2
  shift 2
  "$load" --json --addr "${!address}" --server-pid "${!pid}" -d "$D" -w "$W" --name "$name" "$@" >>"$results"
}

# random NAME CALL STREAMS PROJECT: one measurement of calls that are all different.
random() {
  client --server "$server_url" latency "$2" --name "$1" --streams "$3" --project "$4" \
    --annotations "$ANNOTATIONS" --seconds "$D" --warm-up "$W" --server-pid "$server_pid" >>"$results"
}

# disk NAME ARGUMENTS...: what the bare disk does, as JSON.
disk() {
  local name=$1
  shift
  "$fsync_floor" --dir "$work/fsync" --secs "$D" "$@" | python3 -c '
import json, re, sys
line = sys.stdin.read()
number = lambda pattern: float(re.search(pattern, line).group(1))
print(json.dumps({"name": sys.argv[1], "rps": number(r"(\d+) writes/s"), "p50_us": number(r"p50 (\d+)")}))' "$name" >>"$results"
}

# A third of the median rate of NAME so far.
third_of() {
  python3 - "$results" "$1" <<'PYTHON'
import json, statistics, sys
rates = [row["rps"] for row in map(json.loads, open(sys.argv[1])) if row["name"] == sys.argv[2]]
print(int(statistics.median(rates) / 3))
PYTHON
}

prepare
results=$work/results.jsonl
: >"$results"

for round in 1 2 3; do
  serve empty "$work/empty-$round"
  sleep 1
  printf '{"name": "start", "ready_ms": %s, "rss_mib": %s}\n' "$empty_ready_ms" "$(rss_mib "$empty_pid")" >>"$results"
  end empty
done

serve server "$work/data"
start_floor percore floor-server-mimalloc --runtime percore
start_floor multi floor-server --runtime multi
# What is read and what is written are apart, so that reads cost the same in every round.
for project in read written; do
  client --server "$server_url" fill --project "$project" --annotations "$ANNOTATIONS" >&2
done
client --server "$server_url" books >&2
for project in read written; do
  client --server "$server_url" bodies "$work/$project" --project "$project" >&2
done
printf '{"name": "streamed", "annotations": %s}\n' "$ANNOTATIONS" >>"$results"
echo_body=(--body "$SPANDREL_FLOOR/body/echo.bin")

for ((round = 1; round <= R; round++)); do
  printf 'round %s of %s, load %s\n' "$round" "$R" "$(cut -d' ' -f1-3 /proc/loadavg)" >&2
  run percore echo "$floor/Echo" "${echo_body[@]}" -c 4 -m 16
  run server get "$ours/GetAnnotation" --body "$work/read/get.bin" -c 4 -m 16
  run multi echo-multi "$floor/Echo" "${echo_body[@]}" -c 4 -m 16
  random get-random get 64 read

  run percore list "$floor/List" -c 4 -m 4
  run server list-200 "$ours/ListAnnotations" --body "$work/read/list-200.bin" -c 4 -m 4
  run percore list-raw "$floor/ListRaw" -c 4 -m 4
  run multi list-multi "$floor/List" -c 4 -m 4
  random list-random list 16 read

  disk disk-alone
  run server create-1 "$ours/CreateAnnotation" --body "$work/written/create.bin" -c 1 -m 1
  disk disk-group --mode group --threads 64
  run server create-64 "$ours/CreateAnnotation" --body "$work/written/create.bin" -c 4 -m 16
  random create-random create 64 written
  disk disk-group --mode group --threads 64
  run server commit-100 "$ours/CommitAnnotations" --body "$work/written/commit-100.bin" -c 4 -m 4

  run percore watch "$floor/Watch" --hex 08904e -c 4 -m 1
  run server stream "$ours/StreamAnnotations" --body "$work/read/stream.bin" -c 4 -m 1

  rate=$(third_of get)
  run percore echo-open "$floor/Echo" "${echo_body[@]}" -c 4 --rate "$rate"
  run server get-open "$ours/GetAnnotation" --body "$work/read/get.bin" -c 4 --rate "$rate"
  rate=$(third_of list-200)
  run percore list-open "$floor/List" -c 4 --rate "$rate"
  run server list-200-open "$ours/ListAnnotations" --body "$work/read/list-200.bin" -c 4 --rate "$rate"
done

[ -z "${RESULTS:-}" ] || cp "$results" "$RESULTS"
python3 benches/table.py speed "$results"
