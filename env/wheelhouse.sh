#!/usr/bin/env bash
# Collects what `make env` needs from the package registry into a folder, for machines without network.
#
#   env/wheelhouse.sh [FOLDER]     (default wheelhouse/)          make wheelhouse WHEELHOUSE=FOLDER
#
# Run it with a network, on the processor architecture and with the Python version of the nodes (LANDDA_PYTHON), and a C library
# that is not newer. Copy FOLDER and this checkout there, then: LANDDA_WHEELHOUSE=FOLDER make env
set -euo pipefail
here=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder=${1:-wheelhouse}
case $folder in /*) ;; *) if (($#)); then folder=$here/$folder; fi ;; esac
bin=.venv/bin
[[ -x $bin/uv ]] || { echo "env/wheelhouse.sh: there is no environment yet. Run 'make env' first." >&2; exit 1; }

requirements=$(mktemp)
trap 'rm -f "$requirements"' EXIT
locked() { "$bin/uv" export --quiet --frozen --no-header --no-emit-project --all-groups --no-group checks "$@" >"$requirements"; }
download() { "$bin/python" -m pip download --quiet --quiet --disable-pip-version-check --no-deps --dest "$folder" "$@"; }

mkdir -p "$folder"
# Both sets of files: h5py as a wheel (wheels mode), and its source (system mode), which is compiled on the node.
locked
download --require-hashes --only-binary :all: --requirement "$requirements"
grep -E '^h5py==' "$requirements" | cut -d' ' -f1 >"$requirements.h5py"
download --no-binary h5py --no-build-isolation --requirement "$requirements.h5py" 2>/dev/null ||
  download --no-binary h5py --requirement "$requirements.h5py"
rm -f "$requirements.h5py"
download "uv==$(sed -nE 's/^uv_version=//p' env/setup.sh)"

printf 'wheelhouse: %s files, %s, for %s on %s\n' "$(find "$folder" -type f | wc -l | tr -d ' ')" "$(du -sh "$folder" | cut -f1)" \
  "$("$bin/python" -V)" "$(uname -sm)"
cat <<TEXT
Copy the folder and this checkout to a machine that the nodes see. There, without network:
  LANDDA_WHEELHOUSE=$folder LANDDA_ENV=wheels make env     nothing is compiled: MPI of the registry, serial HDF5
  LANDDA_WHEELHOUSE=$folder make env                       h5py is compiled against the cluster's MPI and parallel HDF5:
    load their modules first, name them with MPICC and HDF5_DIR (not needed with Debian's), and have gcc and Python.h
All else is the same binary files everywhere. mpi4py needs no compilation: its wheel loads Open MPI, MPICH or Intel MPI.
The group 'checks' (make verify) is left out.
TEXT
