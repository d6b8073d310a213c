"""The catalogue as a YAML file: plain values, read without running anything, nothing unknown."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from operator_agent.errors import InputError
from operator_agent.mpc.tuning.catalogue import Catalogue, Entry, Scored, Scores
from operator_agent.mpc.tuning.genes import Gene, GeneScale, check_names
from operator_agent.mpc.tuning.genetic import Variation
from operator_agent.mpc.tuning.objectives import Interval, Objective
from operator_agent.mpc.tuning.search import Generation
from operator_agent.mpc.tuning.task import SearchSettings
from operator_agent.mpc.weights import weights_from, weights_payload

FORMAT = 1
_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)


class _IntervalFile(BaseModel):
    model_config = _STRICT
    mean: float
    low: float
    high: float


class _ScoredFile(_IntervalFile):
    values: tuple[float, ...]


class _EntryFile(BaseModel):
    model_config = _STRICT
    name: str
    failure: str
    genes: dict[str, float]
    training: dict[str, _ScoredFile]
    validation: dict[str, _ScoredFile]
    test: dict[str, _ScoredFile]
    gain_on_test: dict[str, _IntervalFile]
    weights: dict[str, object] | None


class _SearchFile(BaseModel):
    model_config = _STRICT
    population: int
    generations: int
    finalists: int
    seed: int
    crossover: float
    mutation: float
    training: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]


class _GeneFile(BaseModel):
    model_config = _STRICT
    name: str
    low: float
    high: float
    scale: GeneScale


class _ObjectiveFile(BaseModel):
    model_config = _STRICT
    name: str
    unit: str
    good: float
    worst: float


class _GenerationFile(BaseModel):
    model_config = _STRICT
    number: int
    hypervolume: float
    front: int
    tried: int
    failed: int


class _File(BaseModel):
    model_config = _STRICT
    format: int
    subject: str
    made_with: dict[str, str]
    search: _SearchFile
    genes: list[_GeneFile]
    objectives: list[_ObjectiveFile]
    history: list[_GenerationFile]
    entries: list[_EntryFile] = Field(min_length=1)


def save_catalogue(path: Path | str, catalogue: Catalogue) -> None:
    """Write a catalogue, readable by `load_catalogue`."""
    text = yaml.safe_dump(_payload(catalogue), sort_keys=False, allow_unicode=True)
    Path(path).write_text(text, encoding="utf-8")


def load_catalogue(path: Path | str) -> Catalogue:
    """Return the catalogue in a file.

    Raises:
        InputError: the file is missing or no YAML, a key is missing or unknown, a value is not
            possible, or genes and objectives of an entry are not those of the search.
    """
    try:
        parsed = _File.model_validate(yaml.safe_load(Path(path).read_text(encoding="utf-8")))
        if parsed.format != FORMAT:
            raise InputError(f"format is {parsed.format}, not {FORMAT}")
        return _catalogue(parsed)
    except OSError as error:
        raise InputError(f"catalogue {path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError, ValidationError, InputError) as error:
        raise InputError(f"catalogue {path} is wrong: {error}") from error


def _payload(catalogue: Catalogue) -> dict[str, object]:
    settings = catalogue.settings
    search: dict[str, object] = {
        "population": settings.population,
        "generations": settings.generations,
        "finalists": settings.finalists,
        "seed": settings.seed,
        **asdict(settings.variation),
        "training": list(settings.training),
        "validation": list(settings.validation),
        "test": list(settings.test),
    }
    return {
        "format": FORMAT,
        "subject": catalogue.subject,
        "made_with": dict(catalogue.made_with),
        "search": search,
        "genes": [asdict(gene) | {"scale": gene.scale.value} for gene in catalogue.genes],
        "objectives": [asdict(objective) for objective in catalogue.objectives],
        "history": [asdict(generation) for generation in catalogue.history],
        "entries": [_entry_payload(entry) for entry in catalogue.entries],
    }


def _entry_payload(entry: Entry) -> dict[str, object]:
    def plain(scores: Scores) -> dict[str, object]:
        return {n: asdict(s.interval) | {"values": list(s.values)} for n, s in scores.items()}

    return {
        "name": entry.name,
        "failure": entry.failure,
        "genes": dict(entry.genes),
        "training": plain(entry.training),
        "validation": plain(entry.validation),
        "test": plain(entry.test),
        "gain_on_test": {name: asdict(gain) for name, gain in entry.gain.items()},
        "weights": None if entry.weights is None else weights_payload(entry.weights),
    }


def _catalogue(file: _File) -> Catalogue:
    facts = file.search.model_dump()
    variation = Variation(facts.pop("crossover"), facts.pop("mutation"))
    return Catalogue(
        subject=file.subject,
        made_with=MappingProxyType(file.made_with),
        settings=SearchSettings(**facts, variation=variation),
        genes=tuple(Gene(g.name, g.low, g.high, g.scale) for g in file.genes),
        objectives=tuple(Objective(o.name, o.unit, o.good, o.worst) for o in file.objectives),
        history=tuple(Generation(**one.model_dump()) for one in file.history),
        entries=tuple(_entry(one, file) for one in file.entries),
    )


def _entry(file: _EntryFile, whole: _File) -> Entry:
    check_names(f"genes of {file.name}", file.genes, [gene.name for gene in whole.genes])
    names = [objective.name for objective in whole.objectives]
    for scores in (file.training, file.validation, file.test, file.gain_on_test):
        if scores or not (file.failure or scores is file.gain_on_test):
            check_names(f"scores of {file.name}", scores, names)
    return Entry(
        name=file.name,
        genes=MappingProxyType(file.genes),
        weights=None if file.weights is None else weights_from(file.weights),
        training=_scores(file.training),
        validation=_scores(file.validation),
        test=_scores(file.test),
        gain=MappingProxyType({n: _interval(i) for n, i in file.gain_on_test.items()}),
        failure=file.failure,
    )


def _scores(file: Mapping[str, _ScoredFile]) -> Scores:
    return MappingProxyType({n: Scored(_interval(s), s.values) for n, s in file.items()})


def _interval(file: _IntervalFile) -> Interval:
    return Interval(file.mean, file.low, file.high)
