"""Registries of parts: what is found, and what is wrong with parts of other packages."""

from __future__ import annotations

import importlib
import sys
import textwrap
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import ConfigDict, Field

from landda_hpc.config import METHODS, PRODUCT_ENTRIES, STATION_ENTRIES, Section, parse_config, parse_section
from landda_hpc.config.observations import CatalogueEntry
from landda_hpc.config.runs import AnyRun
from landda_hpc.errors import ConfigError
from landda_hpc.plugins import AnyOf, Registry
from tests.campaign.conftest import CONFIG

NAMES = {
    "products": ("gldas_noah", "era5", "era5_land", "cldas", "smap_l2", "smap_l3", "smap_l3_pm", "smap_l4",
                 "smap_l4_update", "esa_cci", "smos_l3", "smos_l4", "ascat", "cgls_swi", "cf", "cma_merged_rain"),
    "stations": ("ismn", "cma_csv"),
}  # fmt: skip

GOOD = """
    from __future__ import annotations

    from typing import Literal
    from landda_hpc.methods.base.method_section import AnalysingRun

    class Mine(AnalysingRun):
        method: Literal["mine"] = "mine"
        name: str = "mine"

        def build(self, context):
            raise NotImplementedError
"""


def fresh() -> Registry[AnyRun]:
    """Methods, looked for once more."""
    return Registry("method", METHODS._base, "method", METHODS.package, ("control",))


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts a package on the path with an entry point of the group of methods, as pip leaves it."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def put(package: str, code: str, name: str = "mine", value: str = "Mine") -> None:
        (tmp_path / f"{package}.py").write_text(textwrap.dedent(code), encoding="utf-8")
        info = tmp_path / f"{package}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n", encoding="utf-8")
        line = f"[landda_hpc.methods]\n{name} = {package}:{value}\n"
        (info / "entry_points.txt").write_text(line, encoding="utf-8")
        importlib.invalidate_caches()
        monkeypatch.delitem(sys.modules, package, raising=False)

    return put


def test_built_in_parts_are_found_in_their_order() -> None:
    assert tuple(PRODUCT_ENTRIES) == NAMES["products"]
    assert tuple(STATION_ENTRIES) == NAMES["stations"]
    assert PRODUCT_ENTRIES.source_of("era5") == "module landda_hpc.formats.products.entries.providers"


def test_a_part_of_another_package_is_found(install: Any) -> None:
    install("landda_mine", GOOD)
    methods = fresh()
    assert "mine" in methods and methods.source_of("mine") == "package landda_mine 1.2 (landda_mine:Mine)"
    with pytest.raises(ConfigError, match=r"method 'mime' is not known; there are control, .*Did you mean 'mine'\?"):
        methods["mime"]


@pytest.mark.parametrize(
    ("code", "value", "message"),
    [
        ("import nowhere_to_be_found\n", "Mine", r"cannot be loaded \[ModuleNotFoundError: No module named 'nowhere"),
        ("Mine = 3 +\n", "Mine", r"cannot be loaded \[SyntaxError"),
        (GOOD, "Yours", r"cannot be loaded \[AttributeError"),
        ("Mine = 3\n", "Mine", r"is 3; expected a subclass of .*AnyRun with method: Literal\['mine'\]"),
        (GOOD.replace('"mine"', '"yours"'), "Mine", r"is <class .*expected a subclass of .*Literal\['mine'\]"),
        (GOOD.replace("def build", "def built"), "Mine", "is not a valid section: it does not define build"),
        (GOOD.replace("name: str =", "name: Nowhere ="), "Mine", "is not a valid section: .*Nowhere"),
        (GOOD.replace("name: str =", "name: object() ="), "Mine", r"(is not a valid section|cannot be loaded)"),
    ],
)
def test_a_part_that_cannot_be_used_names_its_package(install: Any, code: str, value: str, message: str) -> None:
    install("landda_broken", code, value=value)
    with pytest.raises(ConfigError, match=rf"(?s)method 'mine' of package landda_broken 1\.2 .*{message}") as caught:
        list(fresh())
    assert "Repair or uninstall that package." in str(caught.value)


def test_a_name_that_two_packages_give_names_both(install: Any) -> None:
    install("landda_one", GOOD)
    install("landda_two", GOOD)
    with pytest.raises(ConfigError, match=r"method 'mine': package landda_one 1\.2 .*and package landda_two 1\.2"):
        list(fresh())


