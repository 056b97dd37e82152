#!/bin/bash
# Runs the main job (_main_job.sh) over IPv6, gates included. The workers have threads of their own, however many CPUs
# there are.
families=6 gate_family=6 node_options="workers: 1"
. "$(dirname "$0")/_main_job.sh"
