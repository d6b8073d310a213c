"""What a supervisor could gain at all: one advice held all the time, and other margins of the MPC.

Run before a training: `python -m benchmarks supervisor`. All variants meet the validation
scenarios of the training file, and twelve that no other set has, with the same noise, so their
differences are paired.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from operator_agent.arrays import FloatArray
from operator_agent.messages import AdviceEnvelope
from operator_agent.mpc.weights import load_weights, save_weights
from operator_agent.rl_supervisor.control_loop import Driver
from operator_agent.rl_supervisor.experiment import load_experiment
from operator_agent.rl_supervisor.rollout import Actor, RolloutPool, profits
from operator_agent.runtime.envelope_file import read_envelope
from operator_agent.runtime.site_file import load_site
from operator_agent.site import Site

TRAINING = Path(__file__).resolve().parents[2] / "cases" / "training" / "ppo_demo.yaml"
HALF = 0.5  # of what an action of 1 stands for
MARGINS = (0.4, 0.2, 0.1)  # spans kept from CV limits, in place of the tuned ones
MORE = tuple(range(4000, 4012))  # scenarios: six are too few to meet the rare one that costs dearly
WORKERS = 2


@dataclass(frozen=True, slots=True)
class Constant:
    """An adviser that always gives the same action."""

    action: tuple[float, ...]

    def act(self, observation: FloatArray) -> FloatArray:
        """Return the action, whatever is observed."""
        return np.array(self.action)


def main() -> list[dict[str, Any]]:
    """Play all variants, print the table and return its rows."""
    experiment = load_experiment(TRAINING)
    site = load_site(experiment.site)
    envelope = read_envelope(Path(site.files["envelope"]))
    scenarios = (*experiment.seeds.validation, *MORE)
    base = _profits(site, envelope, Driver.MPC, scenarios)
    rows: list[dict[str, Any]] = [_row("MPC alone", base, base)]
    names = experiment.actions.names
    for index, name in enumerate(names):
        for sign in (HALF, -HALF):
            action = tuple(sign if i == index else 0.0 for i in range(len(names)))
            found = _profits(site, envelope, Constant(action), scenarios)
            rows.append(_row(f"{name.split(':')[0]} at {sign:+g}", found, base))
    with tempfile.TemporaryDirectory() as folder:
        for margin in MARGINS:
            path = Path(folder) / f"{margin}.yaml"
            weights = load_weights(Path(site.files["controller"]))
            save_weights(path, replace(weights, target_margin=margin))
            other = replace(site, files={**site.files, "controller": str(path)})
            found = _profits(other, envelope, Driver.MPC, scenarios)
            rows.append(_row(f"MPC with margin {margin:g} spans", found, base))
    _show(rows, len(scenarios))
    return rows


def _profits(
    site: Site, envelope: AdviceEnvelope, actor: Actor | Driver, scenarios: Sequence[int]
) -> FloatArray:
    with RolloutPool(TRAINING, site, envelope, WORKERS) as pool:
        return profits(pool.scores(actor, scenarios))


def _row(name: str, found: FloatArray, base: FloatArray) -> dict[str, Any]:
    gain = found - base
    return {
        "variant": name,
        "profit_usd_per_h": float(found.mean()),
        "gain_usd_per_h": float(gain.mean()),
        "standard_error": float(gain.std(ddof=1) / np.sqrt(gain.size)),
        "lowest": float(gain.min()),
        "highest": float(gain.max()),
    }


def _show(rows: Sequence[dict[str, Any]], n_scenarios: int) -> None:
    table = Table(title=f"Profit over the MPC alone, {n_scenarios} scenarios [USD/h]")
    for column in ("variant", "profit", "gain", "standard error", "lowest", "highest"):
        table.add_column(column, justify="left" if column == "variant" else "right")
    for row in rows:
        cells = (f"{value:,.1f}" for key, value in row.items() if key != "variant")
        table.add_row(str(row["variant"]), *cells)
    Console().print(table)


if __name__ == "__main__":
    main()