def test_a_name_that_is_built_in_cannot_be_given_again(install: Any) -> None:
    install("landda_again", GOOD.replace('"mine"', '"pointwise"'), name="pointwise")
    with pytest.raises(ConfigError, match=r"'pointwise': module landda_hpc\.methods\.pointwise and package landda_ag"):
        list(fresh())


def test_two_registries_of_one_field_share_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    class Clash(CatalogueEntry):
        product: Annotated[str, Field()] = "x"

    entry = EntryPoint("era5", "tests.unit.test_plugins:era5_of_stations", "landda_hpc.stations")
    stations = Registry[CatalogueEntry](
        "station reader", CatalogueEntry, "product", STATION_ENTRIES.package, group="tests.stations"
    )
    monkeypatch.setattr("landda_hpc.plugins.entry_points", lambda group: [entry] if group == "tests.stations" else [])
    monkeypatch.setattr(stations, "_load", lambda _: PRODUCT_ENTRIES["era5"])
    with pytest.raises(ConfigError, match=r"two parts have the name 'era5': gridded product .* and station reader"):
        AnyOf(PRODUCT_ENTRIES, stations).sections()


def test_unknown_names_are_listed_with_a_suggestion() -> None:
    real = {**CONFIG, "catalogue": {"cf": {"product": "era5_lnad", "path": "x"}, "no": {"path": "x"}}}
    with pytest.raises(ConfigError) as caught:
        parse_config({**real, "runs": [{"method": "pointwize"}]})
    problems = caught.value.problems
    assert problems[0].startswith("catalogue.cf.product: 'era5_lnad' is not known; there are gldas_noah, era5, ")
    assert problems[0].endswith("ismn, cma_csv. Did you mean 'era5_land'?")
    assert problems[1].startswith("catalogue.no: the key 'product' is missing; it is one of gldas_noah, ")
    assert problems[2].startswith("runs.0.method: 'pointwize' is not known; there are control, pointwise")
    assert problems[2].endswith("Did you mean 'pointwise'?")


def test_problems_of_an_entry_name_it_also_where_it_has_the_name_of_its_product() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config({**CONFIG, "catalogue": {"ismn": {"product": "ismn", "pth": "x"}}})
    assert "catalogue.ismn.path: Field required" in caught.value.problems[0]
    assert caught.value.problems[1] == "catalogue.ismn.pth: unknown key. Did you mean 'path'?"


def test_entries_of_former_files_are_read(caplog: pytest.LogCaptureFixture) -> None:
    """Version 0.1.0 wrote the keys of every product into every entry."""
    former = {"variables": {}, "units": None, "step_hours": 24.0, "utc_offset_hours": 0.0, "table_units": "detect"}
    entry = {"product": "era5", "path": "x", "damaged": "error"}
    config = parse_config({**CONFIG, "catalogue": {"mine": {**entry, **former}}})
    assert config.model_dump(mode="json")["catalogue"]["mine"] == entry and not caplog.messages
    parse_config({**CONFIG, "catalogue": {"mine": {**entry, "step_hours": 3}}})
    assert "era5 has no key step_hours; it is ignored, and will be an error in the next release" in caplog.text
    for key, value in (("units", "%"), ("variables", {"a": [0, 0.1]}), ("table_units", "percent")):
        with pytest.raises(ConfigError, match=rf"catalogue\.mine\.{key}: unknown key"):
            parse_config({**CONFIG, "catalogue": {"mine": {**entry, key: value}}})


def test_a_choice_with_a_default() -> None:
    class Box(Section):
        model_config = ConfigDict(defer_build=True)
        run: Annotated[AnyRun, AnyOf(METHODS, default="pointwise")]

    assert parse_section(Box, {"run": {"gain": 0.5}}).run == METHODS.make("pointwise", gain=0.5)
    assert parse_section(Box, {"run": METHODS.make("control")}).run == METHODS.make("control")
    with pytest.raises(ConfigError, match=r"^run\.method: 'contol' is not known; .*Did you mean 'control'\?"):
        parse_section(Box, {"run": {"method": "contol"}})
    with pytest.raises(ConfigError, match=r"^run\.gian: unknown key. Did you mean 'gain'\?"):
        parse_section(Box, {"run": {"gian": 1}})
