#!/bin/bash
# Tests the af_xdp driver on its own. At a moderate rate nothing is lost, everything that is not WARP's stays with the
# kernel, and interfaces come and go. The XDP program of a killed process is removed.
. "$(dirname "$0")/_init.sh"
. "$(dirname "$0")/_ports.sh"
driver=af_xdp
namespace A
namespace B
step "frames larger than a page are refused in one sentence"
link 9000
rejects A 'at most 3310' "$probe" receive driver=af_xdp device=l0 mtu=9000
carries_all 3310
carries_all 1500
kernel_keeps_the_rest
survives_down_and_up A
survives_down_and_up B
killed_and_started_again
