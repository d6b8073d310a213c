"""Steady gains of the controller's model beside those of the plant, as a table."""

from operator_agent.plant.coarse.controller_model import build_controller_model
from operator_agent.plant.coarse.gain_table import GainPair, gain_table
from operator_agent.plant.verification.subject import Subject
from operator_agent.plant.verification.titles import TITLES
from operator_agent.plant.verification.topic import Column, Row, Topic


def controller_gain_topics(subject: Subject) -> tuple[Topic, ...]:
    """Return the table of gains, controller's model / plant, and how far they differ."""
    subject.progress("controller gains: building the controller's model")
    model = build_controller_model(subject.case)
    subject.progress("controller gains: steps in both models")
    pairs = gain_table(model, subject.unit.model)
    sources = tuple(dict.fromkeys(pair.source for pair in pairs))
    rows = []
    for source in sources:
        of_source = [pair for pair in pairs if pair.source == source]
        cells = [(pair.model, pair.plant) for pair in of_source]
        rows.append(Row((f"`{source}`", *cells), all(pair.same_sign for pair in of_source)))
    heads = (Column("model / plant"), *(Column(f"`{cv}`") for cv in model.y_names))
    notes = (
        f"Spans per span, steps of a quarter of a span to both sides. The controller's model has "
        f"{model.n_x} states, the plant {subject.unit.model.n_x}; the criterion is that all signs "
        "of gains above 0.05 agree.",
        _spread(pairs),
    )
    return (Topic("controller_gains", TITLES["controller_gains"][0], heads, tuple(rows), notes),)


def _spread(pairs: tuple[GainPair, ...]) -> str:
    """Return in words how the ratios of significant gains are spread."""
    ratios = sorted(pair.ratio for pair in pairs if pair.ratio == pair.ratio)
    quarter = len(ratios) // 4
    wrong = [f"`{p.source}` on `{p.output}`" for p in pairs if not p.same_sign]
    text = (
        f"Of {len(ratios)} gains that are significant in the plant the model's is "
        f"{ratios[quarter]:.2f} to {ratios[-quarter - 1]:.2f} times as large for the middle half, "
        f"{round(ratios[0], 2) + 0.0:.2f} to {ratios[-1]:.2f} times for all."
    )
    return text + (f" Signs differ for {', '.join(wrong)}." if wrong else "")
