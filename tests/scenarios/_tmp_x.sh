#!/bin/bash
# The af_xdp driver on its own: nothing lost at a moderate rate, all else stays with the kernel, interfaces come and go, and
# a killed process's program is taken off.
. "$(dirname "$0")/_init.sh"
. "$(dirname "$0")/_ports.sh"
driver=af_xdp
namespace A
namespace B









diag() { for n in A B; do ip -n $n -s -d link show l0;  on $n ethtool -S l0 | grep -v ": 0$"; on $n bash -c 'nstat -az | grep -E "UdpNoPorts|UdpInDatagrams|IpInReceives |OutDestUnreach|IpInDisc"; cat /proc/net/softnet_stat'; done; }
link 1500
for i in 1 2 3 4; do
survives_down_and_up A || { diag; exit 1; }
survives_down_and_up B || { diag; exit 1; }
done
