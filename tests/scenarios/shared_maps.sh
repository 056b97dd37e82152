#!/bin/bash
# Two maps of one key share a redis, and each site has another one. Redis is stopped for 5 s, killed and started empty,
# and a map is killed, all under traffic: nothing is lost, and the sites find each other anew by the maps each time.
#
#   A wan0 -- a0 - M - b0 -- wan0 B      M: redis, map M at port 13116 for A, map N at port 13117 for B
#   A wan1 -- a1 -' '- b1 -- wan1 B
. "$(dirname "$0")/_init.sh"
command -v redis-server >/dev/null || { echo "skipped: there is no redis-server"; exit 77; }

redis_up() {
  ip netns exec M redis-server --bind 127.0.0.1 --port 6379 --save '' --appendonly no --dir "$lab" >"$lab/redis.log" 2>&1 &
  redis_pid=$!
  for ((i = 0; i < 100; i++)); do
    ! on M redis-cli ping 2>/dev/null | grep -q PONG || return 0
    sleep 0.1
  done
  fail "no redis: $(cat "$lab/redis.log")"
}
# shared_map_up NAME PORT
shared_map_up() {
  printf 'private_key_file: %s\ncontrol_socket: %s\nlisten: ["0.0.0.0:%s"]\nstore: {redis: "127.0.0.1:6379"}\n' \
    "$(key_file M)" "$lab/$1.sock" "$2" >"$lab/$1.yaml"
  launch "$1" M "$warp_map" --config "$lab/$1.yaml"
  ready "$1"
}
saved() { status "$1" 'status["store"]["state"] == "up" and status["store"]["unsaved"] == 0' 20 >/dev/null; }
# Site B forgets everything, and has to find A by its own map, which knows of A by redis alone.
found_anew() {
  kill_hard B
  node_up B
  wait_active B 4
}

router
site A 2
site B 2
redis_up
shared_map_up M 13116
shared_map_up N 13117
node_config A B
node_config B A
sed -i 's/10.99.0.1:13116/10.99.0.1:13117/' "$lab/B.yaml"
step "the sites find each other through two maps"
node_up A
node_up B
wait_active A 4
wait_active B 4
echo_up
traffic 500 500
step "redis is stopped for 5 s"
kill -STOP "$redis_pid"
sleep 5
kill -CONT "$redis_pid"
saved M && saved N
step "redis is killed, and begins with nothing"
kill -KILL "$redis_pid" && { wait "$redis_pid" || true; }
sleep 1
redis_up
saved M && saved N
step "a map is killed"
kill_hard N
sleep 1
shared_map_up N 13117
status N 'status["map"]["registrations"] >= 2' 30 >/dev/null
traffic_end
nothing_lost
found_anew
