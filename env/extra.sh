#!/usr/bin/env bash
# Adds the packages of one dependency group of pyproject.toml, in the versions of uv.lock, to .venv:
#   env/extra.sh cf       what checks written files against the conventions CF and ACDD
#   env/extra.sh checks   the libraries that only the long tests compare with
#   env/extra.sh docs     what builds the documentation site
# What is installed already is left as it is. `make env` removes them again when it has something to do.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
group=${1:?"name the group: cf, checks or docs"}
bin=.venv/bin
if "$bin/uv" export --quiet --locked --only-group "$group" --no-hashes --no-header |
  "$bin/uv" pip install --quiet --python "$bin/python" --no-deps --requirements -; then
  printf 'env: the packages of group %s are installed\n' "$group"
else
  printf 'env: the packages of group %s could not be installed from the registry.\n' "$group" >&2
  exit 1
fi
