#!/bin/bash
# Two nodes are joined by memif, whose ports the kernel does not see. Their TAP companions carry the kernel's traffic
# (here ping and its ARP), and the companions' addresses, routes and neighbours drive the ports. A's companion exists
# beforehand.
#
#   A tap0 = port m0 ==== shared memory ==== port m0 = tap0 B      10.50.0.1, 10.50.0.2
. "$(dirname "$0")/_init.sh"
lab_families=4
for site in A B; do
  namespace $site
  links_of[$site]=0
done
ip -n A tuntap add tap0 mode tap
ip -n A address add 10.50.0.1/24 dev tap0
for site in A B; do
  peer=$([[ $site == A ]] && echo B || echo A)
  role=$([[ $site == A ]] && echo server || echo client)
  with_map=no node_config $site $peer
  sed -i -e "s|^ports:|&\n  - {name: m0, devargs: \"net_memif0,role=$role,socket=$lab/memif.sock,socket-abstract=no\", kernel_interface: tap0}|" \
    -e "s|endpoints: \[\]|endpoints: [\"10.50.0.$(number_of $peer):13116\"]|" "$lab/$site.yaml"
  node_up $site
done
ip -n A link set tap0 up
ip -n B address add 10.50.0.2/24 dev tap0
ip -n B link set tap0 up
step "the kernels reach each other"
for ((i = 0; i < 50; i++)); do on A ping -c 1 -W 0.1 -q 10.50.0.2 >/dev/null && break; done
on A ping -c 5 -i 0.05 -W 1 -q 10.50.0.2
wait_active A 1
wait_active B 1
echo_up
traffic_for 3 2000 1200
nothing_lost

step "the far end goes: the port has no link, and its companion no carrier"
kill_hard B
status A 'status["ports"][0]["state"] == "down" and status["ports"][0]["reason"] == "interface tap0 has no link"'
status A 'active() == 0 and len(paths()) == 1'
for ((i = 0; i < 40; i++)); do ip -n A link show tap0 | grep -q NO-CARRIER && break; sleep 0.05; done
ip -n A link show tap0 | grep -q NO-CARRIER

step "the far end comes back"
node_up B
ip -n B address add 10.50.0.2/24 dev tap0
status A 'status["ports"][0]["state"] == "up" and status["ports"][0]["reason"] == ""'
wait_active A 1
wait_active B 1
traffic_for 1 2000 1200
nothing_lost
stop A
ip -n A link show tap0 >/dev/null  # A leaves its companion, because A did not make it
