#!/bin/bash
# The main job over IPv6, gates included: see _main_job.sh.
families=6 gate_family=6
. "$(dirname "$0")/_main_job.sh"
