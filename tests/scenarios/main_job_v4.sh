#!/bin/bash
# Runs the main job (_main_job.sh) over IPv4.
. "$(dirname "$0")/_main_job.sh"
