#!/bin/bash
# An unmodified program uses the tunnel: dig at A asks the gate, and dnsmasq behind B's gate answers.
#
#   dig - gate | A wan0 -- a0 - M - b0 -- wan0 B | gate - dnsmasq
. "$(dirname "$0")/_init.sh"
two_sites 1 1
on B dnsmasq --no-daemon --user=root --pid-file= --conf-file=/dev/null --no-hosts --no-resolv --bind-interfaces \
  --listen-address=127.0.0.1 --port=9001 --address=/warp.example/192.0.2.7 \
  --txt-record="long.example,$(printf 'x%.0s' {1..250})" 2>"$lab/dns.log" &
listening B 9001
ask() { on A dig +short +tries=1 +time=2 @127.0.0.1 -p 9000 "$@"; }
[[ $(ask warp.example) == 192.0.2.7 ]]
[[ $(ask -t TXT long.example) == \"x*x\" ]]
for ((i = 0; i < 50; i++)); do [[ $(ask "n$i.warp.example") == 192.0.2.7 ]]; done
