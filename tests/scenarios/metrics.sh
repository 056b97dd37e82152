#!/bin/bash
# A real Prometheus scrapes two nodes and their map through `warp metrics`, and alerts fire by the rules of
# docs/monitoring: a link is cut, and a daemon is stopped in the middle of its life.
#
#   A wan0 (cut, restored) -- a0 - M - b0 -- wan0 B      M: Prometheus, and a `warp metrics` for each of A, B and the map,
#   A wan1 ------------------ a1 -'  '- b1 -- wan1 B        as nobody, in the group of their control sockets
. "$(dirname "$0")/_init.sh"
command -v prometheus >/dev/null || { echo "skipped: needs Prometheus (the package prometheus)"; exit 77; }
two_sites 2 2
port=9116 targets=
(umask 077 && "$warp" keygen >"$lab/token")
chown 65534 "$lab/token"
chmod 755 "$lab"
for name in A B M; do
  chgrp 65534 "$lab/$name.sock"
  launch "metrics$name" M setpriv --reuid 65534 --regid 65534 --clear-groups \
    "$warp" metrics --socket "$lab/$name.sock" --listen 127.0.0.1:$port --token-file "$lab/token"
  ready "metrics$name"
  targets+="{targets: ['127.0.0.1:$port'], labels: {instance: $name}}, "
  port=$((port + 1))
done
cat >"$lab/prometheus.yml" <<EOF
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: ["$(readlink -f "$(dirname "$0")/../../docs/monitoring/rules.yml")"]
scrape_configs: [{job_name: warp, authorization: {credentials_file: "$lab/token"}, static_configs: [$targets]}]
EOF
launch prometheus M prometheus --config.file="$lab/prometheus.yml" --storage.tsdb.path="$lab/prometheus" \
  --web.listen-address=127.0.0.1:9090 --log.level=warn

# holds QUERY [SECONDS]: waits until the query has a result, which comparisons have where they are true.
holds() {
  local i
  for ((i = 0; i < ${2:-20} * 5; i++)); do
    on M curl -sfG http://127.0.0.1:9090/api/v1/query --data-urlencode "query=$1" >"$lab/out" || true
    ! grep -q '"value"' "$lab/out" || return 0
    sleep 0.2
  done
  fail "not so: $1: $(cat "$lab/out")"
}
firing() { echo "ALERTS{alertname=\"$1\",alertstate=\"firing\",$2}"; }

step "everything is scraped"
holds 'sum(up) == 3'
holds 'sum(warp_up) == 3 and sum(warp_status_malformed_fields) == 0'
holds 'sum(warp_path_active{instance="A"}) == 4 and sum(warp_peer_connected) == 2'
holds 'warp_map_sessions == 2 and warp_map_registrations == 4'
holds 'warp_map_sessions_in_state{instance="M",state="confirmed"} == 2 and on () sum(warp_map_refused_total) == 0'
holds 'sum(warp_map_lookup_answers_total{instance="M"}) + sum(warp_map_pushes_total) > 0'
echo_up
traffic_for 4 200 300
nothing_lost
holds 'warp_tunnel_sent_payloads_total{instance="A",tunnel="video",peer="b"} > 500'
holds 'sum(warp_path_first_packets_total{instance="B"}) > 500'
holds 'absent(ALERTS{alertstate="firing"})' 1

step "a link is cut"
cut a0
holds "$(firing WarpPortDown 'instance="A",port="wan0"')" 40
holds "$(firing WarpPathLost 'instance="A",path="10.2.0.2:13116"')" 40
restore a0
holds 'absent(ALERTS{alertstate="firing"})' 40
holds 'sum(warp_path_active{instance="A"}) == 4' 1

step "a daemon is stuck, which costs its metrics and no scrape"
kill -STOP "${pid_of[A]}"
holds 'warp_up{instance="A"} == 0 and up{instance="A"} == 1'
holds 'sum(warp_up) == 2 and sum(up) == 3' 1
kill -CONT "${pid_of[A]}"
holds 'sum(warp_up) == 3'
