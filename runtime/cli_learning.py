"""Commands that learn and tune: training, evaluation and the search over MPC weights."""

from pathlib import Path

TrainingConfig = Path("cases/training/ppo_demo.yaml")
