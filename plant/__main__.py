"""`python -m operator_agent.plant CASE.yaml` writes the verification tables of a crude unit."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from operator_agent.errors import InputError, OperatorAgentError
from operator_agent.plant.crude.assay import Assay, load_assay
from operator_agent.plant.crude.assay_record import load_assay_record
from operator_agent.plant.unit.case_file import load_crude_unit_case
from operator_agent.plant.verification.render import as_document, as_markdown
from operator_agent.plant.verification.topic import Verification
from operator_agent.plant.verification.verify import TOPICS, verify


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m operator_agent.plant",
        description="Verification tables of a crude unit, as Markdown on standard output.",
    )
    parser.add_argument("case", type=Path, metavar="CASE.yaml")
    parser.add_argument(
        "--topics", nargs="+", metavar="TOPIC", help=f"any of {', '.join(TOPICS)}; default: all"
    )
    parser.add_argument("--layout", default="plant", help="layout of the case; default: plant")
    parser.add_argument(
        "--crude",
        nargs="+",
        action="append",
        default=[],
        metavar=("FILE", "RECORD"),
        help="a further crude for densities and yields: an assay, or a file of records and a name",
    )
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables there")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write them there as JSON too")
    return parser


def _crude(words: Sequence[str]) -> Assay:
    if len(words) == 1:
        return load_assay(Path(words[0]))
    return load_assay_record(Path(words[0]), " ".join(words[1:]))


def _save(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"file {path} cannot be written: {error}; choose another path") from error


def _hand_out(found: Verification, markdown: Path | None, document: Path | None) -> None:
    text = as_markdown(found)
    if document is not None:
        _save(document, json.dumps(as_document(found), indent=1, allow_nan=False) + "\n")
    if markdown is not None:
        _save(markdown, text)
    else:
        sys.stdout.write(text)


def main(words: Sequence[str]) -> int:
    """Write the tables that the arguments ask for; return the exit code."""
    start = time.monotonic()

    def progress(line: str) -> None:
        sys.stderr.write(f"{time.monotonic() - start:5.0f} s  {line}\n")

    given = _arguments().parse_args(words)
    try:
        found = verify(
            load_crude_unit_case(given.case),
            given.topics,
            progress,
            layout=given.layout,
            further=[_crude(crude) for crude in given.crude],
        )
        _hand_out(found, given.markdown, given.json)
    except OperatorAgentError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    progress(f"done; {len(found.missed)} rows miss their criterion")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
