"""The HTML page that a campaign, a comparison and several campaigns end in: its content, and in a real browser."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from landda_hpc.verification.tables.headline import headline, rank_runs
from landda_hpc.verification.tables.summary import read_scores
from tests.browser.chromium import Browser, find_browser
from tests.campaign.conftest import Landda

SMALL: dict[str, Any] = {
    "grid": {"n_lat": 18, "n_lon": 36},
    "time": {"start": "2022-06-02T00:00", "assimilation_end": "2022-06-02T12:00", "end": "2022-06-02T18:00"},
    "runs": [
        {"method": "control"},
        {"method": "pointwise"},
        {"method": "letkf", "ensemble": {"members": 4, "wetness_sigma": 0.1}},
    ],
    "checkpoint": {"every_hours": 6, "keep_last": 1},
    "output": {"every_hours": 6, "fields": ["background", "analysis", "increment", "innovation", "truth"]},
}


class Page(HTMLParser):
    """Headings, controls, links and pictures of a page; every element must be closed."""

    VOID = ("meta", "link", "img", "input", "br", "path", "rect", "use")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[tuple[int, str]] = []
        self.words = ""
        self.feed(text)
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)
        if re.fullmatch(r"h\d", tag):
            self.headings.append((int(tag[1]), ""))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "script" in self.open or "style" in self.open:
            return
        self.words += data
        if self.open and re.fullmatch(r"h\d", self.open[-1]):
            level, text = self.headings[-1]
            self.headings[-1] = (level, text + data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Landda:
    """A finished campaign in ``out`` with its page."""
    run = Landda(tmp_path_factory.mktemp("page"))
    patch = pytest.MonkeyPatch()
    # The figures of the report are not the subject here.
    patch.setattr("landda_hpc.campaign.reporting.ReportProcess", _without_figures)
    done = run.here("run", run.write("campaign.yaml", **SMALL), "-o", "out")
    patch.undo()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "out/report.html" in " ".join(done.stdout.split())
    assert not run.unknown_files()
    return run


def _without_figures(folder: Path, config: Any, done: Any, notes: Any) -> Any:
    from landda_hpc.campaign import final_report
    from landda_hpc.campaign.reporting import _InThisProcess
    from landda_hpc.storage.campaign_folder import CampaignFolder

    def parts() -> Iterator[Any]:
        with without_figures():
            yield from final_report.make_report(CampaignFolder(folder), config, done, notes)

    return _InThisProcess(parts())


@contextmanager
def without_figures() -> Iterator[None]:
    """The report without its PNG figures, which are not the subject here and take most of its time."""
    from landda_hpc.campaign import final_report
    from landda_hpc.verification.figures import innovation_scales, report_figures, spectra

    with pytest.MonkeyPatch.context() as patch:
        for module, name in (
            (report_figures, "plan_maps"), (report_figures, "plan_series"), (innovation_scales, "plan_innovations"),
            (final_report, "_ensemble_figure"), (final_report, "_skill_figures"), (spectra, "plan_spectra"),
        ):  # fmt: skip
            patch.setattr(module, name, lambda *_, **__: [])
        yield


def text_of(campaign: Landda) -> str:
    return (campaign.folder / "out" / "report.html").read_text(encoding="utf-8")


def test_the_page_needs_nothing_else(campaign: Landda) -> None:
    text = text_of(campaign)
    assert len(text) < 1_000_000
    page = Page(text)
    links = [str(a.get("href")) for a in (*page.all("a"), *page.all("link"), *page.all("use"))]
    sources = [str(a["src"]) for a in (*page.all("img"), *page.all("script")) if "src" in a]
    assert all(link.startswith(("#", "data:")) for link in links) and all(s.startswith("data:") for s in sources)
    assert "http" not in re.sub(r'"pictures":\[.*?\]|base64,[^"]+', "", text) and "@import" not in text
    assert {a["id"] for _, a in page.elements if "id" in a} >= {link[1:] for link in links if link.startswith("#")}


def test_its_sentences_are_those_of_the_records(campaign: Landda) -> None:
    page = Page(text_of(campaign))
    out = campaign.folder / "out"
    ranking = rank_runs(read_scores(out / "scores.jsonl"))
    assert ranking is not None
    for sentence in headline(ranking):
        assert sentence in page.words
    for words in (
        "18 x 36 cells", "twin experiment: a nature run", "white errors of 0.06", "letkf, ensemble of 4 model states",
        "version", campaign.digest("out"), "requested", "seconds per simulated day", "Spread over skill is 1",
        "the free run correlates at",
    ):  # fmt: skip
        assert words in " ".join(page.words.split()), words
    config = (out / "config.yaml").read_text()
    assert config in page.words


def test_its_structure_can_be_read_without_seeing_it(campaign: Landda) -> None:
    page = Page(text_of(campaign))
    levels = [level for level, _ in page.headings]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    titles = [text for level, text in page.headings if level == 2]
    for title in (
        "Maps", "Scores over time", "Errors and skill by cell", "Innovations", "Gains and errors by scale", "Ensembles",
        "What happened to the observations", "Water", "Computing time", "All scores", "How to reproduce",
    ):  # fmt: skip
        assert title in titles, title
    for image in page.all("img"):
        assert image.get("alt") or "hidden" in image
    pictures = [a for a in page.all("svg") if a.get("aria-hidden") != "true"]
    assert len(pictures) > 10 and all(a.get("role") == "img" and a.get("aria-label") for a in pictures)
    assert all(a.get("scope") == "col" for a in page.all("th"))
    assert {a["name"] for a in page.all("input") if a["type"] == "radio"} == {"map-run"}


def test_innovations_by_region_are_those_of_the_records(campaign: Landda) -> None:
    page = Page(text_of(campaign))
    assert (3, "By region") in page.headings
    words = " ".join(page.words.split())
    lines = (campaign.folder / "out" / "cycles.jsonl").read_text().splitlines()
    records = [record for record in map(json.loads, lines) if record["time"] <= "2022-06-02T12:00:00"]
    for run in ("control", "pointwise", "letkf"):
        known = [record for record in records if record["run"] == run]
        n = sum(record["n_observations"] for record in known)
        mean = sum(record["n_observations"] * record["innovation_mean"] for record in known) / n
        assert f"whole domain {run} {n} {mean:+.4f}".replace("-", "\N{MINUS SIGN}") in words


def test_errors_by_cell_and_spectra_are_those_of_the_images(campaign: Landda) -> None:
    out = campaign.folder / "out"
    stamps = ("20220602T06", "20220602T12")
    errors = {}
    for run in ("control", "pointwise"):
        names = [("analysis" if run == "pointwise" else "forecast")] * 2
        images = [xr.load_dataset(out / "images" / f"{run}_{stamp}.nc") for stamp in stamps]
        errors[run] = np.stack([one[name][0] - one["truth"][0] for one, name in zip(images, names, strict=True)])
    with xr.open_dataset(out / "skill.nc") as file:
        assert list(file.reference) == ["truth"] and file.attrs["baseline"] == "control"
        known = file.n[0].values == 2.0
        rmse = {run: np.sqrt((error**2).mean(axis=0)) for run, error in errors.items()}
        found = file.rmse.sel(run="pointwise").isel(reference=0).values
        np.testing.assert_allclose(found[known], rmse["pointwise"][known], atol=1e-6)
        skill = file.skill.sel(run="pointwise").isel(reference=0).values
        expected = 1.0 - rmse["pointwise"][known] / rmse["control"][known]
        np.testing.assert_allclose(skill[known], expected, atol=1e-3)
    page = Page(text_of(campaign))
    assert "Stored images of the assimilation window: up to 2 times" in " ".join(page.words.split())
    table = pd.read_csv(out / "spectra.csv")
    assert set(table[table.run == "letkf"].quantity) >= {"spread", "increment", "analysis minus truth"}
    assert set(table[table.run == "control"].window) == {"assimilation", "forecast"}
    assert set(pd.read_csv(out / "innovations.csv").region) == {"whole domain"}


def test_maps_have_every_run_time_and_kind(campaign: Landda) -> None:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text_of(campaign), re.DOTALL)
    assert found is not None
    maps = json.loads(found[1])["maps"]
    assert maps["times"] == [f"2022-06-02 {hour} UTC" for hour in ("06:00", "12:00", "18:00")]
    assert list(maps["kinds"]) == ["state", "truth", "error", "increment", "innovation"]
    assert set(maps["images"]) == {"control", "pointwise", "letkf"}
    of_run = maps["images"]["pointwise"]
    assert all(len(numbers) == 3 for numbers in of_run.values())
    assert of_run["increment"][2] is None, "no analysis in the free forecast"
    assert of_run["truth"] == maps["images"]["letkf"]["truth"], "one picture for all runs"


def test_the_page_is_made_again(campaign: Landda) -> None:
    before = text_of(campaign)
    (campaign.folder / "out" / "report.html").unlink()
    with without_figures():
        done = campaign.here("report", "out")
    assert done.returncode == 0 and done.stdout.strip() == "out/report.html", done.stderr
    assert text_of(campaign) == before


def test_campaigns_side_by_side(campaign: Landda, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(campaign.folder / "out", other)
    config = (other / "config.yaml").read_text()
    (other / "config.yaml").write_text(config.replace("error_std: 0.06", "error_std: 0.05"))
    done = campaign.here("report", "out", other, "-o", tmp_path / "two.html")
    assert done.returncode == 0, done.stderr
    page = Page((tmp_path / "two.html").read_text(encoding="utf-8"))
    for words in ("out and other", "observations.error_std", "0.05", "out: pointwise", "other: letkf"):
        assert words in page.words, words
    twice = campaign.here("report", "out", "out", "-o", tmp_path / "three.html")
    assert twice.returncode != 0 and "the same campaign is named twice" in twice.stderr
    wrong = campaign.here("report", "out", "-o", tmp_path / "one.html")
    assert wrong.returncode == 2 and "that of one is DIR/report.html" in " ".join(wrong.stderr.split())


# ---------------------------------------------------------------------- in a browser


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = find_browser()
    if program is None:
        pytest.skip("needs Chromium (apt-get install chromium)")
    one = Browser(program, tmp_path_factory.mktemp("profile"))
    yield one
    one.close()


CONTRAST = """
(() => {
  const linear = (x) => (x <= .03928 ? x / 12.92 : ((x + .055) / 1.055) ** 2.4);
  const light = (c) => { const v = c.map((x) => linear(x / 255));
    return .2126 * v[0] + .7152 * v[1] + .0722 * v[2]; };
  const parse = (t) => t.match(/[\\d.]+/g).map(Number);
  const faults = [];
  for (const e of document.querySelectorAll("body *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    if (!own || !e.getClientRects().length || ["SCRIPT", "STYLE"].includes(e.tagName)) continue;
    const style = getComputedStyle(e);
    const ink = parse(e instanceof SVGElement ? style.fill : style.color);
    let ground = [255, 255, 255];
    for (let b = e; b; b = b.parentElement) {
      const c = parse(getComputedStyle(b).backgroundColor);
      if (c.length < 4 || c[3] > 0) { ground = c; break; }
    }
    const [a, b] = [light(ink.slice(0, 3)), light(ground.slice(0, 3))];
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) faults.push(`${e.tagName} ${e.textContent.trim().slice(0, 40)} ${ratio.toFixed(2)}`);
  }
  return faults;
})()
"""


@pytest.mark.parametrize("width", [400, 1400])
def test_it_opens_offline_at_any_width(campaign: Landda, browser: Browser, width: int) -> None:
    browser.open(campaign.folder / "out" / "report.html", width)
    assert not browser.console_errors()
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert browser.run("[...document.images].every((i) => i.hidden || i.naturalWidth > 0)")
    assert browser.run(CONTRAST) == []
    unnamed = "[...document.querySelectorAll('input, a, summary, [tabindex]')].filter((e) => !(e.labels?.length || "
    unnamed += "e.textContent.trim() || e.ariaLabel)).length"
    assert browser.run(unnamed) == 0


def test_slider_and_switch_work_with_keys(campaign: Landda, browser: Browser) -> None:
    browser.open(campaign.folder / "out" / "report.html", 1400)
    state = "document.querySelector('[data-kind=state] img').src"
    shown = "document.getElementById('map-time-shown').textContent"
    assert browser.run(shown) == "2022-06-02 12:00 UTC", "the last time of the assimilation window"
    first = browser.run(state)
    browser.run("document.getElementById('map-time').focus()")
    browser.press("ArrowRight")
    assert browser.run(shown) == "2022-06-02 18:00 UTC" and browser.run(state) != first
    gap = "document.querySelector('[data-kind=increment] .none').hidden"
    assert browser.run(gap) is False and browser.run(gap.replace("increment", "truth")) is True
    browser.press("ArrowLeft")
    assert browser.run(state) == first and browser.run(gap) is True
    browser.run("document.querySelector('input[name=map-run]:checked').focus()")
    browser.press("ArrowRight")
    alt = browser.run("document.querySelector('[data-kind=state] img').alt")
    assert browser.run(state) != first and alt.endswith(", 2022-06-02 12:00 UTC")
    assert browser.run("document.querySelector('input[name=map-run]:checked').value") in alt
    assert not browser.console_errors()


@pytest.mark.verify
def test_axe_finds_no_fault(campaign: Landda, browser: Browser) -> None:
    axe = pytest.importorskip("axe_core_python", reason="axe-core-python is not installed (env/extra.sh checks)")
    browser.open(campaign.folder / "out" / "report.html", 1400)
    browser.run((Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8") + ";0")
    faults = browser.run("axe.run().then((r) => r.violations.map((v) => `${v.id}: ${v.nodes[0].html.slice(0, 100)}`))")
    assert faults == []
