#!/bin/bash
# Runs the main job (_main_job.sh) with the af_xdp driver, whose XDP program leaves ARP, ND and ICMP to the kernel.
port_options=', driver: af_xdp'
. "$(dirname "$0")/_main_job.sh"
on A ping -c 1 -W 1 -q -I wan0 10.2.2.2 >/dev/null
