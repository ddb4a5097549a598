"""Increments into CoLM's soil: bounds, frozen layers, the ledger, what follows, and the model's own files."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from landda_hpc.constants import RHO_ICE, SOIL_DZ, SOIL_ZI, BoolArray, FloatArray
from landda_hpc.errors import ConfigError, ShapeError
from landda_hpc.formats.colm.case import ColmCase, find_case
from landda_hpc.formats.colm.files202x import Files202X
from landda_hpc.formats.colm.restart import (
    BlockConstants,
    SoilConstants,
    read_constants,
    read_variables,
    write_restart_copy,
)
from landda_hpc.model.colm.soil_water import SoilWaterScheme, follow_liquid_water
from landda_hpc.model.colm.write_back import SoilWater, apply_increment, updatable
from landda_hpc.state import soil_moisture
from landda_hpc.water_ledger import WaterLedger

VSF, OLD = SoilWaterScheme.VSF, SoilWaterScheme.COLM2014
N_PATCH = 6
MASS = 1000.0 * SOIL_DZ


def soil(is_campbell: bool = False, seed: int = 0) -> SoilConstants:
    rng = np.random.default_rng(seed)
    layers = (N_PATCH, 10)
    alpha, n_vgm = rng.uniform(5e-3, 5e-2, layers), rng.uniform(1.1, 1.8, layers)
    m = 1.0 - 1.0 / n_vgm
    psi0 = np.full(layers, -10.0)
    sc = (1.0 + (-alpha * psi0) ** n_vgm) ** (-m)
    return SoilConstants(
        porsl=rng.uniform(0.3, 0.6, layers),
        theta_r=np.zeros(layers) if is_campbell else rng.uniform(0.0, 0.1, layers),
        psi0=psi0,
        hksati=rng.uniform(1e-3, 1e-2, layers),
        bsw=rng.uniform(3.0, 10.0, layers),
        alpha_vgm=alpha,
        n_vgm=n_vgm,
        L_vgm=np.full(layers, 0.5),
        sc_vgm=sc,
        fc_vgm=1.0 - (1.0 - sc ** (1.0 / m)) ** m,
        is_campbell=is_campbell,
        wimp=0.05,
        smpmin=-1e8,
    )


def water(
    constants: SoilConstants, wetness: FloatArray, wice: FloatArray, zwt: float = 9.0, wa: float = -50.0
) -> SoilWater:
    n = wetness.shape[0]
    return SoilWater(
        wliq=wetness * constants.porsl * MASS,
        wice=wice,
        temperature=np.full((n, 10), 285.0),
        smp=np.full((n, 10), -777.0),
        hk=np.full((n, 10), 3e-5),
        zwt=np.full(n, zwt),
        wa=np.full(n, wa),
    )


ALL = np.ones(N_PATCH, dtype=np.bool_)
LAYERS = (N_PATCH, 10)


def floats(low: float, high: float) -> st.SearchStrategy[FloatArray]:
    return hnp.arrays(np.float64, LAYERS, elements=st.floats(low, high))


increments = hnp.arrays(np.float64, LAYERS, elements=st.one_of(st.just(0.0), st.just(np.nan), st.floats(-0.8, 0.8)))
ices = hnp.arrays(np.float64, LAYERS, elements=st.sampled_from([0.0, 0.009, 0.01, 0.011, 3.0]))


@given(
    increment=increments,
    wetness=floats(0.0, 1.2),
    wice=ices,
    is_campbell=st.booleans(),
    zwt=st.sampled_from([0.0, 0.3, SOIL_ZI[4], 1.7, SOIL_ZI[10], 9.0]),
    wa=st.sampled_from([0.0, 2e-19, -50.0]),
    seed=st.integers(0, 5),
)
def test_bounds_ledger_and_what_stays(
    increment: FloatArray, wetness: FloatArray, wice: FloatArray, is_campbell: bool, zwt: float, wa: float, seed: int
) -> None:
    constants = soil(is_campbell, seed)
    before = water(constants, wetness, wice, zwt, wa)
    copy = SoilWater(**{f.name: getattr(before, f.name).copy() for f in fields(before)})
    may = np.array([True, True, False, True, False, True])
    after, ledger = apply_increment(constants, may, before, increment, VSF)
    for f in fields(before):
        assert np.array_equal(getattr(before, f.name), getattr(copy, f.name)), "the argument was changed"
    wanted = np.where(np.isnan(increment), 0.0, increment)
    frozen = wice > 0.01
    moved = after.wliq - before.wliq
    # What may not change does not, bit for bit.
    assert not moved[~may].any()
    assert not moved[frozen].any()
    assert not moved[wanted == 0.0].any()
    assert np.array_equal(ledger.changed, moved != 0.0)
    for name in ("smp", "hk"):
        old, new = getattr(before, name), getattr(after, name)
        assert np.array_equal(new[~ledger.changed], old[~ledger.changed])
        assert np.isfinite(new).all()
    for name in ("wice", "temperature", "wa"):
        assert np.array_equal(getattr(after, name), getattr(before, name))
    # Never against the increment, never more than it, never across a bound that it was inside of.
    assert np.all(moved * wanted >= 0.0)
    assert np.all(np.abs(moved) <= np.abs(wanted) * MASS * (1 + 1e-12) + 1e-12)
    room = constants.porsl - wice / (RHO_ICE * SOIL_DZ)
    low = np.maximum(constants.theta_r, 0.01 * constants.porsl)
    old_theta, new_theta = before.wliq / MASS, after.wliq / MASS
    assert np.all(new_theta <= np.maximum(room, old_theta) + 1e-12)
    assert np.all(new_theta >= np.minimum(low, old_theta) - 1e-12)
    # The ledger closes, patch by patch.
    scale = 1e-12 * (1.0 + np.abs(wanted * MASS).sum())
    assert ledger.largest_residual() <= scale
    assert np.allclose(ledger.requested, np.where(may[:, None], wanted * MASS, 0.0).sum(axis=1), atol=scale)
    assert np.allclose(ledger.applied, moved.sum(axis=1), atol=scale)
    assert np.allclose(ledger.frozen, np.where(may[:, None] & frozen, wanted * MASS, 0.0).sum(axis=1), atol=scale)
    assert np.all(ledger.clipped_wet >= -1e-12)
    assert np.all(ledger.clipped_dry <= 1e-12)
    # The water table only falls, and only where something changed.
    assert np.all(after.zwt >= before.zwt)
    is_lowered = after.zwt != before.zwt
    assert not (is_lowered & ~ledger.changed.any(axis=1)).any()
    if wa < 0.0:
        assert not is_lowered.any()


@given(increment=increments, wetness=floats(0.05, 1.0), wice=ices)
def test_a_patch_depends_on_itself_alone(increment: FloatArray, wetness: FloatArray, wice: FloatArray) -> None:
    constants = soil()
    before = water(constants, wetness, wice, 1.0, 0.0)
    whole, _ = apply_increment(constants, ALL, before, increment, VSF)
    index = np.array([4, 1])
    part = SoilWater(**{f.name: getattr(before, f.name)[index] for f in fields(before)})
    alone, _ = apply_increment(constants.take(index), ALL[index], part, increment[index], VSF)
    for f in fields(before):
        assert getattr(alone, f.name).tobytes() == getattr(whole, f.name)[index].tobytes()


def test_the_inverse_increment_leads_back() -> None:
    constants = soil()
    before = water(constants, np.full(LAYERS, 0.6), np.zeros(LAYERS))
    there, ledger = apply_increment(constants, ALL, before, np.full(LAYERS, 0.03), VSF)
    assert np.allclose(ledger.applied, ledger.requested)
    back, _ = apply_increment(constants, ALL, there, np.full(LAYERS, -0.03), VSF)
    assert np.allclose(back.wliq, before.wliq, rtol=1e-14)


def test_rock_takes_no_water() -> None:
    constants = soil()
    porsl = constants.porsl.copy()
    porsl[:, 9] = 0.04
    constants = constants._replace(porsl=porsl)
    before = water(constants, np.full(LAYERS, 0.5), np.zeros(LAYERS))
    after, ledger = apply_increment(constants, ALL, before, np.full(LAYERS, 0.01), VSF)
    assert not ledger.changed[:, 9].any()
    assert ledger.changed[:, :9].all()
    assert np.allclose(ledger.clipped_wet, 0.01 * MASS[9])
    assert np.array_equal(after.wliq[:, 9], before.wliq[:, 9])


def saturated_below(constants: SoilConstants, zwt: float, above: float = 0.5) -> SoilWater:
    """The VSF scheme's own picture: saturated below the table, ``above`` of porosity over it."""
    share = np.clip((SOIL_ZI[1:] - zwt) / SOIL_DZ, 0.0, 1.0)
    return water(constants, np.tile(share + (1 - share) * above, (N_PATCH, 1)), np.zeros(LAYERS), zwt, 0.0)


