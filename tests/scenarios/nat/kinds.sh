#!/bin/bash
# NATs of every kind before both sites, each of which has a second link, with or without one. Tunnels are up soon, over
# every pair of links; a NAT that forgets all, gets other ports, or another address, costs nothing, and its link is of use
# again soon. So it is where there is no second link, but for what is lost meanwhile.
#
#   A wan0 - KIND - a0 .           . b0 - KIND - wan0 B
#   A wan1 - KIND - a1 : M (map)   : b1 - KIND - wan1 B
#
#     kinds.sh                 the whole table
#     kinds.sh cone home       A's wan0 behind a full cone, B's behind an ordinary NAT
#     kinds.sh cone home port  the second links are behind port-restricted cones
#     kinds.sh cone home none  there is no second link
. "$(dirname "$0")/_nat.sh"

table=(
  "open open" "cone open" "address open" "port open" "home open" "symmetric open" "cgn open" "cgn-symmetric open"
  "cone cone" "address port" "port port" "home home" "cgn cgn" "symmetric cone" "symmetric address" "cgn-symmetric cone"
  "port port port" "home home home" "cgn cgn cgn"
  "home open none" "symmetric open none" "port port none" "home home none" "cgn cgn none" "symmetric cone none"
)
if (($# == 0)); then
  each_row "${table[@]}"
  exit
fi

router
watch_strays
map_up
second=${3:-open}
[[ $second != none ]] || second=
nat_site A "$1" $second
nat_site B "$2" $second
node_config A B
node_config B A
both_up
for what in flush rebind new_address; do
  for far in a0 b0; do
    [[ -n ${nat_of[$far]:-} ]] || continue
    $what $far
    took+=" $what $far $(pairs A B | arrive)" || fail "after $what $far: $took"
  done
done
traffic_end
echo "took $took"
if [[ -n $second ]]; then nothing_lost; else expect_gauge 'received > 0 and duplicated == 0'; fi
no_strays
