#!/bin/bash
# Cards behind an IOMMU, which warpd drives through vfio-pci (_cards.sh draws the topology): what it says of a card that
# it cannot drive, payloads, a cable that is pulled, a process that is killed, and a card that is pulled out.
. "$(dirname "$0")/_cards.sh"
sites
guest_up intel_iommu=on -- -machine q35,kernel-irqchip=split -device intel-iommu,intremap=on
node_up B
echo_up

step "what cannot be a port"
says 'is bound to no driver; bind it to vfio-pci' '{name: x, pci: "0000:01:00.0"}'
says '0000:00:1f.2 \(8086:2922\) is not a network card: its class is 0x010601' '{name: x, pci: "0000:00:1f.2"}'
guest 'bind_nic vfio-pci 0000:00:08.0'
says 'pci 0000:00:08.0 \(10ec:8139\) has no driver of DPDK.s here; .*librte-net-' '{name: x, pci: "0000:00:08.0"}'
says '0000:09:00.0: no such device' '{name: x, pci: "0000:09:00.0"}'
guest 'bind_nic uio_pci_generic 0000:01:00.0'
says 'for which the IOMMU behind it lets no packet through; bind it to vfio-pci' '{name: x, pci: "0000:01:00.0"}'

step "all three cards carry payloads"
guest "bind_nic vfio-pci ${cards[*]}"
guest 'node_up A'
guest_status 'active() == 3' >/dev/null
guest_traffic
all_carry

step "a cable is pulled, and plugged in again"
for card in 0 1 2; do
  cable $card off
  guest_status "active('wan$card') == 0 and 'has no link' in status['ports'][$card]['reason']" >/dev/null
  cable $card on
  guest_status 'active() == 3' >/dev/null
done

step "a card is pulled out, put in again, and comes back when it is bound"
for card in 0 1 2; do
  goes $card
  returns $card vfio-pci
done
guest_traffic_end
nothing_lost

step "killed, and started again"
guest 'kill -KILL $(cat /run/lab/A.pid)'
begin=$(uptime)
guest 'node_up A'
guest_status 'active() == 3' >/dev/null
step "all paths after $(since "$begin")"
guest_traffic
all_carry
guest_traffic_end
nothing_lost

step "two VLANs of one card, and what has no tag, are three ports of it"
guest 'node_down A'
stop B
guest "sed -i -e 's|pci: \"${cards[1]}\"|pci: \"${cards[0]}\", vlan: 10|' -e 's|pci: \"${cards[2]}\"|pci: \"${cards[0]}\", vlan: 20|' \
  /run/lab/A.yaml"
sed -i -e 's/interface: wan1}/interface: wan0, vlan: 10, kernel_interface: vlan10}/' \
  -e 's/interface: wan2}/interface: wan0, vlan: 20, kernel_interface: vlan20}/' "$lab/B.yaml"
node_up B
for i in 1 2; do
  ip -n B address flush dev "wan$i"
  ip -n B address add "10.2.$i.2/24" dev "vlan${i}0"
  ip -n B route add "10.1.$i.0/24" dev "vlan${i}0"
done
guest 'node_up A'
guest_status 'active() == 3' >/dev/null
guest_status "[port['vlan'] for port in status['ports']] == [None, 10, 20]" >/dev/null
guest_traffic
all_carry
guest_traffic_end
nothing_lost