def test_drying_below_the_water_table_lowers_it() -> None:
    constants = soil()
    before = saturated_below(constants, zwt=0.7)  # in layer 7 (0.493 to 0.829 m)
    increment = np.zeros(LAYERS)
    increment[1, 8] = -0.05
    increment[2, 7] = -0.05
    increment[3, 2] = -0.05  # above the table
    increment[4, 6] = -0.5  # the layer of the table: more than its unsaturated part holds
    increment[5, 6] = -0.001
    after, _ = apply_increment(constants, ALL, before, increment, VSF)
    assert after.zwt.tolist() == [0.7, SOIL_ZI[9], SOIL_ZI[8], 0.7, SOIL_ZI[7], 0.7]
    # In the CoLM2014 scheme the table is not tied to the layers' water.
    campbell = soil(is_campbell=True)
    after, _ = apply_increment(campbell, ALL, saturated_below(campbell, 0.7), increment, OLD)
    assert (after.zwt == 0.7).all()


def test_wetting_below_the_water_table_has_no_room() -> None:
    constants = soil()
    before = saturated_below(constants, zwt=0.7)
    increment = np.zeros(LAYERS)
    increment[:, 7:] = 0.1
    after, ledger = apply_increment(constants, ALL, before, increment, VSF)
    assert np.allclose(after.wliq, before.wliq, rtol=1e-14)
    assert np.allclose(ledger.clipped_wet, ledger.requested)
    assert (after.zwt == 0.7).all()


