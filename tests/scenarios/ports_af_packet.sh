#!/bin/bash
# Tests the af_packet driver on its own. At a moderate rate nothing is lost, everything that is not WARP's stays with
# the kernel, and interfaces come and go.
. "$(dirname "$0")/_init.sh"
. "$(dirname "$0")/_ports.sh"
driver=af_packet
namespace A
namespace B
carries_all 9000
carries_all 1500
kernel_keeps_the_rest
survives_down_and_up A
survives_down_and_up B
killed_and_started_again
