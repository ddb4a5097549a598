"""`landda study compare`: which methods, which seeds, the same table on any number of ranks and after any stop."""

from __future__ import annotations

import csv
import math
import signal
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from landda_hpc.config import (
    AssimilatingRun,
    CampaignConfig,
    DriftConfig,
    OverlapDepth,
    RegressionDepth,
    TwinStations,
    parse_config,
)
from landda_hpc.errors import ConfigError
from landda_hpc.studies.comparison import (
    METHODS,
    choose_runs,
    counted_since,
    plan_comparison,
    split_methods,
)
from landda_hpc.studies.comparison_options import parse_option_sets, with_options
from landda_hpc.studies.comparison_tuning import BEST_GAIN, BEST_SMOOTHED, choose, tuning_campaign, tunings
from landda_hpc.verification.tables.score_records import ScoreRecord
from tests.campaign.conftest import CONFIG, Landda

SHORT: dict[str, Any] = {
    "time": {"start": "2022-06-02T00:00", "assimilation_end": "2022-06-02T12:00", "end": "2022-06-02T18:00"},
    "output": {"every_hours": 12, "figures": False, "fields": []},
}
OPTIONS = (
    "--methods",
    "control,pointwise,enkf_like:estimator=exact;name=exact",
    "--seeds",
    "1,2",
    "--baseline",
    "exact",
)


@pytest.fixture
def config() -> CampaignConfig:
    return parse_config(CONFIG)


