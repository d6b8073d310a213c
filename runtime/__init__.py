"""The composition root: it alone makes processes, links, clocks and solvers, and ties them.

`cli.py` is the command line; `cycle.py` the control cycle; `plant_process.py`, `gate_process.py`
and `control_process.py` the processes of a site; `demo.py` runs them all and `report.py` shows
what happened.
"""
