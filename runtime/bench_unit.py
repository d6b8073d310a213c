"""The crude unit of a site as a case of `bench mpc`."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from operator_agent.errors import InputError

UNIT_PREFIX = "unit-"
REDUCED = "reduced"  # the linear MPC of learners; it runs with the unit of record
UNIT_ENGINES = ("own", "ipopt", REDUCED)
UnitRunner = Callable[[str, list[str], Callable[[str], None]], list[dict[str, Any]]]


def unit_names(site: Path) -> list[str]:
    """Return the names of the unit's cases; none where there is no site file."""
    from operator_agent.mpc.published.unit_bench import Truth
    from operator_agent.mpc.published.unit_case import UNIT_CASES

    return [f"{name}-{truth.value}" for name in UNIT_CASES for truth in Truth] * site.is_file()


def unit_runner(site: Path, names: list[str], cycles: int | None) -> UnitRunner:
    """Return what runs one of the named cases of a unit; everything is loaded and checked before.

    Args:
        site: file of the site.
        names: of cases, such as `unit-cold-model`.
        cycles: shorter than the cases' own length; None for that.

    Raises:
        InputError: there is no such case, or a file is wrong.
    """
    from operator_agent.mpc.engine.compiled_functions import Compilation
    from operator_agent.mpc.engine.linearise import ScaledModel
    from operator_agent.mpc.published.reduced_unit import REDUCED_BLOCKS, reduced_row
    from operator_agent.mpc.published.unit_bench import BIAS_FILTER, Truth, UnitSetup, bench_unit
    from operator_agent.mpc.published.unit_case import UNIT_CASES
    from operator_agent.mpc.variables import variables_from_site
    from operator_agent.mpc.weights import load_weights
    from operator_agent.plant.coarse.controller_model import build_controller_model
    from operator_agent.plant.unit.case_file import load_crude_unit_case
    from operator_agent.plant.unit.crude_unit import build_crude_unit
    from operator_agent.runtime.site_file import load_site

    known = {f"{name}-{truth.value}": (name, truth) for name in UNIT_CASES for truth in Truth}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InputError(f"no case '{unknown[0]}'; cases of a unit are {', '.join(known)}")
    loaded = load_site(site)
    plant = load_crude_unit_case(Path(loaded.files["plant"]))
    model = build_controller_model(plant)
    setup = UnitSetup(
        plant=plant,
        unit=build_crude_unit(plant, "plant"),
        model=model,
        scaled=ScaledModel.of(model, Compilation.ALWAYS),
        variables=variables_from_site(loaded, model),
        weights=load_weights(Path(loaded.files["controller"])),
        cycle_s=loaded.sample_times.control_s,
    )

    weights = replace(setup.weights, bias_filter=BIAS_FILTER, move_blocks=REDUCED_BLOCKS)

    def run(name: str, engines: list[str], progress: Callable[[str], None]) -> list[dict[str, Any]]:
        rows = []
        key, truth = known[name]
        case = UNIT_CASES[key]
        shorter = replace(case, cycles=min(cycles or case.cycles, case.cycles))
        plain = [engine for engine in engines if engine != REDUCED]
        if plain:
            rows += bench_unit(setup, shorter, truth, plain, progress)
        if REDUCED in engines and truth is Truth.RECORD and not case.tightened:
            progress(f"{name}: {REDUCED}")
            rows.append(reduced_row(setup, shorter, weights))
        return rows

    return run
