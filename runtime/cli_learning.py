"""Commands that learn: training and evaluation of the supervisor."""

from pathlib import Path
from typing import Annotated

import typer

from operator_agent.errors import InputError
from operator_agent.messages import AdviceEnvelope
from operator_agent.rl_supervisor.experiment import load_experiment
from operator_agent.rl_supervisor.policy_file import load_policy
from operator_agent.runtime.cli_tables import OUT, JsonFlag, print_json, rich_table, say
from operator_agent.runtime.envelope_file import read_envelope
from operator_agent.runtime.progress_bar import Steps, bar
from operator_agent.runtime.site_file import load_site
from operator_agent.site import Site

TRAINING_FILE = Path("cases/training/ppo_demo.yaml")


def _site_of(training: Path) -> tuple[Site, AdviceEnvelope]:
    site = load_site(load_experiment(training).site)
    return site, read_envelope(Path(site.files["envelope"]))


def train(
    config: Annotated[Path, typer.Argument(help="Training file, cases/training/*.yaml.")],
    out: Annotated[Path, typer.Option(help="Policy file to write.")] = Path("out/trained.policy"),
    as_json: JsonFlag = False,
) -> None:
    """Train the supervisor in simulation and let the promotion gate decide.

    The policy starts as "no change" and learns what to add to the tuned MPC. It is promoted only
    if, on held-out scenarios with the same noise, its gain over the MPC alone is above zero with
    95 % confidence; otherwise the file says that it is not warranted.
    """
    try:
        from operator_agent.runtime.training import run_training
    except ImportError as error:
        raise InputError(f"training needs the extra 'train' ({error}); run: make test") from error
    site, envelope = _site_of(config)
    out.parent.mkdir(parents=True, exist_ok=True)
    with bar() as shown:
        result = run_training(config, site, envelope, out, Steps(shown))
    if as_json:
        print_json(result)
        return
    say(f"{out}: {result['verdict']}")
    steps = f"{result['steps']} decisions at {result['steps_per_s']:.1f}/s"
    say(f"{steps}, {result['wall_s'] / 60:.1f} min in all")


def evaluate(
    policy: Annotated[Path, typer.Argument(help="Policy file.")],
    config: Annotated[Path, typer.Option(help="Training file with the test scenarios.")] = (
        TRAINING_FILE
    ),
    as_json: JsonFlag = False,
) -> None:
    """Compare a policy with the MPC alone, a one-line rule and the recipe on test scenarios.

    All meet the same scenarios with the same noise; means come with bootstrap intervals.
    """
    try:
        from operator_agent.runtime.training import run_evaluation
    except ImportError as error:
        raise InputError(f"evaluation needs the extra 'train' ({error}); run: make test") from error
    loaded = load_policy(policy)
    site, envelope = _site_of(config)
    with bar() as shown:
        result = run_evaluation(loaded, config, site, envelope, Steps(shown))
    if as_json:
        print_json(result)
        return
    rows = [
        [
            name,
            "{:,.0f} ({:,.0f} to {:,.0f})".format(*summary["profit_usd_per_h"]),
            f"{summary['off_spec_usd_per_h']:,.0f}",
            f"{summary['violation_h']:.2f}",
            str(summary["holds"]),
        ]
        for name, summary in result["controllers"].items()
    ]
    columns = ["controller", "profit USD/h (95 %)", "off-spec USD/h", "hard limits h", "holds"]
    OUT.print(rich_table(f"{policy.name} on test scenarios", columns, rows))
    rows = [
        [name, f"{found['mean']:+.1f}", f"{found['low']:+.1f} to {found['high']:+.1f}"]
        for name, found in result["comparisons_usd_per_h"].items()
    ]
    OUT.print(rich_table("paired differences", ["pair", "USD/h", "95 % interval"], rows))
