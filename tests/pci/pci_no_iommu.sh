#!/bin/bash
# Cards of a machine without an IOMMU, which warpd drives through uio_pci_generic (_guest.sh draws the topology): what
# it says of a card that is not bound, payloads, and a card that is pulled out while its registers are used.
. "$(dirname "$0")/_guest.sh"
sites
guest_up -- -machine q35
node_up B
echo_up

step "what cannot be a port: vfio-pci is of no use here, and nobody is sent there"
says 'is bound to no driver; as no IOMMU is behind it, bind it to uio_pci_generic' '{name: x, pci: "0000:01:00.0"}'
! guest 'bind_nic vfio-pci 0000:01:00.0' 2>/dev/null

step "all three cards carry payloads"
guest "bind_nic uio_pci_generic ${cards[*]}"
guest 'node_up A'
guest_status 'active() == 3' 30
guest_traffic 100 1200
all_carry

step "card 0 is pulled out, whose registers vanish"
card_out 0
guest_status "status['ports'][0]['state'] == 'missing' and active() == 2" >/dev/null
all_carry
guest_traffic_end
nothing_lost
guest 'kill -0 $(cat /run/lab/A.pid)'
