"""What all tests share: the sample data folder, hypothesis profiles."""

from __future__ import annotations

import importlib.util
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, Phase, settings

ROOT = Path(__file__).resolve().parents[1]

settings.register_profile("dev", deadline=None)
# The same examples in every run: a red CI run is red again at home with HYPOTHESIS_PROFILE=ci.
settings.register_profile("ci", max_examples=50, deadline=None, derandomize=True, database=None, print_blob=True)
# All ranks must draw the same examples and go on to the next one together, so no shrinking either.
settings.register_profile(
    "mpi",
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=(HealthCheck.too_slow,),
)


def pytest_configure(config: pytest.Config) -> None:
    """Choose the hypothesis profile: HYPOTHESIS_PROFILE, else by the kind of run."""
    if config.getoption("--only-mpi") or config.getoption("--with-mpi"):
        profile = "mpi"
    else:
        profile = "ci" if os.environ.get("CI") else "dev"
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", profile))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse the mark `mpi` where `make test` does not look for it (PARALLEL in the Makefile)."""
    for item in items:
        folder = item.path.relative_to(ROOT / "tests").parts[0]
        if folder not in ("mpi", "parallel") and item.get_closest_marker("mpi") is not None:
            raise pytest.UsageError(f"{item.nodeid} is marked mpi: move it to tests/parallel (PARALLEL in Makefile).")


@pytest.fixture(autouse=True)
def logging_as_imported() -> Iterator[None]:
    """Undo what a command that ran in this process did to the project's log, so that no test depends on another."""
    logger = logging.getLogger("landda_hpc")
    before = logger.handlers[:], logger.propagate, logger.level
    yield
    logger.handlers[:], logger.propagate = before[:2]
    logger.setLevel(before[2])


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of real sample data next to the checkout; skips, visibly, where there is none."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("needs ../shared (real sample data next to the checkout)")
    return folder


@pytest.fixture(scope="session")
def colm_case() -> ModuleType:
    """The module that writes small cases of CoLM202X and CoLM2014 (tests/colm_case.py)."""
    if "colm_case" not in sys.modules:
        spec = importlib.util.spec_from_file_location("colm_case", ROOT / "tests" / "colm_case.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules["colm_case"] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules["colm_case"]
