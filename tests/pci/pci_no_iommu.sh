#!/bin/bash
# Cards of a machine without an IOMMU, which warpd drives through uio_pci_generic (_cards.sh draws the topology): what
# it says of a card that is not bound, payloads, and cards that are pulled out.
. "$(dirname "$0")/_cards.sh"
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
guest_status 'active() == 3' >/dev/null
guest_traffic
all_carry

step "a card is pulled out, put in again, and comes back when it is bound"
goes 1
returns 1 uio_pci_generic

step "so does one whose driver waits minutes for its registers, until they are there again"
card_out 0
guest_status "status['ports'][0]['state'] == 'missing' and active() == 2" >/dev/null
card_in 0
guest "bind_nic uio_pci_generic ${cards[0]}"
guest_status "status['ports'][0]['state'] == 'up' and active() == 3" >/dev/null
guest_traffic_end
nothing_lost

step "warpd ends while that driver waits, and starts again"
card_out 0
guest_status "'is still being closed' in status['ports'][0]['reason']" >/dev/null
guest 'node_down A'
card_in 0
guest "bind_nic uio_pci_generic ${cards[0]}"
guest 'node_up A'
guest_status 'active() == 3' >/dev/null
