"""`landda plot` of chosen runs, times, images and formats."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from matplotlib.image import imread
from PIL import Image

from tests.campaign.conftest import Landda

TIMES = ("2022-06-02T12", "2022-06-03T00", "2022-06-03T12")


def drawn(done: Any, folder: Path = Path()) -> list[str]:
    assert done.returncode == 0, done.stdout + done.stderr
    paths = [folder / line for line in done.stdout.splitlines()]
    assert all(path.stat().st_size > 10_000 for path in paths)
    return [path.name for path in paths]


def test_what_there_is_to_draw_is_listed(landda: Landda, reference: Mapping[str, Any]) -> None:
    done = landda.here("plot", reference["path"], "--list")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("kinds: maps, increments, regions, scores")
    assert lines[1] == f"run control: {', '.join(TIMES)}"
    assert [line.split(":")[0] for line in lines[1:5]] == [
        "run control", "run pointwise", "run enkf_like", "run adaptive_pointwise"
    ]  # fmt: skip
    assert lines[5].startswith("variables: ") and "analysis" in lines[5] and "forecast" in lines[5]
    assert lines[6] == "layers: 0-10 cm"


def test_chosen_maps_are_drawn_in_every_format(landda: Landda, reference: Mapping[str, Any]) -> None:
    choice = ("plot", reference["path"], "--run", "pointwise", "--time", TIMES[0], "-o", landda.folder / "maps")
    variables = ("--variable", "analysis", "--variable", "analysis minus background")
    first = {"pdf": b"%PDF", "svg": b"<?xm", "png": b"\x89PNG"}
    formats = [word for kind in first for word in ("--format", kind)]
    files = [landda.folder / "maps" / f"map_pointwise_20220602T12.{kind}" for kind in first]
    assert drawn(landda.here(*choice, *variables, *formats)) == [file.name for file in files]
    contents = [file.read_bytes() for file in files]
    assert all(content.startswith(begin) for content, begin in zip(contents, first.values(), strict=True))
    drawn(landda.here(*choice, *variables, *formats))
    assert [file.read_bytes() for file in files] == contents, "equal figures have equal bytes"
    letters = ("--font", "DejaVu Serif", "--font-size", "9")
    drawn(landda.here(*choice, *variables, "--dpi", "300", *letters, "--borders"))
    with Image.open(landda.folder / "maps" / "map_pointwise_20220602T12.png") as fine:
        assert round(fine.info["dpi"][0]) == 300
        size = fine.size
    drawn(landda.here(*choice, *variables, "--format", "png"))
    with Image.open(landda.folder / "maps" / "map_pointwise_20220602T12.png") as usual:
        assert abs(size[0] - 2 * usual.size[0]) <= 2
    two_panels = imread(landda.folder / "maps" / "map_pointwise_20220602T12.png").shape
    drawn(landda.here(*choice, "--variable", "analysis"))
    assert imread(landda.folder / "maps" / "map_pointwise_20220602T12.png").shape[1] < two_panels[1]


def test_figures_are_chosen_by_kind(landda: Landda, reference: Mapping[str, Any]) -> None:
    kinds = ("-k", "increments", "-k", "innovations", "-f", "svg", "--font-size", "12")
    names = drawn(landda.here("plot", reference["path"], "-o", landda.folder / "kinds", *kinds))
    runs = ("pointwise", "enkf_like", "adaptive_pointwise")
    expected = [f"increments_{run}_{time.replace('-', '')}.svg" for run in runs for time in TIMES[:2]]
    assert names == [*expected, "innovations.svg"]


@pytest.mark.verify
def test_times_and_runs_that_are_not_chosen_are_those_of_the_report(
    landda: Landda, reference: Mapping[str, Any]
) -> None:
    folder = landda.folder / "maps"
    names = drawn(landda.here("plot", reference["path"], "--run", "control", "--output", folder))
    assert names == [f"map_control_2022060{day}.png" for day in ("2T12", "3T00", "3T12")]
    names = drawn(landda.here("plot", reference["path"], "--time", TIMES[2], "--output", folder))
    assert names == [
        f"map_{run}_20220603T12.png" for run in ("control", "pointwise", "enkf_like", "adaptive_pointwise")
    ]
    assert len(drawn(landda.here("plot", reference["path"], "-t", "all", "-r", "pointwise", "-o", folder))) == 3


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (["--run", "pointwize"], "--run pointwize: 'pointwize' is not one of control, pointwise, enkf_like, adaptive_"),
        (["--run", "pointwize"], "Did you mean 'pointwise'?"),
        (
            ["--time", "2022-06-02T13"],
            "no images exist at that time; the nearest of 3 times is 2022-06-02T12. List them",
        ),
        (["--time", "noon"], "--time noon: expected a time as 2022-06-02T06, UTC, or all"),
        (["--time", "2022-06-02T12:00+08:00"], "times are UTC and carry no offset"),
        (
            ["--variable", "anlysis", "--run", "pointwise", "--time", TIMES[0]],
            "Did you mean 'analysis'? These are the images",
        ),
        (["--variable", "a minus b minus c", "--time", TIMES[0]], "'a' is not one of"),
        (["--layer", "10-40 cm"], "'10-40 cm' is not one of 0-10 cm."),
        (["--font", "No Font"], "--font: No Font: matplotlib does not find this font. Found: "),
        (["--format", "gif"], "'gif' is not one of 'png', 'pdf', 'svg'"),
        (["--kind", "mops"], "'mops' is not one of 'maps', 'increments', 'regions', 'scores',"),
        (["--kind", "scores", "--run", "pointwise"], "--run: selects maps, but figures of kind scores show all runs"),
        (["--kind", "ensembles"], "has no data for figures of kind ensembles."),
    ],
)
def test_wrong_choices_are_named(landda: Landda, reference: Mapping[str, Any], choice: list[str], message: str) -> None:
    done = landda.here("plot", reference["path"], *choice, "-o", landda.folder / "maps")
    assert done.returncode == 2 and message in " ".join(done.stderr.split()), done.stderr
    assert not list(landda.folder.rglob("*.png"))


@pytest.mark.verify
def test_a_scored_layer_is_drawn_next_to_the_figures_of_the_campaign(landda: Landda) -> None:
    file = landda.write(
        grid={"n_lat": 18, "n_lon": 36}, runs=[{"method": "control"}],
        time={"start": "2022-06-02T00:00", "assimilation_end": "2022-06-02T06:00", "end": "2022-06-02T06:00"},
        verification={"depths_m": [[0.0, 0.1], [0.1, 0.4]]},
        output={"every_hours": 6, "figures": False, "layers": True},
    )  # fmt: skip
    done = landda.here("run", file, "-o", "out")
    assert done.returncode == 0, done.stderr
    assert "layers: 0-10 cm, 10-40 cm" in landda.here("plot", "out", "--list").stdout
    done = landda.here("plot", "out", "--layer", "10-40 cm", "--format", "pdf")
    assert drawn(done, landda.folder) == ["map_control_10-40cm_20220602T06.pdf"]
    assert (landda.folder / "out" / "figures" / "map_control_10-40cm_20220602T06.pdf").is_file()
    done = landda.here("plot", "out", "--layer", "10-4 cm")
    assert done.returncode == 2 and "Did you mean '10-40 cm'?" in done.stderr
    assert json.loads((landda.folder / "out" / "scores.jsonl").read_text().splitlines()[0])["run"] == "control"
