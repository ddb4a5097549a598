#!/usr/bin/env bash
# Makes the Python environment .venv of this checkout. Idempotent: about a second when there is nothing to do.
#
# Two modes, recorded in .venv/landda-mode:
#   system  the machine's MPI and parallel HDF5; h5py is compiled against them, so checkpoints are written collectively.
#           On a Debian or Ubuntu machine where we are root, missing packages are installed with apt.
#   wheels  no MPI on the machine and no root: MPI and a serial h5py from the Python registry; the checkpoint gathers.
#
# Variables (docs/environments.md):
#   LANDDA_ENV=system|wheels            forces a mode
#   LANDDA_MPI=openmpi|mpich|intel      which MPI of Debian, or of the registry (intel: there only); default openmpi
#   HDF5_DIR, MPICC                     prefix of a parallel HDF5 that is not where Debian keeps it, and its MPI compiler
#   LANDDA_PYTHON                       the interpreter (default python3, at least 3.11)
#   LANDDA_WHEELHOUSE=FOLDER            installs from a folder that `make wheelhouse` filled, without network
set -euo pipefail

uv_version=0.13.8
apt_openmpi=(gcc libc6-dev openmpi-bin libopenmpi-dev libhdf5-openmpi-dev)
apt_mpich=(gcc libc6-dev mpich libmpich-dev libhdf5-mpich-dev)

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
case ${LANDDA_MPI:-} in
  "" | openmpi | mpich) ;;
  intel) [[ $forced == wheels ]] || die "LANDDA_MPI=intel is in the registry only: set LANDDA_ENV=wheels as well, or name a \
module's MPI and HDF5 with MPICC and HDF5_DIR." ;;
  *) die "LANDDA_MPI is '$LANDDA_MPI'; expected 'openmpi', 'mpich' or 'intel'." ;;
esac
wheelhouse=${LANDDA_WHEELHOUSE:-}
if [[ -n $wheelhouse ]]; then
  [[ -n $(find "$wheelhouse/" -name '*.whl' -print -quit 2>/dev/null) ]] ||
    die "LANDDA_WHEELHOUSE=$wheelhouse holds no wheels. Fill it with 'make wheelhouse' on a machine with a network."
  wheelhouse=$(cd "$wheelhouse" && pwd)
fi

hash_of() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -d' ' -f1; } # macOS: shasum