class TestChoosingMethods:
    runs = ({"method": "control", "name": "control"}, {"method": "pointwise", "name": "blend", "gain": 0.5})

    def test_runs_of_the_file_come_before_methods_with_their_defaults(self, config: CampaignConfig) -> None:
        chosen = plan_comparison(config, ["enkf_like", "smoothed", "control"]).config.runs
        assert [run.name for run in chosen] == ["enkf_like", "smoothed", "control"]
        assert chosen[0].members == 4  # type: ignore[union-attr]
        assert plan_comparison(config).methods == ("control", "pointwise", "enkf_like", "adaptive_pointwise")

    def test_settings_make_a_run_of_its_own(self) -> None:
        chosen = choose_runs(self.runs, ["blend", "blend:gain=0.25", "pointwise:gain=0.1;name=weak"])
        assert [(run["name"], run.get("gain")) for run in chosen] == [
            ("blend", 0.5), ("blend_gain_0_25", 0.25), ("weak", 0.1)
        ]  # fmt: skip

    def test_dotted_settings_reach_into_absent_sections(self, config: CampaignConfig) -> None:
        errors = "observation_errors.kind=white;observation_errors.std=0.06"
        for base in ("enkf_like", "per_wedge"):  # a run of the file, and a method
            run = plan_comparison(config, [f"{base}:{errors};name=white"]).config.runs[0]
            assert run.observation_errors.std == 0.06  # type: ignore[union-attr]

    def test_the_page_says_what_is_not_the_default(self, config: CampaignConfig) -> None:
        settings = "observation_errors.kind=white;observation_errors.std=0.06;name=white"
        plan = plan_comparison(config, ["control", f"per_wedge:{settings}"], tuned=tunings([0.3, 0.5], [200.0]))
        best = {BEST_GAIN: {1: {"gain": 0.5}, 2: {"gain": 0.3}, 3: {"gain": 0.3}}}
        plan = plan.with_best(best | {BEST_SMOOTHED: {seed: {"gain": 0.5, "length_km": 200.0} for seed in (1, 2, 3)}})
        pointwise = "seed 1: gain 0.5; seed 2: gain 0.3; seed 3: gain 0.3"
        smoothed = "; ".join(f"seed {seed}: gain 0.5, length_km 200" for seed in (1, 2, 3))
        assert plan.describe() == [
            "control: control, defaults",
            "white: per_wedge, {observation_errors: {kind: white, std: 0.06}}",
            f"pointwise_best: pointwise, defaults, tuned with the truth ({pointwise})",
            f"smoothed_best: smoothed, defaults, tuned with the truth ({smoothed})",
        ]
        of_seed = {run.name: run for run in plan.of_seed(1).runs}
        assert of_seed[BEST_GAIN].gain == 0.5  # type: ignore[union-attr]
        assert plan.of_seed(2).runs[2].gain == 0.3  # type: ignore[union-attr]

    def test_commas_in_brackets_do_not_split(self) -> None:
        text = "control, per_wedge:observation_errors={kind: white, std: 0.06};members=9,,smoothed"
        assert split_methods(text) == [
            "control", "per_wedge:observation_errors={kind: white, std: 0.06};members=9", "smoothed"
        ]  # fmt: skip

    def test_every_method_can_be_named(self, config: CampaignConfig) -> None:
        assert len(list(METHODS)) == 16
        comparison = plan_comparison(config.model_copy(update={"stations": TwinStations()}), list(METHODS))
        assert comparison.methods == tuple(METHODS)
        assert [run.name for run in comparison.config.runs if run.ensemble is not None] == [
            "curvelet_enkf", "curvelet_ensrf", "letkf", "column_enkf"
        ]  # fmt: skip

    def test_all_problems_at_once_with_suggestions(self, config: CampaignConfig) -> None:
        with pytest.raises(ConfigError) as caught:
            plan_comparison(config, ["pointwis", "smoothed:length", "nudging"], seeds=(1, 1), last_days=9.0)
        text = str(caught.value)
        for words in ("Did you mean 'pointwise'?", "'length' is not a setting", "nudging", "--seeds 1,1", "at most 1"):
            assert words in text, text
        with pytest.raises(ConfigError, match=r"--baseline smothed.*Did you mean 'smoothed'"):
            plan_comparison(config, ["smoothed"], baseline="smothed")
        with pytest.raises(ConfigError, match=r"gian: unknown key. Did you mean 'gain'"):
            plan_comparison(config, ["pointwise:gian=0.2"])
        with pytest.raises(ConfigError, match="a different name"):
            plan_comparison(config, ["control", "control"])

    def test_what_part_of_the_window_counts(self, config: CampaignConfig) -> None:
        assert counted_since(config.time, None) == config.time.start + timedelta(hours=12)
        assert counted_since(config.time, 0.25) == config.time.assimilation_end - timedelta(hours=6)
        free = config.time.model_copy(update={"assimilation_end": config.time.start})
        with pytest.raises(ConfigError, match="nothing to compare"):
            counted_since(free, None)

    def test_discarded_days_count_nowhere(self, config: CampaignConfig) -> None:
        """As in the tables of a campaign (verification.discard_days); half of the rest counts by default."""
        start = config.time.start
        time = config.time.model_copy(
            update={"assimilation_end": start + timedelta(days=10), "end": start + timedelta(days=11)}
        )
        assert counted_since(time, None, 4) == start + timedelta(days=7)
        assert counted_since(time, 6.0, 4) == start + timedelta(days=4)
        with pytest.raises(ConfigError, match="at most 6, 4 days being discarded"):
            counted_since(time, 7.0, 4)
        with pytest.raises(ConfigError, match="discards the whole"):
            counted_since(time, None, 10)
        long = config.model_copy(
            update={"time": time, "verification": config.verification.model_copy(update={"discard_days": 4})}
        )
        assert plan_comparison(long).since == start + timedelta(days=7)