def test_saturation_gives_air_entry_and_dryness_the_least_potential() -> None:
    for constants in (soil(), soil(is_campbell=True)):
        smp, hk = np.zeros(LAYERS), np.zeros(LAYERS)
        full = water(constants, np.ones(LAYERS), np.zeros(LAYERS))
        everywhere: BoolArray = np.ones(LAYERS, dtype=np.bool_)
        follow_liquid_water(constants, full.wliq, full.wice, full.temperature, everywhere, smp, hk, VSF)
        assert np.allclose(smp, constants.psi0, rtol=1e-12)
        assert np.allclose(hk, constants.hksati, rtol=1e-12)
        follow_liquid_water(constants, 0.0 * full.wliq, full.wice, full.temperature, everywhere, smp, hk, VSF)
        assert (smp == -1e8).all()
        assert np.all(hk < 1e-9)


def test_potential_against_the_formulas() -> None:
    everywhere: BoolArray = np.ones(LAYERS, dtype=np.bool_)
    wetness = np.random.default_rng(3).uniform(0.3, 0.95, LAYERS)
    campbell = soil(is_campbell=True)
    state = water(campbell, wetness, np.zeros(LAYERS))
    smp, hk = np.zeros(LAYERS), np.zeros(LAYERS)
    follow_liquid_water(campbell, state.wliq, state.wice, state.temperature, everywhere, smp, hk, VSF)
    assert np.allclose(smp, campbell.psi0 * wetness**-campbell.bsw, rtol=1e-11)
    assert np.allclose(hk, campbell.hksati * wetness ** (2 * campbell.bsw + 3), rtol=1e-10)
    old_smp = smp.copy()
    follow_liquid_water(campbell, state.wliq, state.wice, state.temperature, everywhere, smp, hk, OLD)
    assert np.allclose(smp, old_smp, rtol=1e-11)
    # van Genuchten: the retention curve gives the water back.
    vg = soil()
    state = water(vg, wetness, np.zeros(LAYERS))
    follow_liquid_water(vg, state.wliq, state.wice, state.temperature, everywhere, smp, hk, VSF)
    m = 1 - 1 / vg.n_vgm
    saturation = (1 + (-vg.alpha_vgm * smp) ** vg.n_vgm) ** -m / vg.sc_vgm
    assert np.allclose(vg.theta_r + (vg.porsl - vg.theta_r) * saturation, wetness * vg.porsl, rtol=1e-10)


