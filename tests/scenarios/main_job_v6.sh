#!/bin/bash
# The main job over IPv6, gates included: see _main_job.sh.
# With threads of their own for the workers, whatever the number of CPUs.
families=6 gate_family=6 node_options="workers: 1"
. "$(dirname "$0")/_main_job.sh"
