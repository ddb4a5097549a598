#!/usr/bin/env bash
# Adds the libraries that only the long tests compare with (group `checks` of pyproject.toml, versions of uv.lock) to .venv.
# What is installed already is left as it is. Without a registry the tests that need them are skipped and name this script.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bin=.venv/bin
if "$bin/uv" export --quiet --locked --only-group checks --no-hashes --no-header |
  "$bin/uv" pip install --quiet --python "$bin/python" --no-deps --requirements -; then
  printf 'checks: %s\n' "$("$bin/uv" pip list --python "$bin/python" --format freeze 2>/dev/null |
    grep -E '^(arch|ismn|pytesmo)==' | paste -sd ' ')"
else
  printf 'checks: arch, ismn and pytesmo could not be installed; tests that compare with them are skipped.\n' >&2
fi
