"""Windows, late and damaged files, overpasses, layers besides the observed one, withheld observations, feedback."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from landda_hpc.config import FileObservations, InstantWindow, MeanWindow, NearestWindow, QualityConfig, WithheldConfig
from landda_hpc.constants import BoolArray, FloatArray
from landda_hpc.errors import ConfigError, DataError, MissingFileError, ShapeError
from landda_hpc.formats.products.dataset import Dataset
from landda_hpc.formats.products.product import Product, ProductVariable, SoilMoistureProfile
from landda_hpc.grid import regular_grid
from landda_hpc.observation.feedback import collect, feedback_name, read_feedback, write_feedback
from landda_hpc.observation.files import ProductSource
from landda_hpc.observation.image_observation import Flag, ImageObservation
from landda_hpc.observation.superobbing import Superobservation
from landda_hpc.observation.time_windows import ObservationWindow, mean_over
from landda_hpc.observation.withheld import Withholding

GRID = regular_grid(18, 36)
SOIL = np.ones(GRID.shape, dtype=np.bool_)
T = datetime(2016, 6, 1, 12)
HOUR = timedelta(hours=1)


def hours(*values: float) -> list[datetime]:
    return [T + value * HOUR for value in values]


@pytest.mark.parametrize(
    ("window", "available", "chosen"),
    [
        (InstantWindow(), (-3, 0, 3), (0,)),
        (InstantWindow(), (-3, 3), ()),
        (NearestWindow(hours=3), (-4, -2, 1.5), (1.5,)),
        (NearestWindow(hours=3), (-2, 2), (-2,)),
        (NearestWindow(hours=3), (-3.5, 4), ()),
        (MeanWindow(hours=6), (-6, -3, 0, 3, 6), (0, 3)),
        (MeanWindow(hours=6, position="before"), (-9, -6, -3, 0, 3), (-3, 0)),
        (MeanWindow(hours=24), range(-24, 25, 6), (-6, 0, 6, 12)),
    ],
)
def test_times_of_a_window(window: object, available: tuple[float, ...], chosen: tuple[float, ...]) -> None:
    found = ObservationWindow.of(window).choose(T, hours(*available), "instant")
    assert found == hours(*chosen)


def test_windows_after_each_other_share_no_observation() -> None:
    for position in ("centred", "before"):
        window = ObservationWindow.of(MeanWindow(hours=6, position=position))
        times = hours(*range(-30, 31))
        taken = [t for k in range(-3, 4) for t in window.choose(T + 6 * k * HOUR, times, "instant")]
        assert len(taken) == len(set(taken)) == 42


def image(value: float, std: float | None = None) -> Superobservation:
    values = np.full(GRID.shape, value)
    return Superobservation(values, None if std is None else np.full(GRID.shape, std), {})


def test_means_need_their_share() -> None:
    images = [image(0.1, 0.02), image(0.2, 0.04), image(0.4, 0.06)]
    images[2].values[0] = np.nan
    images[1].values[0, 0] = np.nan
    images[2].refused[Flag.SNOW] = np.zeros(GRID.shape, dtype=np.bool_)
    images[2].refused[Flag.SNOW][0] = True
    mean = mean_over(images, 2)
    assert mean.error_std is not None
    np.testing.assert_allclose(mean.values[1:], 0.7 / 3)
    np.testing.assert_allclose(mean.error_std[1:], 0.04)
    np.testing.assert_allclose(mean.values[0, 1:], 0.15)
    assert np.isnan(mean.values[0, 0])
    # Only the cell that lost its value by it is refused.
    assert np.argwhere(mean.refused[Flag.SNOW]).tolist() == [[0, 0]]
    assert mean_over([*images, image(0.3)], 1).error_std is None
    assert mean_over(images[:1], 1) is images[0]
    with pytest.raises(ShapeError):
        mean_over([], 1)
    window = ObservationWindow.of(MeanWindow(hours=24, min_share=0.5))
    assert (window.n_expected(3 * HOUR), window.n_needed(3 * HOUR, "instant")) == (8, 4)
    assert window.n_needed(24 * HOUR, "overpasses") == 1


class FakeFile:
    """Value by the hour of the time in the file's name; text files stand for the product's."""

    seconds: FloatArray | None = None
    conditions: dict[str, BoolArray] = {}  # noqa: RUF012
    n_open = 0
    empty = False

    def __init__(self, path: Path) -> None:
        text = path.read_text(encoding="ascii")
        if text == "damaged":
            raise DataError(f"file '{path}' is damaged")
        self.path = path
        self.times = (datetime.strptime(path.stem, "%Y%m%d%H"),)
        FakeFile.n_open += 1

    def read(self, time: datetime, depth_m: object = None, region: object = None) -> SoilMoistureProfile:
        values = np.full((1, *GRID.shape), np.nan if FakeFile.empty else time.hour / 100)
        depth = ((0.1, 0.4),) if depth_m == (0.1, 0.4) else ((0.0, 0.1),)
        return SoilMoistureProfile(
            values, depth, GRID, time, "fake", self.path, values * 0.1, self.conditions, FakeFile.seconds
        )

    def __enter__(self) -> FakeFile:
        return self

    def __exit__(self, *_: object) -> None:
        FakeFile.n_open -= 1


PRODUCT = Product(
    key="fake",
    label="fake",
    variables=tuple(
        ProductVariable(f"sm{k}", "", None, ("1",), (0.0, 1.0), depth_m=depth)
        for k, depth in enumerate([(0.0, 0.1), (0.1, 0.4)])
    ),
    time_convention="",
    stamp="instant",
    step=3 * HOUR,
    opens=FakeFile,
    many_times=False,
    may_be_empty=False,
    tried=False,
    reference="",
)


def put(root: Path, *times: datetime, text: str = "") -> None:
    for time in times:
        (root / f"{time:%Y%m%d%H}.txt").write_text(text, encoding="ascii")


def source(root: Path, window: object = None, product: Product = PRODUCT, **options: object) -> ProductSource:
    damaged = options.pop("damaged", "error")
    dataset = Dataset(product, root, "%Y%m%d%H.txt", damaged=damaged)
    return ProductSource(dataset, FileObservations(window=window or InstantWindow(), **options), GRID, SOIL)


def test_a_mean_over_the_window(tmp_path: Path) -> None:
    put(tmp_path, *hours(-6, -3, 0, 3))
    mine = source(tmp_path, MeanWindow(hours=12))
    survey = mine.survey([T, T + 24 * HOUR])
    assert [t for t, _ in survey.found] == [T]
    assert survey.problems == ()
    observation = mine.at(T)
    assert observation is not None
    np.testing.assert_allclose(observation.values, (0.09 + 0.12 + 0.15) / 3)
    assert observation.error_std is not None
    assert FakeFile.n_open == 0
    assert mine.other_layers(T, [(0.0, 0.1), (0.1, 0.4), (0.4, 1.0)])[0.1, 0.4][0, 0] == pytest.approx(0.12)
    # Two of the six times that a day and a half would have are too few.
    strict = source(tmp_path, MeanWindow(hours=18, min_share=0.9))
    observation = strict.at(T)
    assert observation is not None
    assert observation.n_used == 0
    assert observation.counts["missing"] == GRID.n_cells


def test_late_files(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    put(tmp_path, *hours(-2))
    product = replace(PRODUCT, step=HOUR)
    sources = {
        late: source(tmp_path, NearestWindow(hours=3), product, late=late) for late in ("ignore", "use", "error")
    }
    for mine in sources.values():
        assert [t for t, _ in mine.survey([T, T + 6 * HOUR]).found] == [T]
    put(tmp_path, *hours(0, 6))
    values = {}
    for late in ("ignore", "use"):
        observation = sources[late].at(T)
        assert observation is not None
        values[late] = observation.values[0, 0]
    assert values == {"ignore": 0.10, "use": 0.12}
    assert "did not exist when the campaign started: left out" in caplog.text
    assert sources["ignore"].at(T + 6 * HOUR) is None
    assert sources["use"].at(T + 6 * HOUR) is not None
    with pytest.raises(DataError, match=r"2016060112\.txt'\) did not exist .* observations.late: ignore"):
        sources["error"].at(T)
    # A second survey, or one of a campaign that is taken up, goes by the first; a nearer time that came late does not
    # hide what was there.
    later = {late: source(tmp_path, NearestWindow(hours=3), product, late=late) for late in ("ignore", "use")}
    for late, mine in later.items():
        mine.recall(sources[late].surveyed)
    for late, found in (("ignore", [T]), ("use", [T, T + 6 * HOUR])):
        assert [t for t, _ in sources[late].survey([T, T + 6 * HOUR]).found] == found
        assert [t for t, _ in later[late].survey([T, T + 6 * HOUR]).found] == found
    assert later["ignore"].surveyed == sources["ignore"].surveyed == {T: (T - 2 * HOUR,), T + 6 * HOUR: ()}
    again = later["ignore"].at(T)
    assert again is not None and again.values[0, 0] == 0.10
    for path in tmp_path.glob("*.txt"):
        path.unlink()
    assert sources["use"].at(T) is None
    assert "existed when the campaign started and are missing now" in caplog.text


def test_damaged_and_missing_files(tmp_path: Path) -> None:
    put(tmp_path, T, text="damaged")
    put(tmp_path, T + 6 * HOUR)
    strict, lenient = source(tmp_path), source(tmp_path, damaged="skip")
    times = [T, T + 6 * HOUR]
    assert strict.probe(strict.survey(times)) == (f"file '{tmp_path}/2016060112.txt' is damaged",)
    assert lenient.probe(lenient.survey(times)) == ()
    assert lenient.at(T) is None
    with pytest.raises(DataError, match="is damaged"):
        strict.at(T)
    problems = replace(lenient.survey([T]), unreadable=lenient.probe(lenient.survey([T]))).problems
    assert problems == (f"file '{tmp_path}/2016060112.txt' is damaged",)
    with pytest.raises(MissingFileError):
        source(tmp_path, missing="error").at(T + 3 * HOUR)
    with pytest.raises(ConfigError, match="not covered by the product's layers"):
        ProductSource(Dataset(PRODUCT, tmp_path, "x"), FileObservations(depth_m=(0.0, 1.0)), GRID, SOIL)


def test_overpasses_count_where_they_were_seen_in_the_window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    product = replace(PRODUCT, stamp="overpasses", step=24 * HOUR, first=12 * HOUR)
    put(tmp_path, T, T - 24 * HOUR)
    seconds = np.full(GRID.shape, np.nan)
    seconds[:, :10], seconds[:, 10:20], seconds[:, 20:30] = -7200.0, 0.0, 18 * 3600.0
    monkeypatch.setattr(FakeFile, "seconds", seconds)
    observation = source(tmp_path, MeanWindow(hours=6), product).at(T)
    assert observation is not None
    assert observation.n_used == 20 * GRID.lat.size
    # The columns that were seen 18 h after noon belong to the next morning.
    morning = source(tmp_path, MeanWindow(hours=6), product).at(T + 18 * HOUR)
    assert morning is not None
    assert np.isfinite(morning.values).any(axis=0).nonzero()[0].tolist() == list(range(20, 30))
    everything = source(tmp_path, InstantWindow(), product).at(T)
    assert everything is not None
    assert everything.n_used == GRID.n_cells


def test_images_that_are_all_empty_are_told_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, T, T + 6 * HOUR)
    whole = source(tmp_path)
    assert whole.probe(whole.survey([T])) == () and not caplog.text
    monkeypatch.setattr(FakeFile, "empty", True)
    empty = source(tmp_path)
    assert empty.probe(empty.survey([T, T + 6 * HOUR])) == ()
    assert "the first 2 images have no value around the model's domain" in caplog.text


def test_of_two_half_orbits_the_one_in_the_window_counts(tmp_path: Path) -> None:
    class HalfOrbit(FakeFile):
        """Of noon; seen 7 h earlier or later than that, everywhere."""

        def __init__(self, path: Path) -> None:
            super().__init__(path)
            self.is_late = path.read_text(encoding="ascii") == "late"

        def read(self, time: datetime, depth_m: object = None, region: object = None) -> SoilMoistureProfile:
            shift = 7 if self.is_late else -7
            profile = super().read(time + shift * HOUR, depth_m, region)
            return replace(profile, time=time, cell_seconds=np.full(GRID.shape, 3600.0 * shift))

    product = replace(PRODUCT, stamp="overpasses", step=24 * HOUR, first=12 * HOUR, merges=True, opens=HalfOrbit)
    noon = T.replace(hour=12)
    for name in ("early", "late"):
        (tmp_path / name).mkdir()
        put(tmp_path / name, noon, text=name)
    dataset = Dataset(product, tmp_path, "*/%Y%m%d%H.txt")
    for shift, value in ((-7, 0.05), (7, 0.19)):
        config = FileObservations(window=NearestWindow(hours=1.5))
        observation = ProductSource(dataset, config, GRID, SOIL).at(noon + shift * HOUR)
        assert observation is not None and observation.n_used == GRID.n_cells
        np.testing.assert_allclose(observation.values[SOIL], value)


def test_conditions_of_the_product_become_reasons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, T)
    snow = np.zeros(GRID.shape, dtype=np.bool_)
    snow[:9] = True
    monkeypatch.setattr(FakeFile, "conditions", {"snow": snow})
    observation = source(tmp_path).at(T)
    assert observation is not None
    assert observation.counts["snow"] == 9 * 36
    unmoved = source(tmp_path, quality=QualityConfig(refuse=())).at(T)
    assert unmoved is not None
    assert unmoved.n_used == GRID.n_cells


# --------------------------------------------------------------------------- withheld


def test_withheld_by_fraction_and_block() -> None:
    always = Withholding(WithheldConfig(fraction=0.3), GRID, 1, Path())
    share = always.mask(T).mean()
    assert abs(share - 0.3) < 5 * np.sqrt(0.21 / GRID.n_cells)
    np.testing.assert_array_equal(always.mask(T), always.mask(T + HOUR))
    assert (Withholding(WithheldConfig(fraction=0.3), GRID, 2, Path()).mask(T) != always.mask(T)).any()
    redrawn = Withholding(WithheldConfig(fraction=0.3, redraw=True), GRID, 1, Path())
    assert (redrawn.mask(T) != redrawn.mask(T + HOUR)).any()
    np.testing.assert_array_equal(redrawn.mask(T), redrawn.mask(T))
    blocks = Withholding(WithheldConfig(fraction=0.5, block_deg=30.0), GRID, 1, Path()).mask(T)
    by_block = blocks.reshape(6, 3, 12, 3)
    assert (by_block.all(axis=(1, 3)) | ~by_block.any(axis=(1, 3))).all()
    assert 0 < blocks.sum() < blocks.size


def test_withheld_by_box_list_and_time(tmp_path: Path) -> None:
    config = WithheldConfig(boxes=((-10.0, 10.0, 350.0, 370.0),), times=(T + HOUR,), list_file=Path("held.csv"))
    with pytest.raises(MissingFileError, match=r"held\.csv"):
        Withholding(config, GRID, 1, tmp_path)
    (tmp_path / "held.csv").write_text(
        "lat,lon,time\n55.0,105.0,\n-55.0,-75.0,2016-06-01T12:00\n-55.0,15.0,2016-06-01T20:00+08:00\n", encoding="utf-8"
    )
    mine = Withholding(config, GRID, 1, tmp_path)
    rows, columns = np.nonzero(mine.mask(T))
    assert {(GRID.lat[r], GRID.lon[c]) for r, c in zip(rows, columns, strict=True)} == {
        (-5.0, 5.0), (5.0, 5.0), (-5.0, 355.0), (5.0, 355.0), (55.0, 105.0), (-55.0, 285.0), (-55.0, 15.0),
    }  # fmt: skip
    assert mine.mask(T - HOUR).sum() == 5
    assert mine.mask(T + HOUR).all()
    for text in (
        "a,b\n1,2\n", "lat,lon\nx,2\n", "lat,lon,time\n1,2,noon\n", "lat,lon\n120,40\n", "lat,lon\nnan,0\n",
    ):  # fmt: skip
        (tmp_path / "held.csv").write_text(text, encoding="utf-8")
        with pytest.raises(DataError, match="expected CSV with columns lat, lon"):
            Withholding(config, GRID, 1, tmp_path)
    (tmp_path / "held.csv").write_text("lat,lon,time\n1,2,2016-06-01T13:00\n1,2,2017-01-01\n", encoding="utf-8")
    with pytest.raises(DataError, match="1 times that are not analysis times, the first is 2016-06-01T13:00:00"):
        Withholding(config, GRID, 1, tmp_path, [T, T + 6 * HOUR])
    with pytest.raises(ConfigError, match="no cell of the grid"):
        Withholding(WithheldConfig(boxes=((1.0, 2.0, 1.0, 2.0),)), GRID, 1, tmp_path)


# --------------------------------------------------------------------------- feedback


def test_feedback_round_trip(tmp_path: Path) -> None:
    generator = np.random.default_rng(3)
    given = np.where(generator.random(GRID.shape) < 0.6, generator.random(GRID.shape), np.nan)
    soil = generator.random(GRID.shape) < 0.7
    observation = ImageObservation.flagged(given, soil, T, (0.0, 0.1), "fake", np.full(GRID.shape, 0.04))
    observation = observation.reject(given > 0.8, Flag.WITHHELD)
    background = {name: np.where(soil, generator.random(GRID.shape), np.nan) for name in ("control", "enkf_like")}
    feedback = collect(observation, GRID, background, {"enkf_like": background["control"]})
    path = tmp_path / "feedback" / feedback_name(T)
    write_feedback(path, feedback, {"campaign": "test"})
    again = read_feedback(path)
    assert path.name == "20160601T1200.nc"
    assert (again.time, again.source, again.depth_m, again.runs) == (T, "fake", (0.0, 0.1), ("control", "enkf_like"))
    n = int(np.isfinite(given).sum())
    assert again.value.shape == (n,)
    for name in ("lat", "lon", "cell", "value", "error_std", "flag", "background", "analysis"):
        np.testing.assert_array_equal(getattr(again, name), getattr(feedback, name))
    np.testing.assert_array_equal(again.value, given.ravel()[again.cell])
    np.testing.assert_array_equal(again.flag, observation.flags.ravel()[again.cell])
    assert np.isnan(again.analysis[0]).all()
    assert {int(f) for f in again.flag} == {Flag.USED, Flag.OUTSIDE_SOIL, Flag.WITHHELD}
    with netCDF4.Dataset(path) as file:
        assert file.featureType == "point"
        meanings = str(file["flag"].flag_meanings).split()
        assert len(meanings) == len(file["flag"].flag_values) == len(Flag)
        assert meanings[Flag.WITHHELD] == "withheld"
        assert file["run_name"][:].tolist() == ["control", "enkf_like"]
    with pytest.raises(ShapeError):
        collect(observation, GRID, {"control": np.zeros((2, 2))}, {})
    with netCDF4.Dataset(tmp_path / "x.nc", "w") as file:
        file.title = "nothing"
    with pytest.raises(DataError, match="is not a feedback file"):
        read_feedback(tmp_path / "x.nc")


def test_feedback_without_any_observation(tmp_path: Path) -> None:
    observation = ImageObservation.flagged(np.full(GRID.shape, np.nan), SOIL, T, (0.0, 0.1), "fake")
    write_feedback(tmp_path / "f.nc", collect(observation, GRID, {"control": np.zeros(GRID.shape)}, {}))
    assert read_feedback(tmp_path / "f.nc").value.size == 0
