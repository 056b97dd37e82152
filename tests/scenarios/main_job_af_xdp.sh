#!/bin/bash
# The main job with the af_xdp driver, whose program leaves ARP, ND and ICMP to the kernel: see _main_job.sh.
port_options=', driver: af_xdp'
. "$(dirname "$0")/_main_job.sh"
on A ping -c 1 -W 1 -q -I wan0 10.2.2.2 >/dev/null
