#!/bin/sh
# What Containerfile and landda_hpc.def run in a bare Debian 12: the environment, all loops compiled, no caches left behind.
# LANDDA_MPI=mpich builds an image with MPICH instead of Open MPI.
set -eu
cd "$(dirname "$0")/../.."
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -qq -y --no-install-recommends ca-certificates python3 >/dev/null
env/setup.sh
# Machine code for the CPU of this machine; on another kind of CPU the first start compiles again.
.venv/bin/landda warm-up
rm -rf /root/.cache/landda /var/lib/apt/lists/*
chmod -R a+rX .
