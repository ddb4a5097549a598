"""The installed distribution and the code say the same."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib import metadata
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

import landda_hpc

ROOT = Path(landda_hpc.__file__).resolve().parent.parent
HELP = """
import sys
from landda_hpc.commands.application import app
sys.argv = ["landda", "--help"]
try:
    app()
except SystemExit as end:
    assert not end.code
"""


def test_version_is_that_of_the_distribution() -> None:
    assert metadata.version("landda-hpc") == landda_hpc.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+([.a-z0-9+]*)", landda_hpc.__version__)


@pytest.mark.parametrize(
    ("code", "not_loaded"),
    [
        ("import landda_hpc", "numpy typer pydantic numba scipy mpi4py h5py netCDF4 matplotlib xarray pandas"),
        ("import landda_hpc.curvelet", "typer pydantic numba scipy ducc0 mpi4py h5py netCDF4 matplotlib xarray pandas"),
        (HELP, "numpy pydantic yaml numba scipy ducc0 mpi4py h5py netCDF4 matplotlib xarray pandas landda_hpc.config"),
        ("import landda_hpc.commands.console.session", "scipy.stats numba matplotlib xarray pandas jinja2"),
    ],
    ids=["landda_hpc", "curvelet", "help", "campaign"],
)
def test_what_a_process_does_not_load(code: str, not_loaded: str) -> None:
    """Every process pays for what it loads; MPI must not start without need."""
    code += f"\nimport sys; print([name for name in {not_loaded.split()} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_console_script_points_at_cli_main() -> None:
    (script,) = metadata.distribution("landda-hpc").entry_points.select(group="console_scripts")
    assert (script.name, script.value) == ("landda", "landda_hpc.cli:main")
    assert callable(script.load())


def test_console_script_is_installed_and_starts() -> None:
    landda = Path(sys.executable).parent / "landda"
    done = subprocess.run([landda, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "landda" in done.stdout


def test_types_are_shipped() -> None:
    assert (files("landda_hpc") / "py.typed").is_file()


def test_licence_is_declared_and_shipped() -> None:
    about = metadata.metadata("landda-hpc")
    assert about["License-Expression"] == "Apache-2.0 AND EUPL-1.2"
    listed = metadata.files("landda-hpc") or []
    texts = [
        next(file.read_text() for file in listed if file.as_posix().endswith(name))
        for name in about.get_all("License-File", [])
    ]
    for title in ("Apache License", "European Union Public Licence", "MIT License", "BSD 3-Clause License"):
        assert any(title in text for text in texts)


@pytest.mark.verify
def test_packages_hold_what_is_under_version_control(tmp_path: Path) -> None:
    """The source package holds every tracked file, the wheel the package, the experiments and the licences."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a clone: no list of tracked files")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    tracked = {name for name in listed.stdout.splitlines() if not name.startswith(".github/")}
    copy = tmp_path / "copy"  # a build writes into the source tree
    for name in tracked:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy / name)
    uv = Path(sys.executable).with_name("uv")
    subprocess.run(
        [uv, "build", "--no-build-isolation", "--python", sys.executable, "--offline", "-o", tmp_path, copy],
        capture_output=True, check=True, timeout=200,
    )  # fmt: skip
    (source,) = tmp_path.glob("*.tar.gz")
    (wheel,) = tmp_path.glob("*.whl")
    with tarfile.open(source) as archive:
        in_source = {member.name.partition("/")[2] for member in archive if not member.isdir()}
    assert tracked - in_source == set()
    made = {"PKG-INFO", "setup.cfg"}
    assert {name for name in in_source - tracked if "egg-info/" not in name} == made
    with zipfile.ZipFile(wheel) as archive:
        in_wheel = set(archive.namelist())
        (about,) = [name for name in in_wheel if name.endswith("dist-info/METADATA")]
        assert "Description-Content-Type: text/markdown" in archive.read(about).decode()
    package = {name for name in tracked if name.startswith("landda_hpc/")}
    experiments = {f"landda_hpc/data/{name}" for name in tracked if name.startswith("experiments/")}
    assert {name for name in in_wheel if ".dist-info/" not in name} == package | experiments
    licences = {name.partition("/licenses/")[2] for name in in_wheel if "/licenses/" in name}
    assert licences == {"LICENSE", "landda_hpc/data/EUPL-1.2.txt", "landda_hpc/data/CREDITS.md"}


def test_conda_recipe_says_the_same_as_the_package() -> None:
    """Version, Python, licence, licence texts and requirements; the recipe adds the default Fourier library."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    recipe = yaml.safe_load((ROOT / "env/conda/recipe.yaml").read_text())
    assert recipe["context"]["version"] == landda_hpc.__version__
    assert f">={recipe['context']['python_min']}" == project["requires-python"]
    about = recipe["about"]
    assert (about["license"], about["license_file"]) == (project["license"], project["license-files"])
    of_conda = {"dask": "dask-core", "matplotlib": "matplotlib-base"}
    wanted = project["dependencies"] + project["optional-dependencies"]["ducc0"]
    pairs = [line.lower().split(">=") for line in wanted]
    assert recipe["requirements"]["run"][1:] == [f"{of_conda.get(name, name)} >={least}" for name, least in pairs]
