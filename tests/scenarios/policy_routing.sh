#!/bin/bash
# Uplinks told apart by source address, as mwan3 and multi-homed servers have them: no default route in the main table,
# but a table for each uplink and a rule that chooses it. Both uplinks must work, and either one alone.
#
#   A wan0 (table 100, by source) ------------ a0 - M - b0 -- wan0 B
#   A wan1 (table 101, by source and port) --- a1 -'
. "$(dirname "$0")/_init.sh"
with_map=no with_endpoints=yes
router
site A 2
site B 1
for i in 0 1; do
  ip -n A -4 route del default dev wan$i
  ip -n A -6 route del default dev wan$i
  ip -n A -4 route add default via 10.1.$i.1 dev wan$i table 10$i
  ip -n A -6 route add default via fd00:1$i::1 dev wan$i table 10$i
done
ip -n A -4 rule add from 10.1.0.2 table 100
ip -n A -6 rule add from fd00:10::2 table 100
ip -n A -4 rule add from 10.1.1.2 ipproto udp sport 13116 table 101
ip -n A -6 rule add from fd00:11::2 ipproto udp sport 13116 table 101
node_config A B
node_config B A
node_up A
node_up B
step "both uplinks lead to both addresses of B"
wait_active A 4
wait_active B 4
echo_up
step "each uplink in turn is the only one"
traffic 100 500
for link in a0 a1; do
  cut $link
  sleep 1.5
  restore $link
  ip -n A -4 route replace default via 10.1.${link#a}.1 dev wan${link#a} table 10${link#a}
  ip -n A -6 route replace default via fd00:1${link#a}::1 dev wan${link#a} table 10${link#a}
  wait_active A 4
done
traffic_end
nothing_lost
step "a rule that comes and goes takes its uplink along"
ip -n A -4 rule del from 10.1.1.2 ipproto udp sport 13116 table 101
ip -n A -6 rule del from fd00:11::2 ipproto udp sport 13116 table 101
wait_active A 2
ip -n A -4 rule add from 10.1.1.2 lookup 101
ip -n A -6 rule add from fd00:11::2 lookup 101
wait_active A 4