# --- nothing to do? -----------------------------------------------------------------------------------------------------
stamp() {
  { cat uv.lock pyproject.toml setup.py env/setup.sh landda_hpc/__init__.py; printf '%s\n' "$top"; } | hash_of
}
# Whether .venv is whole, of this lock file and place, and of the mode asked for (if one was).
is_current() {
  [[ -x $venv/bin/python && -r $venv/landda-mode && -r $venv/landda-stamp ]] || return 1
  [[ $(<"$venv/landda-stamp") == "$(stamp)" ]] || return 1
  [[ -z $forced || $(<"$venv/landda-mode") == "$forced" ]] || return 1
  local asked
  for asked in "${LANDDA_MPI:-}" "${MPICC:+mpicc=$MPICC}" "${HDF5_DIR:+hdf5=$HDF5_DIR}"; do
    [[ -z $asked ]] || grep -qxF -- "$asked" "$venv/landda-mpi" 2>/dev/null || return 1
  done
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
# Sets mpicc, hdf5_dir and mpirun to a matching set, if the machine has one.
find_system_mpi() {
  local candidate folder
  mpicc="" hdf5_dir="" mpirun=""
  if [[ -n ${HDF5_DIR:-} ]]; then
    command -v ldd >/dev/null || die "HDF5_DIR is for Linux; elsewhere choose LANDDA_ENV=wheels."
    candidate=${MPICC:-mpicc}
    command -v "$candidate" >/dev/null || return 1
    [[ -n $(find "$HDF5_DIR/include/" -name H5pubconf*.h -exec grep -lE '^#define H5_HAVE_PARALLEL 1' {} + 2>/dev/null) ]] ||
      die "HDF5_DIR=$HDF5_DIR holds no parallel HDF5 (include/H5pubconf.h without H5_HAVE_PARALLEL). Name another or unset it."
    mpicc=$candidate hdf5_dir=$HDF5_DIR
    folder=$(dirname "$(command -v "$mpicc")")
    for candidate in "$folder/mpirun" "$folder/mpiexec"; do
      if [[ -x $candidate ]]; then mpirun=$candidate; break; fi
    done # without one the machine's batch system starts the ranks
    return 0
  fi
  command -v gcc >/dev/null || return 1
  candidate=${MPICC:-mpicc.$mpi}
  hdf5_dir=/usr/lib/$(gcc -dumpmachine)/hdf5/$mpi
  mpirun=$(command -v "mpirun.$mpi") && [[ -r $hdf5_dir/include/hdf5.h ]] && command -v "$candidate" >/dev/null && mpicc=$candidate
}

# The library libmpi that programs of $mpicc load, by its path.
library_of_mpicc() {
  local folder
  folder=$(mktemp -d)
  printf '#include <mpi.h>\nint main(void) { int v, s; return MPI_Get_version(&v, &s); }\n' >"$folder/version.c"
  "$mpicc" -w -o "$folder/version" "$folder/version.c" >&2
  ldd "$folder/version" | sed -nE 's/^[[:space:]]*libmpi[^ ]* => ([^ ]+) .*$/\1/p' | head -n 1
  rm -rf "$folder"
}

# Makes the wheel of mpi4py load the MPI of $mpicc, wherever that is: it looks in .venv/lib first.
link_mpi() {
  local library name
  library=$(library_of_mpicc) name=""
  [[ -n $library ]] || die "no shared library libmpi in what $mpicc links. Load the module of an MPI with shared libraries."
  case $(basename "$library") in
    libmpi.so.12 | libmpi.so.40) name=$(basename "$library") ;;
    *.so.12*) ;; # MPICH under another name (Debian, Cray)
    *) die "mpi4py's wheel knows libmpi.so.12 (MPICH, Intel MPI) and libmpi.so.40 (Open MPI), and $mpicc links $library. \
Choose another MPI, or LANDDA_ENV=wheels." ;;
  esac
  rm -f "$venv"/lib/libmpi.so*
  if [[ -n $name ]]; then
    ln -s "$library" "$venv/lib/$name"
  else # a library of the name that the wheel asks for, with nothing in it but a reference to the real one
    "$mpicc" -shared -fPIC -x c /dev/null -o "$venv/lib/libmpi.so.12" -Wl,--no-as-needed -Wl,-soname,libmpi.so.12 \
      -Wl,-rpath,"$(dirname "$library")"
  fi
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

mpi=${LANDDA_MPI:-openmpi}
if [[ $forced == wheels ]]; then
  mode=wheels
elif find_system_mpi; then
  mode=system
elif may_apt; then
  if [[ $mpi == mpich ]]; then apt_packages=("${apt_mpich[@]}"); else apt_packages=("${apt_openmpi[@]}"); fi
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
say "mode: $mode$([[ $mode == wheels || -n ${HDF5_DIR:-} ]] || printf ', %s' "$mpi")"

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
identity="$mode ${mpicc:-$mpi} ${hdf5_dir:-} $top $("$python" -c 'import sys; print(sys.version.replace("\n", " "), sys.base_prefix)')"
[[ -r $venv/landda-identity && $(<"$venv/landda-identity") == "$identity" ]] || rm -rf "$venv"
rm -f "$venv/landda-stamp"
[[ -x $venv/bin/python ]] || "$python" -m venv "$venv"
printf '%s\n' "$identity" >"$venv/landda-identity"
printf '%s\n' "$mode" >"$venv/landda-mode"