class TestDepthAndDriftOfEveryMethod:
    """`--options`: the same sets for all, so that a comparison is fair."""

    def test_every_method_once_with_every_set(self, config: CampaignConfig) -> None:
        sets = parse_option_sets("plain, depth,drift,drift+depth")
        assert sets == ((), ("depth",), ("drift",), ("depth", "drift"))
        plan = plan_comparison(config, ["control", "pointwise", "smoothed"], options=sets, tuned=tunings([0.3], []))
        names = ["pointwise", "smoothed", BEST_GAIN]
        suffixes = ["", "_depth", "_drift", "_depth_drift"]
        assert list(plan.methods) == ["control", *(name + suffix for name in names for suffix in suffixes)]
        assert plan.tuned == tuple(BEST_GAIN + suffix for suffix in suffixes)
        runs = {run.name: run for run in plan.config.runs}
        for name in names:
            run, plain = runs[f"{name}_depth_drift"], runs[name]
            assert isinstance(run, AssimilatingRun) and isinstance(plain, AssimilatingRun)
            assert run.depth == RegressionDepth() and run.drift == DriftConfig()
            assert plain.depth == OverlapDepth() and plain.drift is None

    def test_settings_of_the_file_stay_where_the_set_has_them(self) -> None:
        own = {
            "method": "pointwise",
            "name": "p",
            "depth": {"kind": "regression", "share": 0.5},
            "drift": {"share": 0.1},
        }
        plain, both = with_options([own], [(), ("depth", "drift")], Path("v.nc"))
        assert plain["depth"] == {"kind": "overlap"} and plain["drift"] is None
        assert both["depth"] == {"kind": "regression", "share": 0.5, "file": "v.nc"} and both["drift"] == {"share": 0.1}
        assert with_options([own], ()) == [own]
        long = with_options([own | {"name": "a" * 40}], [("depth",), ("drift",)])
        assert [run["name"] for run in long] == ["a" * 34 + "_depth", "a" * 34 + "_drift"]

    @pytest.mark.parametrize("text", ["deep", "depth+depth", "plain+depth", "depth,depth", "drift+depth,depth+drift"])
    def test_mistakes_are_told(self, text: str) -> None:
        with pytest.raises(ConfigError, match="--options"):
            parse_option_sets(text)