def test_frozen_ground_in_the_old_scheme_follows_temperature() -> None:
    constants = soil(is_campbell=True)
    state = water(constants, np.full(LAYERS, 0.5), np.full(LAYERS, 5.0))
    cold = np.full(LAYERS, 270.0)
    smp, hk = np.zeros(LAYERS), np.zeros(LAYERS)
    everywhere: BoolArray = np.ones(LAYERS, dtype=np.bool_)
    follow_liquid_water(constants, state.wliq, state.wice, cold, everywhere, smp, hk, OLD)
    assert np.allclose(smp, 1e3 * 0.3336e6 / 9.80616 * (270.0 - 273.16) / 270.0)
    warm = np.zeros(LAYERS)
    follow_liquid_water(constants, state.wliq, 0 * state.wice, cold, everywhere, smp, warm, OLD)
    assert np.all(hk < warm)


def test_scheme_and_shapes_must_fit_the_constants() -> None:
    vg = soil()
    with pytest.raises(ConfigError, match="Campbell"):
        apply_increment(vg, ALL, water(vg, np.ones(LAYERS), np.zeros(LAYERS)), np.zeros(LAYERS), OLD)
    with pytest.raises(ShapeError):
        apply_increment(vg, ALL, water(vg, np.ones(LAYERS), np.zeros(LAYERS)), np.zeros((N_PATCH, 9)), VSF)


def test_only_soil_that_the_model_steps_may_change() -> None:
    may = updatable(np.array([0, 1, 2, 3, 4, 99, 0]), np.array([True] * 6 + [False]))
    assert may.tolist() == [True, False, False, False, False, False, False]


def values_of(path: Path) -> dict[str, bytes]:
    with h5py.File(path) as file:
        return {name: file[name][...].tobytes() for name in file if file[name].dtype.kind in "fiu"}


@pytest.mark.parametrize(("is_campbell", "is_vsf"), [(False, True), (True, True), (True, False)])
def test_files_of_every_build(tmp_path: Path, colm_case: ModuleType, is_campbell: bool, is_vsf: bool) -> None:
    small = colm_case.write_case(tmp_path / "small", is_campbell=is_campbell, is_vsf=is_vsf)
    check_case(find_case(small.folder), tmp_path / "analysis", VSF if is_vsf else OLD)


REAL = {
    "grid_4block_VG_VSF": VSF,
    "grid_4block_CoLM2014hydro_Campbell": OLD,
    "singlepoint_CN-Cng": VSF,
}


@pytest.mark.parametrize("sample", REAL)
def test_files_of_the_real_model(shared: Path, tmp_path: Path, sample: str) -> None:
    folder = shared / "data" / "colm" / "restart" / sample
    check_case(find_case(folder, restart=folder), tmp_path, REAL[sample])