if [[ -n $wheelhouse ]]; then
  export PIP_NO_INDEX=1 PIP_FIND_LINKS=$wheelhouse UV_NO_INDEX=1 UV_FIND_LINKS=$wheelhouse UV_OFFLINE=1
  say "without network, from $wheelhouse"
fi
if [[ $("$venv/bin/uv" --version 2>/dev/null) != "uv $uv_version"* ]]; then
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "uv==$uv_version"
fi

# uv keeps the wheels that it builds by source, not by compiler or MPI: each MPI and HDF5 has its own cache.
flavour=$mode
if [[ $mode == system ]]; then
  flavour+=-$({ "$mpicc" -show; printf '%s\n' "$hdf5_dir"; cat "$hdf5_dir"/include/H5pubconf*.h; } 2>/dev/null |
    hash_of | cut -c1-12)
fi
export UV_CACHE_DIR=${XDG_CACHE_HOME:-${HOME:-$venv}/.cache}/landda/uv-$flavour
export UV_PROJECT_ENVIRONMENT=$venv UV_PYTHON=$venv/bin/python UV_PYTHON_DOWNLOADS=never
unset VIRTUAL_ENV
# The groups `cf`, `checks` and `docs` are added by .ci/run, `make verify` and `make docs` (env/extra.sh); a new set-up removes them again.
# Without network the lock file is taken as it is; otherwise uv checks that it fits pyproject.toml.
locked=("$venv/bin/uv" export --quiet --no-header --no-emit-project --all-groups --no-group checks --no-group docs)
if [[ -n $wheelhouse ]]; then locked+=(--frozen); else locked+=(--locked); fi
install() { "$venv/bin/uv" pip "$1" --quiet --require-hashes "${@:2}"; }
requirements=$venv/landda-requirements.txt
if [[ $mode == wheels ]]; then
  locked+=(--no-group build)
  for group in openmpi mpich intel; do [[ $group == "$mpi" ]] || locked+=(--no-group "mpi-$group"); done
  "${locked[@]}" >"$requirements"
  install sync "$requirements"
  mpirun=$venv/bin/mpiexec
  printf '%s\n' "$mpi" >"$venv/landda-mpi"
else
  locked+=(--no-group mpi-openmpi --no-group mpi-mpich --no-group mpi-intel)
  # h5py is compiled with what the first call installs.
  "${locked[@]}" --no-emit-package h5py >"$requirements"
  install sync "$requirements"
  link_mpi
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
  "${locked[@]}" >"$requirements"
  HDF5_MPI=ON HDF5_DIR=$hdf5_dir CC=$mpicc CFLAGS="-O1 -g0 -w" DIST_EXTRA_CONFIG=$build_options PYTHONPATH=$hooks \
    install sync --no-binary h5py --no-build-isolation "$requirements"
  [[ $("$venv/bin/python" -c 'import h5py; print(h5py.get_config().mpi)') == True ]] ||
    die "h5py was built without MPI. Remove $UV_CACHE_DIR and .venv, then run this again."
  printf '%s\n' "$mpi" "mpicc=$mpicc" "hdf5=$hdf5_dir" >"$venv/landda-mpi"
fi
"$venv/bin/uv" pip install --quiet --no-deps --editable .
printf '%s\n' "${mpirun:-}" >"$venv/landda-mpirun"

versions=$("$venv/bin/python" -c '
import sys, h5py, mpi4py
from mpi4py import MPI
library = MPI.Get_library_version().splitlines()[0].strip().rstrip(chr(0))
print(f"Python {sys.version.split()[0]}, {library}, mpi4py {mpi4py.__version__}, h5py {h5py.__version__} with HDF5", end=" ")
print(f"{h5py.version.hdf5_version}, parallel: {h5py.get_config().mpi}")') ||
  die "the packages are installed, but MPI does not start (see above). Mend that, or choose another with LANDDA_MPI or LANDDA_ENV."
stamp >"$venv/landda-stamp"
say "ready in ${SECONDS} s ($mode mode): $versions"
