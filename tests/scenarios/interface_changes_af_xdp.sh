#!/bin/bash
# Runs interface_changes.sh with the af_xdp driver, which takes a quarter of a second to close a device and open it again.
port_options=', driver: af_xdp'
. "$(dirname "$0")/interface_changes.sh"
