#!/bin/bash
# Two sites behind one NAT. Where they reach each other inside, payloads stay inside, whatever the NAT does. Guests of a
# wireless network do not reach each other: then the NAT turns what they send to its own outside (a hairpin).
#
#   A wan0 - 192.168.50.2 .
#                         : nat-h0 - h0 : M (map)
#   B wan0 - 192.168.50.3 '
. "$(dirname "$0")/_nat.sh"

if (($# == 0)); then
  each_row home symmetric cone "cone hairpin" "cone hairpin isolated"
  exit
fi

kind=$1
[[ " $* " != *" hairpin "* ]] || hairpin=yes
[[ " $* " != *" isolated "* ]] || isolated=yes
router
watch_strays
map_up
roof "$kind" A B
node_config A B
node_config B A
node_up A
node_up B
echo_up
traffic 500 1000
prefix=192.168.50.
[[ -z ${isolated:-} ]] || prefix=10.50.0.
ways() { printf '%s\n' "A/wan0/$prefix" "B/wan0/$prefix"; }
took="up $(ways | arrive)"
carrying="[path['endpoint'] for path in paths() if path['carries']]"
for site in A B; do
  status $site "len($carrying) == 1 and $carrying[0].startswith('$prefix')" 10 >/dev/null
done
if [[ -z ${isolated:-} ]]; then
  for what in flush rebind new_address; do
    $what h0
    took+=" $what $(ways | arrive)"
  done
  sleep 1
  for site in A B; do status $site "$carrying[0].startswith('$prefix')" 5 >/dev/null; done
  traffic_end
  nothing_lost
else
  rebind h0
  took+=" rebind $(ways | arrive)"
  traffic_end || true
fi
echo "took $took"
