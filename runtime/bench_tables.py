"""The rows of `bench mpc` as tables and sentences for the terminal."""

from typing import Any

from operator_agent.runtime.cli_tables import rich_table

PEERS = ("do_mpc", "ipopt")  # whose times the others are set against: the first that ran
MEANING = (
    f"Times in ms of CPU, warm cycles; ratio: times of {' or '.join(PEERS)} by the engine's; off: "
    "cost relative to the converged solution's; hard: worst violation, in scales."
)
SCORED_MEANING = (
    "Scored cases: IAE in scales times minutes summed over the CVs, then each CV; TV: total "
    "variation of the MVs, in scales; out: integral of violations, in scales times minutes; deep: "
    "the worst one."
)

Row = dict[str, Any]


def tables(payload: list[Row]) -> list[Any]:
    """Return one table for each case."""
    found = []
    for case in dict.fromkeys(row["case"] for row in payload):
        rows = [row for row in payload if row["case"] == case and row["cost"] is not None]
        if rows and "iae_min" in rows[0]:
            found.append(_scored(case, rows))
        elif rows:
            found.append(_compared(case, rows))
    return found


def sentences(payload: list[Row]) -> list[str]:
    """Return what the columns mean, why engines did not run, and how loops ended."""
    scored = any("iae_min" in row for row in payload)
    found = [MEANING, *([SCORED_MEANING] if scored else [])]
    found += [f"{row['engine']}: {row['reason']}" for row in payload if row["reason"]]
    for row in payload:
        where = f"{row['case']}, {row['engine']}"
        if row.get("ended"):
            found.append(f"{where}: {row['ended']}")
        if row.get("finished_cycle") is not None:
            found.append(f"{where}: the batch is finished after cycle {row['finished_cycle']}")
        if row.get("cycles_per_second") is not None:
            alone, beside = row["cycles_per_second"], row["cycles_per_second_beside_plant"]
            found.append(
                f"{where}: {alone:.0f} cycles per second back to back, {beside:.0f} between steps "
                "of the plant"
            )
    return list(dict.fromkeys(found))


def _compared(case: str, rows: list[Row]) -> Any:
    columns = ("engine", "p50 / p99", "ratio", "cost", "off", "hard", "fail")
    peers = [row for name in PEERS for row in rows if row["engine"] == name]
    peer = peers[0] if peers else None
    return rich_table(f"{case}: {rows[0]['story']}", columns, [_cells(row, peer) for row in rows])


def _cells(row: Row, peer: Row | None) -> tuple[str, ...]:
    times = [row["median_ms"], row["p99_ms"]]
    theirs = [None, None] if peer is None else [peer["median_ms"], peer["p99_ms"]]
    ratios = [_ratio(their, own) for their, own in zip(theirs, times, strict=True)]
    cost, reference = row["cost"], row["reference_cost"]
    off = "-" if not reference else f"{(cost - reference) / abs(reference):+.0e}"
    return (
        row["engine"],
        " / ".join(_short(value) for value in times),
        " / ".join(ratios),
        _number(cost, ".5g"),
        off,
        _number(row["hard_violation"] or None, ".0e"),
        str(row["failed_cycles"]),
    )


def _scored(case: str, rows: list[Row]) -> Any:
    columns = ("controller", "p50 / p99", "IAE", "of CVs", "TV", "out", "deep", "fail")
    return rich_table(f"{case}: {rows[0]['story']}", columns, [_scores(row) for row in rows])


def _scores(row: Row) -> tuple[str, ...]:
    return (
        row["engine"],
        f"{row['median_ms']:.2g} / {row['p99_ms']:.2g}",
        _short(row["cost"]),
        " ".join(f"{value:.2g}" for value in row["iae_min"].values()),
        _short(sum(row["total_variation"].values())),
        _short(sum(row["violation_min"].values())),
        _short(row["hard_violation"]),
        str(row["failed_cycles"]),
    )


def _ratio(theirs: float | None, own: float | None) -> str:
    return _short(theirs / own) if theirs is not None and own else "-"


def _short(value: float | None) -> str:
    """Return three digits, and no power of ten for what is not tiny."""
    if value is None:
        return "-"
    return f"{value:.0f}" if abs(value) >= 100.0 else f"{value:.3g}"


def _number(value: float | None, layout: str) -> str:
    return "-" if value is None else format(value, layout)
