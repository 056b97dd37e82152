#!/bin/bash
# The fault laboratory. One thread of A's warpd stands still for five seconds at one of its stop points, as if the system
# gave it no CPU or a driver hung, and meanwhile a link is deleted, renamed, given other addresses or another size, or
# falls. A seed says which thread, where, and how. Link 0 and its worker are left alone, and must carry everything; all
# ports come back, and the books close. What warpd frees is overwritten at once, so that whoever still reads it fails.
#
#   A wan0 -- a0 - M - b0 -- wan0 B
#   A wan1 -- a1 -'
#   A wan2 -- a2 -'
#
#   WARP_FAULT_SEEDS='7 3'    first seed and how many (1 2)      WARP_FAULT_STEPS=12   of each seed (4); `all` for every
#   WARP_FAULT_STEP='worker table_taken 1 deleted'   this alone                        point, none of which may be missed
here=$(dirname "$0")
. "$here/_init.sh"
. "$here/_harms.sh"
read -r first seeds <<<"${WARP_FAULT_SEEDS:-1 2}"
steps=${WARP_FAULT_STEPS:-4}
hold=5          # seconds for which a thread stands still
in_hand=64      # payloads that a worker may have in its hands, or in a ring that it has claimed: they come late
[[ $(uname -m) == x86_64 ]] || { echo "stop points can be used on x86-64 only"; exit 77; }

plan() { $lab_python "$here/fault_plan.py" "$warpd" "$@"; }

# --- Threads. ----------------------------------------------------------------------------------------------------------------

