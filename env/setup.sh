#!/usr/bin/env bash
# Makes the Python environment .venv of this checkout. Idempotent: about a second when there is nothing to do.
#
# Two modes, recorded in .venv/landda-mode:
#   system  the machine's MPI and parallel HDF5; h5py is compiled against them, so checkpoints are written collectively.
#           On a Debian or Ubuntu machine where we are root, missing packages are installed with apt.
#   wheels  no MPI on the machine and no root: MPI and a serial h5py from the Python registry; the checkpoint gathers.
#
# Variables: LANDDA_ENV=system|wheels forces a mode; LANDDA_PYTHON names the interpreter (default python3, at least 3.11);
# HDF5_DIR names the prefix of a parallel HDF5 that is not where Debian keeps it; MPICC names the MPI compiler.
set -euo pipefail

uv_version=0.13.8
apt_packages=(gcc libc6-dev openmpi-bin libopenmpi-dev libhdf5-openmpi-dev)

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$top"
venv=$top/.venv
say() { printf 'env: %s\n' "$*"; }
die() { printf 'env: %s\n' "$*" >&2; exit 1; }

python=${LANDDA_PYTHON:-python3}
forced=${LANDDA_ENV:-}
case $forced in
  "" | system | wheels) ;;
  *) die "LANDDA_ENV is '$forced'; expected 'system', 'wheels', or nothing to let this script choose." ;;
esac

# --- nothing to do? -----------------------------------------------------------------------------------------------------
stamp() {
  { cat uv.lock pyproject.toml setup.py env/setup.sh landda_hpc/__init__.py; printf '%s\n' "$top"; } | sha256sum | cut -d' ' -f1
}
# Whether .venv is whole, of this lock file and place, and of the mode asked for (if one was).
is_current() {
  [[ -x $venv/bin/python && -r $venv/landda-mode && -r $venv/landda-stamp ]] || return 1
  [[ $(<"$venv/landda-stamp") == "$(stamp)" ]] || return 1
  [[ -z $forced || $(<"$venv/landda-mode") == "$forced" ]] || return 1
  "$venv/bin/python" -c '' 2>/dev/null
}
if is_current; then
  say "up to date ($(<"$venv/landda-mode") mode)"
  exit 0
fi

# Two set-ups of one checkout at a time would tread on each other.
exec 9>"$top/.venv.lock"
if command -v flock >/dev/null; then
  flock -n 9 || { say "another set-up of this checkout is at work: waiting for it"; flock 9; }
  if is_current; then say "up to date ($(<"$venv/landda-mode") mode)"; exit 0; fi
fi

# --- which mode ---------------------------------------------------------------------------------------------------------
# Sets mpicc and hdf5_dir to a matching pair, if the machine has one.
find_system_mpi() {
  local candidate
  mpicc="" hdf5_dir=""
  if [[ -n ${HDF5_DIR:-} ]]; then
    candidate=${MPICC:-mpicc}
    command -v "$candidate" >/dev/null || return 1
    [[ -n $(find "$HDF5_DIR/include/" -name H5pubconf*.h -exec grep -lE '^#define H5_HAVE_PARALLEL 1' {} + 2>/dev/null) ]] ||
      die "HDF5_DIR=$HDF5_DIR holds no parallel HDF5 (include/H5pubconf.h without H5_HAVE_PARALLEL). Name another or unset it."
    mpicc=$candidate hdf5_dir=$HDF5_DIR
    return 0
  fi
  command -v gcc >/dev/null || return 1
  candidate=${MPICC:-mpicc.openmpi}
  hdf5_dir=/usr/lib/$(gcc -dumpmachine)/hdf5/openmpi
  command -v "$candidate" >/dev/null && [[ -r $hdf5_dir/include/hdf5.h ]] && command -v mpirun >/dev/null && mpicc=$candidate
}

# Root on a machine with apt: missing packages may be installed.
may_apt() { [[ $(id -u) -eq 0 ]] && command -v apt-get >/dev/null; }

apt_install() {
  say "installing with apt: $*"
  local options=(-qq -y --no-install-recommends -o Dpkg::Use-Pty=0)
  export DEBIAN_FRONTEND=noninteractive
  if ! apt-get install "${options[@]}" "$@" >/dev/null 2>&1 </dev/null; then
    apt-get update -qq </dev/null
    apt-get install "${options[@]}" "$@" >/dev/null </dev/null
  fi
}

if [[ $forced == wheels ]]; then
  mode=wheels
elif find_system_mpi; then
  mode=system
elif may_apt; then
  apt_install "${apt_packages[@]}"
  find_system_mpi || die "apt installed ${apt_packages[*]}, yet mpicc and a parallel HDF5 are not where Debian keeps them. \
Name them with MPICC and HDF5_DIR, or choose LANDDA_ENV=wheels."
  mode=system
