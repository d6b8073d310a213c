"""Restores the layer links for checkouts without symbolic-link support."""

from pathlib import Path

from setuptools import setup

LAYERS = ("plant", "planning", "mpc", "io", "rl_supervisor", "runtime", "api")

for layer in LAYERS:
    link = Path(__file__).parent / "src" / "operator_agent" / layer
    if link.is_symlink() or link.is_dir():
        continue
    link.unlink(missing_ok=True)  # a text file that names the target
    link.symlink_to(Path("..") / ".." / layer, target_is_directory=True)

setup()
