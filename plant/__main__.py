"""`python -m operator_agent.plant CASE.yaml` writes the figures of a crude unit's models."""

import sys
from pathlib import Path

from operator_agent.errors import OperatorAgentError
from operator_agent.plant.unit.case_file import load_crude_unit_case
from operator_agent.plant.verification.report import report


def main(arguments: list[str]) -> int:
    """Write the report of the case file named by the only argument; return the exit code."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m operator_agent.plant CASE.yaml\n")
        return 2
    try:
        sys.stdout.write(report(load_crude_unit_case(Path(arguments[0]))))
    except OperatorAgentError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
