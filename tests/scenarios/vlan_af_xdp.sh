#!/bin/bash
# vlan.sh with XDP: the ports share one socket, and the dataplane parts the VLANs.
driver=af_xdp
. "$(dirname "$0")/vlan.sh"