class TestTheBestGain:
    gains = (0.2, 0.4, 0.6)
    tuning = tunings(gains, [])[0]

    def records(self, config: CampaignConfig, **changes: Any) -> list[ScoreRecord]:
        """Errors with a minimum at 0.4 in the second half of the window, and at 0.6 before."""
        found = []
        for i in range(len(self.gains)):
            for cycle, best in ((1, 2), (2, 2), (3, 1), (4, 1)):
                values = {"scc": 0.9, "rmse": 0.1, "bias": 0.0, "ubrmse": 0.03 + 0.01 * abs(i - best), "n_cells": 9}
                labels = {
                    "run": self.tuning.name_of(i), "reference": "truth", "layer": "0-10 cm", "stage": "analysis",
                }  # fmt: skip
                found.append(
                    ScoreRecord(
                        cycle=cycle, time=config.time.valid_time(cycle), window="assimilation", **values,
                        **{**labels, **changes},
                    )
                )  # fmt: skip
        return found

    def test_smallest_error_in_the_counted_time(self, config: CampaignConfig) -> None:
        best, tried = choose(self.records(config), self.tuning, "0-10 cm", counted_since(config.time, None))
        assert best == {"gain": 0.4}
        assert tried == pytest.approx([0.04, 0.03, 0.04])

    def test_needs_scores_against_the_truth(self, config: CampaignConfig) -> None:
        records = self.records(config, reference="assimilated reference")
        with pytest.raises(ConfigError, match="no analysis of 0-10 cm"):
            choose(records, self.tuning, "0-10 cm", config.time.start)

    def test_times_without_scored_cells_do_not_count(self, config: CampaignConfig) -> None:
        records = self.records(config)
        empty = replace(records[0], time=config.time.assimilation_end, run=self.tuning.name_of(1), ubrmse=math.nan)
        best, _ = choose([empty, *records], self.tuning, "0-10 cm", counted_since(config.time, None))
        assert best == {"gain": 0.4}
        with pytest.raises(ConfigError, match="no analysis of 0-10 cm"):
            choose([replace(one, ubrmse=math.nan) for one in records], self.tuning, "0-10 cm", config.time.start)

    def test_the_campaign_of_candidates_can_be_resumed(self) -> None:
        """Its configuration is read again: no run learns its errors, so it has no referee."""
        referee = {"kind": "twin", "error_std": 0.1}
        config = parse_config({**CONFIG, "runs": [{"method": "learned"}], "referee": referee})
        campaign = tuning_campaign(config, 5, [self.tuning])
        assert parse_config(campaign.model_dump(mode="json")) == campaign

    def test_the_campaign_of_candidates(self, config: CampaignConfig) -> None:
        campaign = tuning_campaign(config, 5, tunings(self.gains, [100.0, 200.0]))
        assert [run.gain for run in campaign.runs] == list(self.gains) * 3  # type: ignore[union-attr]
        lengths = [run.length_km for run in campaign.runs[3:]]  # type: ignore[union-attr]
        assert lengths == [100.0] * 3 + [200.0] * 3
        assert (campaign.seed, campaign.time.end) == (5, config.time.assimilation_end)
        with pytest.raises(ConfigError, match="needs the truth"):
            tuning_campaign(config.model_copy(update={"twin": None}), 5, [self.tuning])

    def test_mistakes_of_candidates(self) -> None:
        for gains in ((), (0.3, 0.3), (1.5,)):
            with pytest.raises(ConfigError, match="distinct numbers from 0 to 1"):
                tunings(gains)
        for lengths in ((100.0, 100.0), (0.0,)):
            with pytest.raises(ConfigError, match="distinct lengths"):
                tunings([0.3], lengths)

    def test_a_best_value_at_the_edge_is_noticed(self) -> None:
        both = tunings(self.gains, [100.0])[1]
        assert both.is_at_edge({"gain": 0.2, "length_km": 100.0}) == ["gain 0.2"]
        assert both.is_at_edge({"gain": 0.4, "length_km": 100.0}) == []


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """Two seeds, three methods, on one rank."""
    run = Landda(tmp_path_factory.mktemp("compared"))
    done = run.here("compare", run.write(**SHORT), *OPTIONS, "-o", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not run.unknown_files()
    out = run.folder / "out"
    written = {name: (out / name).read_bytes() for name in ("comparison.csv", "comparison.md")}
    return {"run": run, "out": out, "stdout": done.stdout, **written}


def test_the_table_and_its_files(compared: Mapping[str, Any]) -> None:
    out: Path = compared["out"]
    for name in ("comparison.csv", "comparison.md", "comparison.png", "differences.png", "landda.log"):
        assert (out / name).stat().st_size > 0, name
    rows = list(csv.DictReader(compared["comparison.csv"].decode().splitlines()))
    assert {(r["method"], r["n_seeds"], r["baseline"]) for r in rows} == {
        (m, "2", "exact") for m in ("control", "pointwise", "exact")
    }
    assert {r["reference"] for r in rows} == {"truth", "assimilated reference"}
    # White errors at 9/13: the exact EnKF-like analysis is the blend, whatever the weather (docs/methods.md).
    pairs = [float(r["paired_difference"]) for r in rows if r["method"] == "pointwise" and r["score"] == "ubrmse"]
    assert pairs and max(map(abs, pairs)) < 1e-9
    surface = {
        r["method"]: float(r["mean"])
        for r in rows
        if (r["layer"], r["stage"], r["score"], r["reference"]) == ("0-10 cm", "analysis", "ubrmse", "truth")
    }
    assert surface["pointwise"] < surface["control"]
    page = compared["comparison.md"].decode()
    assert "exact: enkf_like, {members: 4, estimator: exact}" in page
    assert "Fit to the assimilated reference" in " ".join(compared["stdout"].split())


@pytest.mark.verify
def test_the_same_bytes_on_two_ranks(compared: Mapping[str, Any], landda: Landda) -> None:
    done = landda(2, "compare", landda.write(**SHORT), *OPTIONS, "--csv", "tables/two.csv", "-o", "two")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (landda.folder / "tables" / "two.csv").read_bytes() == compared["comparison.csv"]
    page = (landda.folder / "two" / "comparison.md").read_bytes()
    assert page == compared["comparison.md"]


@pytest.mark.verify
def test_finished_seeds_are_not_run_again_and_seeds_can_be_added(compared: Mapping[str, Any]) -> None:
    run, out = compared["run"], compared["out"]
    before = {p: p.stat().st_mtime_ns for p in out.glob("seed_*/status.json")}
    assert len(before) == 2
    more = [*OPTIONS[:3], "2,1,3", *OPTIONS[4:]]
    done = run(1, "compare", "tiny.yaml", *more, "-o", "out", "--csv", "more.csv")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {p: p.stat().st_mtime_ns for p in before} == before
    assert (out / "seed_3" / "status.json").is_file()
    with (run.folder / "more.csv").open(newline="") as file:
        assert {r["n_seeds"] for r in csv.DictReader(file)} == {"3"}


@pytest.mark.verify
def test_a_folder_of_other_methods_is_refused_and_overwrite_replaces_it(compared: Mapping[str, Any]) -> None:
    run = compared["run"]
    done = run(
        2, "compare", "tiny.yaml", "--methods", "control,smoothed", "--seeds", "2", "-o", "out", "--csv", "x.csv"
    )
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    assert "other settings or methods (control, pointwise, exact)" in " ".join(done.stderr.split())
    done = run(1, "compare", "tiny.yaml", "--methods", "control", "--seeds", "3", "-o", "out", "--overwrite")
    assert done.returncode == 0, done.stderr
    assert [r["name"] for r in yaml.safe_load((run.folder / "out/seed_3/config.yaml").read_text())["runs"]] == [
        "control"
    ]


@pytest.mark.verify
def test_a_stopped_comparison_goes_on(compared: Mapping[str, Any], landda: Landda) -> None:
    process = landda.popen(2, "compare", landda.write(**SHORT), *OPTIONS, "-o", "out")
    records = landda.folder / "out" / "seed_1" / "cycles.jsonl"
    deadline = time.monotonic() + 60
    while not (records.exists() and records.stat().st_size) and time.monotonic() < deadline:
        assert process.poll() is None, "it ended before it was to be stopped"
        time.sleep(0.02)
    process.send_signal(signal.SIGUSR1)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert "The same command resumes" in " ".join(said.split())
    assert not (landda.folder / "out" / "comparison.csv").exists()
    done = landda(1, "compare", "tiny.yaml", *OPTIONS, "-o", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    table = (landda.folder / "out" / "comparison.csv").read_bytes()
    assert table == compared["comparison.csv"]


@pytest.mark.verify
def test_the_best_gain_joins_the_table_marked(landda: Landda) -> None:
    options = ("--methods", "control,pointwise", "--seeds", "3", "--tune-gain", "--gains", "0.2,0.45,0.7",
               "--lengths", "300")  # fmt: skip
    done = landda.here("compare", landda.write(**SHORT), *options, "--baseline", "pointwise_best", "-o", "out")
    assert done.returncode == 0, done.stdout + done.stderr
    with (landda.folder / "out" / "comparison.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for method in ("pointwise_best", "smoothed_best"):
        assert {r["note"] for r in rows if r["method"] == method} == {"tuned on truth"}
    assert {r["note"] for r in rows if not r["method"].endswith("_best")} == {""}
    assert "tuned with the truth (seed 3: gain 0." in (landda.folder / "out" / "comparison.md").read_text()
    assert all(r["half_width"] == "" for r in rows), "one seed has no interval"


def test_bad_requests_are_told_before_any_work(landda: Landda) -> None:
    options = ("--methods", "pointwis", "--seeds", "1,1", "--last-days", "3", "-o", "out")
    done = landda.here("compare", landda.write(**SHORT), *options)
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    for text in ("Did you mean 'pointwise'?", "--seeds 1,1", "at most 0.5"):
        assert text in " ".join(done.stderr.split()), done.stderr
    assert "--seeds 1,x: expected numbers" in landda.here("compare", "tiny.yaml", "--seeds", "1,x").stderr
    assert not (landda.folder / "out").exists()
