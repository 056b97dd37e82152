#!/bin/bash
# The main job. All ways but one are lost, one after the other, and come back. Then each link in turn loses its cable.
# The application loses nothing and sees nothing twice, and whatever comes back carries payloads within a second.
#
#   A wan0 -- a0 .           . b0 -- wan0 B
#                 : M (map) :  b1 -- wan1 B       2 x 3 links: six paths
#   A wan1 -- a1 '           ' b2 -- wan2 B
. "$(dirname "$0")/_init.sh"
two_sites 2 3
echo_up
traffic "${rate:-2000}" 1200

ways=(a0.b0 a0.b1 a0.b2 a1.b0 a1.b1)
step "ways vanish: ${ways[*]}"
for way in "${ways[@]}"; do
  black_hole "$way"
  sleep 0.2
done
status A 'active() == 1' 5 >/dev/null
for way in "${ways[@]}"; do
  lift_black_hole "$way"
  carries "${way:1:1}" "${way:4:1}"
done
wait_active A 6
wait_active B 6

for cable in a0 a1 b0 b1 b2; do
  step "the cable of $cable is pulled, and put back"
  cut $cable
  sleep 0.4
  restore $cable
  case $cable in
    a?) for b in 0 1 2; do carries "${cable:1}" $b; done ;;
    b?) for a in 0 1; do carries $a "${cable:1}"; done ;;
  esac
  # Payloads may arrive over a way before this end's own path is active again. Both ends must be whole before the next
  # cable is pulled, or that cable could be the last one.
  wait_active A 6
  wait_active B 6
done

traffic_end
nothing_lost