def write_block(
    case: ColmCase,
    time: datetime,
    block: str,
    constants: BlockConstants,
    increment: FloatArray,
    scheme: SoilWaterScheme,
    destination: Path,
) -> WaterLedger:
    values = read_variables(case, time, block, (*Files202X.written, "wice_soisno", "t_soisno", "wa"), constants.n_patch)
    may_change = updatable(constants.patchtype, constants.is_active)
    water = SoilWater.of_restart(values)
    analysed, ledger = apply_increment(constants.soil, may_change, water, increment, scheme)
    wliq = values["wliq_soisno"].copy()
    wliq[:, 5:] = analysed.wliq
    new = {"wliq_soisno": wliq, "smp": analysed.smp, "hk": analysed.hk, "zwt": analysed.zwt}
    write_restart_copy(case.state_file(time, block), destination, new)
    return ledger


def check_case(case: ColmCase, target: Path, scheme: SoilWaterScheme) -> None:
    """The guarantees of a write-back, on every block and time of a case."""
    rng = np.random.default_rng(11)
    n_changed = 0
    for time in case.times():
        for block in case.blocks:
            constants = read_constants(case, block)
            source = case.state_file(time, block)
            n = constants.n_patch
            write_block(case, time, block, constants, np.zeros((n, 10)), scheme, target / source.name)
            assert (target / source.name).read_bytes() == source.read_bytes()
            increment = rng.uniform(-0.2, 0.2, (n, 10)) * (rng.uniform(size=(n, 10)) < 0.5)
            ledger = write_block(case, time, block, constants, increment, scheme, target / source.name)
            before, after = values_of(source), values_of(target / source.name)
            changed = {name for name in before if before[name] != after[name]}
            assert changed <= {"wliq_soisno", "smp", "hk", "zwt"}
            analysed = case.with_restart(target)
            (target / source.name).replace(_in_place(analysed, time, block))
            names = ("wliq_soisno", "wice_soisno", "smp", "hk", "zwt")
            old = read_variables(case, time, block, names)
            new = read_variables(analysed, time, block, names)
            soil_old, soil_new = old["wliq_soisno"][:, 5:], new["wliq_soisno"][:, 5:]
            moved = soil_new != soil_old
            assert np.array_equal(old["wliq_soisno"][:, :5], new["wliq_soisno"][:, :5])
            assert np.array_equal(moved, ledger.changed)
            assert not moved[constants.patchtype != 0].any()
            assert not moved[old["wice_soisno"][:, 5:] > 0.01].any()
            for name in ("smp", "hk"):
                assert np.array_equal(new[name][~moved], old[name][~moved])
            assert ledger.largest_residual() < 1e-10
            assert np.allclose((soil_new - soil_old).sum(axis=1), ledger.applied, atol=1e-9)
            if scheme is OLD:
                assert np.array_equal(new["zwt"], old["zwt"])
            n_changed += int(moved.sum())
    assert n_changed > 5


def _in_place(case: ColmCase, time: Any, block: str) -> Path:
    path = case.state_file(time, block)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def test_potential_is_that_of_the_real_model(shared: Path) -> None:
    """The VSF scheme leaves smp and hk of the state in the same file: our functions give them to 1e-12."""
    folder = shared / "data" / "colm" / "restart" / "grid_4block_VG_VSF"
    case = find_case(folder, restart=folder)
    for time in case.times():
        for block in case.blocks:
            constants = read_constants(case, block)
            values = read_variables(case, time, block, ("wliq_soisno", "wice_soisno", "t_soisno", "smp", "hk"))
            wliq, wice, temperature = (values[k][:, 5:].copy() for k in ("wliq_soisno", "wice_soisno", "t_soisno"))
            where = np.zeros(wliq.shape, dtype=np.bool_)
            where[constants.patchtype <= 1] = True
            smp, hk = values["smp"].copy(), values["hk"].copy()
            smp[where] = hk[where] = 0.0
            follow_liquid_water(constants.soil, wliq, wice, temperature, where, smp, hk, VSF)
            assert np.allclose(smp, values["smp"], rtol=1e-12, atol=0.0)
            assert np.allclose(hk, values["hk"], rtol=1e-12, atol=0.0)


def test_total_water_counts_ice() -> None:
    theta = soil_moisture(np.full((1, 10), 0.2) * MASS, np.full((1, 10), 0.1) * 917.0 * SOIL_DZ)
    assert np.allclose(theta, 0.3)
