# What speed.sh and size.sh share. Sourced, not run.
#
#   SPANDREL_FLOOR   a built copy of the floor's folder: bin/load, bin/floor-server, bin/floor-server-mimalloc,
#                    bin/fsync-floor and body/
#   BENCH_SERVER  the server that is measured; built here when unset
#   BENCH_CLIENT  benches/client; built here when unset
#   BENCH_SCRATCH where data is put, on a disk and not in memory; the system's temporary folder when unset

fail() {
  printf '%s\n' "$1" >&2
  exit 1
}

# Builds what is not given, makes the scratch folder and sees to it that nothing is left behind.
prepare() {
  local target
  target=$(cargo metadata --no-deps --format-version 1 | python3 -c 'import json,sys; print(json.load(sys.stdin)["target_directory"])')
  if [ -z "${BENCH_SERVER:-}" ]; then
    cargo build --release --locked >&2
    BENCH_SERVER=$target/release/spandrel
  fi
  if [ -z "${BENCH_CLIENT:-}" ]; then
    BENCH_CLIENT=$(cargo build --release --locked --bench client --message-format=json | python3 -c '
import json, sys
for line in sys.stdin:
    artifact = json.loads(line)
    if artifact.get("target", {}).get("name") == "client" and artifact.get("executable"):
        print(artifact["executable"])')
  fi
  work=$(mktemp -d "${BENCH_SCRATCH:-${TMPDIR:-/tmp}}/spandrel-bench.XXXXXX")
  declare -gA started=()
  trap finish EXIT
  case $(stat --file-system --format=%T "$work") in
    tmpfs | ramfs) fail "$work is in memory, where a sync costs nothing; set BENCH_SCRATCH to a folder on a disk" ;;
  esac
}

finish() {
  local pid
  for pid in "${!started[@]}"; do
    kill "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  rm -rf "$work"
}

# serve NAME DATA_DIR: starts the server; sets NAME_pid, NAME_url, NAME_address and NAME_ready_ms.
serve() {
  local name=$1 line begin end
  mkfifo "$work/$name.out"
  begin=$(date +%s%N)
  "$BENCH_SERVER" serve --listen 127.0.0.1:0 --data-dir "$2" >"$work/$name.out" 2>"$work/$name.log" &
  declare -g "${name}_pid=$!"
  started[$!]=1
  read -r line <"$work/$name.out" || fail "the server did not start: $(cat "$work/$name.log")"
  end=$(date +%s%N)
  rm "$work/$name.out"
  [[ $line =~ http://([0-9.:]+) ]] || fail "no address in the line of readiness: $line"
  declare -g "${name}_address=${BASH_REMATCH[1]}" "${name}_url=http://${BASH_REMATCH[1]}"
  declare -g "${name}_ready_ms=$(((end - begin) / 1000000))"
}

# end NAME: ends what serve started, and waits for it.
end() {
  local pid="$1_pid"
  kill "${!pid}"
  wait "${!pid}" 2>/dev/null || true
  unset "started[${!pid}]"
}

# rss_mib PID
rss_mib() { awk '/^VmRSS/ { printf "%.1f", $2 / 1024 }' "/proc/$1/status"; }

client() { "$BENCH_CLIENT" "$@"; }
