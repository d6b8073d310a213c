"""Verification of a crude unit: tables by topic, all from one call."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from operator_agent.errors import InputError
from operator_agent.plant.crude.assay import Assay
from operator_agent.plant.unit.case import CrudeUnitCase
from operator_agent.plant.verification.classic_topics import classic_topics
from operator_agent.plant.verification.closure import closure_topics
from operator_agent.plant.verification.controller_gains import controller_gain_topics
from operator_agent.plant.verification.gains import gain_topics
from operator_agent.plant.verification.operating_point import operating_point_topics
from operator_agent.plant.verification.refinement import refinement_topics
from operator_agent.plant.verification.settling import settling_topics
from operator_agent.plant.verification.subject import Progress, Subject
from operator_agent.plant.verification.thermo_topics import thermo_topics
from operator_agent.plant.verification.topic import Topic, Verification
from operator_agent.plant.verification.upset_topics import upset_topics
from operator_agent.plant.verification.yields import yield_topics

TOPICS: Mapping[str, Callable[[Subject], tuple[Topic, ...]]] = MappingProxyType(
    {
        "operating_point": operating_point_topics,
        "settling": settling_topics,
        "closure": closure_topics,
        "thermo": thermo_topics,
        "yields": yield_topics,
        "gains": gain_topics,
        "controller_gains": controller_gain_topics,
        "refinement": refinement_topics,
        "upsets": upset_topics,
        "classics": classic_topics,
    }
)


def verify(
    case: CrudeUnitCase,
    topics: Sequence[str] | None = None,
    progress: Progress | None = None,
    *,
    layout: str = "plant",
    further: Sequence[Assay] = (),
) -> Verification:
    """Return the verification tables of a crude unit.

    Args:
        case: of the unit.
        topics: keys of `TOPICS`; all when not given.
        progress: told each step in words.
        layout: key of the layout that is verified.
        further: crudes beside those of the case, for densities and yields.

    Raises:
        InputError: a topic or the layout is unknown, a crude is there twice, or the property
            library is missing.
        PlantError: the unit does not come to rest at its nominal point.
    """
    wanted = list(TOPICS) if topics is None else list(topics)
    for key in wanted:
        if key not in TOPICS:
            near = difflib.get_close_matches(key, TOPICS, n=1, cutoff=0.0)[0]
            raise InputError(f"no topic '{key}' to verify; the nearest is '{near}'")
    case.layout(layout)
    for assay in further:
        if assay.key in case.crude_keys:
            raise InputError(f"crude '{assay.key}' is in the case already; leave it out")
    subject = Subject(case, layout, tuple(further), progress or (lambda line: None))
    found = [topic for key in dict.fromkeys(wanted) for topic in TOPICS[key](subject)]
    return Verification(case.name, tuple(found))
