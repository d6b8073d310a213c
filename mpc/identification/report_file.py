"""The identified model as files: a plant file that loads without running code, and its report."""

import math
from pathlib import Path
from typing import Any

import yaml

from operator_agent.mpc.identification.channel import ChannelReport
from operator_agent.mpc.identification.identify import Identified
from operator_agent.plant.generic.variable import Variable


def report_payload(found: Identified) -> dict[str, Any]:
    """Return all figures of an identification as plain values."""
    return {
        "name": found.name,
        "source": found.record.source,
        "sample_time_s": found.record.sample_time_s,
        "settling_s": found.request.settling_s,
        "rows_used": int(found.record.used.sum()),
        "rows": len(found.record.used),
        "outputs": {
            output.name: {
                "fit_percent": validation.fit_percent,
                "ahead_percent": validation.ahead_percent,
                "white_p": validation.white,
                "independent_p": dict(validation.independent),
                "disturbance": [float(share) for share in fit.chosen.ar],
                "disturbance_deviation": fit.chosen.variance**0.5,
                "readings": len(fit.data.y),
            }
            for output, validation, fit in zip(
                found.outputs, found.validations, found.fits, strict=True
            )
        },
        "channels": [channel_payload(channel) for row in found.channels for channel in row],
    }


def channel_payload(channel: ChannelReport) -> dict[str, Any]:
    """Return the figures of a channel as plain values."""
    return {
        "output": channel.output,
        "source": channel.source,
        "form": channel.form,
        "gain": channel.gain,
        "gain_interval": list(channel.gain_interval),
        "time_constants_s": list(channel.time_constants_s),
        "time_constant_intervals_s": [list(i) for i in channel.time_constant_intervals_s],
        "lead_s": channel.lead_s,
        "dead_time_s": channel.dead_time_s,
        "dead_time_interval_s": list(channel.dead_time_interval_s),
        "verdict": channel.verdict.value,
        "words": channel.words,
        "in_model": channel.element is not None,
    }


def save_plant(path: Path, found: Identified) -> None:
    """Write the model as a plant file, which `load_plant` reads."""
    document: dict[str, Any] = {
        "name": found.name,
        "source": f"identified from {found.record.source}",
        "inputs": _variables(found.inputs),
    }
    if found.disturbances:
        document["disturbances"] = _variables(found.disturbances)
    document["outputs"] = _variables(found.outputs)
    document["transfer_functions"] = [
        _entry(found, i, j)
        for i, row in enumerate(found.channels)
        for j, channel in enumerate(row)
        if channel.element is not None
    ]
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")


def _variables(variables: tuple[Variable, ...]) -> dict[str, dict[str, float]]:
    return {v.name: {"nominal": v.nominal, "span": v.span} for v in variables}


def _entry(found: Identified, i: int, j: int) -> dict[str, Any]:
    channel = found.channels[i][j]
    parameters = found.fits[i].chosen.parameters[found.moving.index(j)]
    entry: dict[str, Any] = {"output": channel.output, "input": channel.source}
    lags = [float(lag) for lag in _lags(found, i, j)]
    if channel.form == "rate":
        entry |= {"rate_gain_1_s": float(parameters[0]), "time_constant_s": lags[0]}
    else:
        entry |= {"gain": float(parameters[0]), "time_constants_s": lags}
    if channel.form == "second":
        entry["lead_s"] = float(parameters[3])
    return entry | {"dead_time_s": float(parameters[-1])}


def _lags(found: Identified, i: int, j: int) -> list[float]:
    fit, at = found.fits[i].chosen, found.moving.index(j)
    names = fit.forms[at].value
    return [
        math.exp(fit.parameters[at][k]) for k, name in enumerate(names) if name.startswith("log_")
    ]
