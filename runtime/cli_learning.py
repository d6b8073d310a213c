"""Commands that learn and tune: training, evaluation and the search over MPC weights."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress

from operator_agent.errors import InputError
from operator_agent.runtime.cli import ERR, OUT, JsonFlag, print_json, rich_table

TrainingConfig = Path("cases/training/ppo_demo.yaml")