# The name of that worker, unless it serves link 0: then of another.
worker_name() {
  local worker
  worker=$(status A "str((lambda w, spared: w if w != spared else (spared + 1) % 3)(
    $1, status['ports'][0]['worker']))" 2)
  worker_thread A "$worker"
}
thread_name() {  # KIND POINT LINK
  case $1/$2 in
    worker/burst_claimed | worker/burst_taken | worker/burst_spread) worker_name 1 ;;  # the home of the tunnel
    worker/*) worker_name "status['ports'][$3]['worker']" ;;
    control/*) cat "/proc/${pid_of[A]}/comm" ;;
    *) echo "warp-$1" ;;
  esac
}

# arm KIND POINT LINK: lets that thread be stopped in the background. Returns once it is waited for.
arm() {
  local targets
  targets=("$(thread_name "$@"):${2#anywhere}")
  # Tables pile up behind a worker that stands still. It is stopped first.
  [[ $2 != publish_barrier ]] || targets+=("$(thread_name worker table_held "$3"):table_held")
  rm -f "$lab/stopped"
  PATIENCE=15 $lab_python "$here/stop_thread.py" "${pid_of[A]}" $hold "${targets[@]%:}" >"$lab/stopped" 2>&1 &
  stopper_pid=$!
  tracer_says armed 50 || fail "the tracer failed: $(cat "$lab/stopped")"
}
# tracer_says WORD TENTHS: whether it does so within so many tenths of a second.
tracer_says() {
  local i
  for ((i = 0; i < 2 * $2; i++)); do
    ! grep -qsx "$1" "$lab/stopped" || return 0
    sleep 0.05
  done
  return 1
}
stopped() { tracer_says stopped "$1"; }

# --- Steps. ------------------------------------------------------------------------------------------------------------------

all_back() {
  status A "all(port['state'] == 'up' for port in status['ports']) and active() == 3" "${1:-15}" >/dev/null
  wait_active B 3
}
# Everything that the gate took is accounted for, and nothing is under way.
books_closed() {
  local tunnel="[t for t in status['tunnels'] if t['name'] == 'video'][0]"
  status "$1" "$tunnel['in_flight'] == 0 and $tunnel['queued'] == 0" 5 >/dev/null
  status "$1" "$tunnel['from_app'] == $tunnel['sent'] + sum($tunnel['drops'].values())" 0 >/dev/null
}
fault() {  # KIND POINT LINK HARM
  local kind=$1 point=$2 link=$3 harm=$4 hurt=$3 most=0
  step "$kind at $point, wan$link $harm"
  traffic 500 1200
  sleep 0.2
  # A worker that walks to its sleep must have nothing to do: its link is cut, and the other one is hurt.
  if [[ $point == *'*'* ]]; then
    hurt=$((3 - link))
    cut "a$link"
    status A "active() == 2" 5 >/dev/null
  fi
  arm "$kind" "$point" "$link"
  # Threads that are always busy are stopped before it happens; what opens and closes devices, because of it.
  [[ $kind == device || $point == port_* ]] || stopped 10 || true
  "begin_$harm" "$hurt"
  ! stopped 15 || sleep 1
  "end_$harm" "$hurt"
  if stopped 130; then
    sed -n "s/^.* at /$kind /p" "$lab/stopped" >>"$lab/came_by"
    # Whatever it has come to in the meantime, it sees the world change.
    while kill -0 $stopper_pid 2>/dev/null; do
      begin_cut "$hurt"
      sleep 0.1
      end_cut "$hurt"
      sleep 0.1
    done
  fi
  restore "a$link"
  wait $stopper_pid || grep 'not reached' "$lab/stopped" || { cat "$lab/stopped"; fail "the tracer failed"; }
  kill -0 "${pid_of[A]}" || fail "warpd has ended: $(cat "$lab/stopped")"
  all_back
  carries "$link" 0
  traffic_end >/dev/null
  expect_gauge 'duplicated == 0 and corrupt == 0'
  [[ $point != burst_* ]] || most=$in_hand
  # While control itself stands still, payloads wait at the gate until they are late.
  [[ $kind == control ]] || expect_gauge "sent > 0 and lost <= $most and longest_gap_ms < 1000"
  $lab_python -c 'import json, sys
gauge = json.load(open(sys.argv[1]))
print("         sent", gauge["sent"], "lost", gauge["lost"], "longest gap", round(gauge["longest_gap_ms"]), "ms")' "$lab/gauge.json"
  books_closed A
  books_closed B
}

# It ends within seconds, though the thread that was stopped first stands still again.
stop_with_fault() {
  local kind point link stopped_at
  read -r kind point link _ <"$lab/plan"
  [[ $kind != control ]] || kind=worker point=table_held
  step "$kind at $point, and the daemon is to end"
  hold=30 arm "$kind" "$point" "$link"
  stopped 20 || echo "         not reached"
  stopped_at=$SECONDS
  stop A
  ((SECONDS - stopped_at < 15)) || fail "it took $((SECONDS - stopped_at)) s"
  wait $stopper_pid || true
}

# start SEED: starts A. Its drivers, and whether link 0's worker is the home of the tunnel, depend on the seed.
start() {
  local xdp
  node_config A B
  [[ $(($1 % 2)) == 0 ]] && xdp='1' || xdp='02'
  # Names that nobody knows are asked for again and again.
  sed -i -E -e "s/(\{name: wan[$xdp], .*)\}/\1, driver: af_xdp}/" \
    -e 's/endpoints: \[\]/endpoints: ["a.invalid:1", "b.invalid:1", "c.invalid:1", "d.invalid:1"]/' "$lab/A.yaml"
  if (($1 % 2 == 1)); then
    sed -i "s/^tunnels:/&\n  - {name: first, id: 7, peer: b, gate: {loopback: {listen: \"127.0.0.1:9100\"}}}/" "$lab/A.yaml"
  fi
  GLIBC_TUNABLES=glibc.malloc.tcache_count=0:glibc.malloc.perturb=165 node_up A
  all_back
}

# No name server listens there, so that every look-up fails at once and is made again soon.
printf 'nameserver 10.99.0.1\noptions timeout:1 attempts:1\n' >"$lab/resolv.conf"
mount --bind "$lab/resolv.conf" /etc/resolv.conf

router
site A 3 4
site B 1 4
map_up
node_config B A
node_up B
echo_up
touch "$lab/came_by"
for ((seed = first; seed < first + seeds; seed++)); do
  node_options="workers: 3" start "$seed"
  plan "$seed" "$steps" >"$lab/plan"
  [[ -z ${WARP_FAULT_STEP:-} ]] || echo "$WARP_FAULT_STEP" >"$lab/plan"
  step "seed $seed"
  while read -r -u 9 kind point link harm; do
    fault "$kind" "$point" "$link" "$harm"
  done 9<"$lab/plan"
  stop_with_fault
done
plan points | sort >"$lab/points"
missed=$(comm -23 "$lab/points" <(sort -u "$lab/came_by"))
echo "$(comm -12 "$lab/points" <(sort -u "$lab/came_by") | wc -l) of $(wc -l <"$lab/points") points reached"
[[ $steps != all || -z $missed ]] || fail "never reached: $missed"
