"""More periods for a text case: the same period several times, joined by its inventories."""

from dataclasses import replace

from operator_agent.errors import InputError
from operator_agent.planning.published.emrps_text import PARAMETERS, Key, TextCase


def repeat_periods(case: TextCase, count: int) -> TextCase:
    """Return a case of one period as one of several, with the same limits in each.

    Inventories join the periods: the level at the end of one is what the next begins with. Prices
    have no period in this layout, so they stay as they are.

    Args:
        case: of one period.
        count: of periods.

    Raises:
        InputError: the case has several periods already, or the count is not positive.
    """
    if len(case.sets["T"]) != 1:
        raise InputError(
            f"case {case.name} has {len(case.sets['T'])} periods; only one can be repeated"
        )
    if count < 1:
        raise InputError(f"{count} periods make no plan; ask for at least one")
    periods = [str(number) for number in range(1, count + 1)]
    parameters = dict(case.parameters)
    for name, indices in PARAMETERS.items():
        if indices.endswith(",t"):
            parameters[name] = {
                (*key[:-1], period): value
                for key, value in case.parameters[name].items()
                for period in periods
            }
    times: tuple[Key, ...] = tuple((period,) for period in periods)
    return replace(
        case,
        name=f"{case.name}_{count}_periods",
        sets={**case.sets, "T": times},
        parameters=parameters,
    )
