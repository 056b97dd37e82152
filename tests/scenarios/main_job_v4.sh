#!/bin/bash
# The main job over IPv4: see _main_job.sh.
. "$(dirname "$0")/_main_job.sh"
