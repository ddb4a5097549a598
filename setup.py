"""Everything is declared in pyproject.toml, except that a built package holds the experiments next to its data."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithExperiments(build_py):
    """Copy ``experiments/`` to ``landda_hpc/data/experiments``, where ``landda_hpc.data`` finds them."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:  # the package is used where it lies, next to experiments/
            return
        folder = Path(self.build_lib, "landda_hpc", "data", "experiments")
        self.mkpath(str(folder))
        for source in sorted(Path(__file__).parent.glob("experiments/*.yaml")):
            self.copy_file(str(source), str(folder / source.name))


setup(cmdclass={"build_py": BuildWithExperiments})
