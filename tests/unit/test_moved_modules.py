"""Former names of modules."""

from __future__ import annotations

import importlib
import sys

import pytest

from landda_hpc import formats, verification

MOVED = {
    f"{room.__name__}.{old}": f"{room.__name__}.{new}"
    for room in (formats, verification)
    for old, new in room.MOVED.items()
}


@pytest.mark.parametrize("name", sorted(MOVED))
def test_a_former_name_gives_the_module_of_today(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    new = MOVED[name]
    monkeypatch.delitem(sys.modules, name, raising=False)
    with pytest.warns(DeprecationWarning, match=new):
        module = importlib.import_module(name)
    assert module is importlib.import_module(new)


def test_an_import_from_a_former_name_works() -> None:
    with pytest.warns(DeprecationWarning, match="products.cf_layers"):
        sys.modules.pop("landda_hpc.formats.cf_layers", None)
        cf_layers = importlib.import_module("landda_hpc.formats.cf_layers")
    assert cf_layers.__name__ == "landda_hpc.formats.products.cf_layers"


def test_a_name_that_never_was_is_not_found() -> None:
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("landda_hpc.formats.never")