elif [[ $forced == system ]]; then
  die "LANDDA_ENV=system, but no mpicc with a parallel HDF5 was found and this user cannot install them. \
Load your machine's modules and name HDF5_DIR, or choose LANDDA_ENV=wheels."
else
  mode=wheels
fi
say "mode: $mode"

# --- the interpreter ----------------------------------------------------------------------------------------------------
command -v "$python" >/dev/null || { may_apt && apt_install python3; }
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  die "$python is $("$python" -V 2>&1); Python 3.11 or later is needed. Name one with LANDDA_PYTHON."
missing=()
"$python" -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
if [[ $mode == system ]]; then
  header=$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["include"])')/Python.h
  [[ -r $header ]] || missing+=(python3-dev)
fi
if ((${#missing[@]})); then
  may_apt || die "$python lacks what ${missing[*]} would install. Ask for it, or name another interpreter with LANDDA_PYTHON."
  apt_install "${missing[@]}"
fi

# --- the environment ----------------------------------------------------------------------------------------------------
# A venv of another mode, place or interpreter is not repaired but created again.
identity="$mode $top $("$python" -c 'import sys; print(sys.version.replace("\n", " "), sys.base_prefix)')"
[[ -r $venv/landda-identity && $(<"$venv/landda-identity") == "$identity" ]] || rm -rf "$venv"
rm -f "$venv/landda-stamp"
[[ -x $venv/bin/python ]] || "$python" -m venv "$venv"
printf '%s\n' "$identity" >"$venv/landda-identity"
printf '%s\n' "$mode" >"$venv/landda-mode"

if [[ $("$venv/bin/uv" --version 2>/dev/null) != "uv $uv_version"* ]]; then
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "uv==$uv_version"
fi

# uv keeps the wheels that it builds by source, not by compiler or MPI: each MPI and HDF5 has its own cache.
flavour=$mode
if [[ $mode == system ]]; then
  flavour+=-$({ "$mpicc" -show; printf '%s\n' "$hdf5_dir"; cat "$hdf5_dir"/include/H5pubconf*.h; } 2>/dev/null |
    sha256sum | cut -c1-12)
fi
export UV_CACHE_DIR=${XDG_CACHE_HOME:-${HOME:-$venv}/.cache}/landda/uv-$flavour
export UV_PROJECT_ENVIRONMENT=$venv UV_PYTHON=$venv/bin/python UV_PYTHON_DOWNLOADS=never
unset VIRTUAL_ENV
# Libraries of the group `checks` are added by `make verify` (env/checks.sh); a new set-up removes them again.
sync=("$venv/bin/uv" sync --quiet --locked --all-groups --no-group checks)

if [[ $mode == wheels ]]; then
  "${sync[@]}" --no-group build
else
  sync+=(--no-group mpi-wheel --no-binary-package h5py --no-build-isolation-package h5py)
  # h5py is compiled with what the first call installs.
  "${sync[@]}" --no-install-package h5py
  say "h5py against $hdf5_dir"
  # On all cores, both from Cython to C, by a hook that Python loads, and from C. -O1, because the time is spent in HDF5,
  # not in these interfaces, and -O2 takes twice as long to compile.
  build_options=$venv/landda-distutils.cfg hooks=$venv/landda-build-hooks
  printf '[build_ext]\nparallel=%s\n' "$(getconf _NPROCESSORS_ONLN)" >"$build_options"
  mkdir -p "$hooks"
  cat >"$hooks/sitecustomize.py" <<'HOOK'
# h5py's setup does not ask Cython to use more than one core.
import functools, importlib.util, os
if importlib.util.find_spec("Cython"):
    import Cython.Build
    Cython.Build.cythonize = functools.partial(Cython.Build.cythonize, nthreads=os.cpu_count())
HOOK
  HDF5_MPI=ON HDF5_DIR=$hdf5_dir CC=$mpicc CFLAGS="-O1 -g0 -w" DIST_EXTRA_CONFIG=$build_options PYTHONPATH=$hooks "${sync[@]}"
  [[ $("$venv/bin/python" -c 'import h5py; print(h5py.get_config().mpi)') == True ]] ||
    die "h5py was built without MPI. Remove $UV_CACHE_DIR and .venv, then run this again."
fi

stamp >"$venv/landda-stamp"
say "ready in ${SECONDS} s ($mode mode): $("$venv/bin/python" -V), $("$venv/bin/python" -c '
import h5py, mpi4py
print(f"mpi4py {mpi4py.__version__}, h5py {h5py.__version__} with HDF5 {h5py.version.hdf5_version}, parallel: {h5py.get_config().mpi}")')"
