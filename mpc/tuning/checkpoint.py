"""The state of a search as a JSON file, so that an interrupted search goes on where it was."""

import json
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict, ValidationError

from operator_agent.errors import InputError
from operator_agent.mpc.tuning.search import Generation, SearchState
from operator_agent.mpc.tuning.task import SearchSettings, Task
from operator_agent.mpc.tuning.trials import Trial

FORMAT = 1
_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)


class _TrialFile(BaseModel):
    model_config = _STRICT
    genes: dict[str, float]
    values: dict[str, tuple[float, ...]]
    failure: str


class _GenerationFile(BaseModel):
    model_config = _STRICT
    number: int
    hypervolume: float
    front: int
    tried: int
    failed: int


class _StateFile(BaseModel):
    model_config = _STRICT
    points: list[tuple[float, ...]]
    trials: dict[str, list[_TrialFile]]
    history: list[_GenerationFile]


class _File(BaseModel):
    model_config = _STRICT
    format: int
    search: dict[str, object]
    state: _StateFile


class CheckpointFile:
    """Keeps a search in a file; the file of another search is refused."""

    def __init__(self, path: Path) -> None:
        """Take the path of the file, which need not exist."""
        self._path = path

    def load(self, task: Task, settings: SearchSettings) -> SearchState | None:
        """Return the state in the file, None without a file.

        Raises:
            InputError: the file is damaged, or of a search with other seeds, genes, objectives,
                start, population or subject. The number of generations may differ.
        """
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise InputError(f"search {self._path} cannot be read: {error.strerror}") from error
        try:
            found = _File.model_validate_json(text)
        except ValidationError as error:
            raise InputError(f"search {self._path} is damaged: {error}; delete it") from error
        _check_same(self._path, found, _identity(task, settings))
        return _state(found.state)

    def save(self, task: Task, settings: SearchSettings, state: SearchState) -> None:
        """Write the state; a reader sees the old file or the new one, never half of one."""
        content = {
            "format": FORMAT,
            "search": _identity(task, settings),
            "state": {
                "points": state.points,
                "trials": {name: [_plain(t) for t in some] for name, some in state.trials.items()},
                "history": [asdict(generation) for generation in state.history],
            },
        }
        beside = self._path.with_suffix(".part")
        beside.write_text(json.dumps(content, indent=1, allow_nan=False), encoding="utf-8")
        beside.replace(self._path)


def _identity(task: Task, settings: SearchSettings) -> dict[str, object]:
    """Return what decides a search, but for where it stops."""
    facts = asdict(settings)
    del facts["generations"], facts["finalists"]
    facts |= {
        "subject": task.subject,
        "objectives": [asdict(objective) for objective in task.objectives],
        "genes": [[g.name, g.low, g.high, g.scale.value] for g in task.space.genes],
        "start": dict(task.start),
    }
    plain: dict[str, object] = json.loads(json.dumps(facts))
    return plain


def _check_same(path: Path, found: _File, wanted: dict[str, object]) -> None:
    if found.format != FORMAT:
        raise InputError(f"search {path} has format {found.format}, not {FORMAT}; delete it")
    other = sorted(k for k in {*wanted, *found.search} if wanted.get(k) != found.search.get(k))
    if other:
        raise InputError(
            f"search {path} is another one: look at {', '.join(other)}; "
            "choose another folder or delete it"
        )


def _plain(trial: Trial) -> dict[str, object]:
    return {
        "genes": dict(trial.genes),
        "values": dict(trial.values),
        "failure": trial.failure,
    }


def _state(file: _StateFile) -> SearchState:
    def trial(one: _TrialFile) -> Trial:
        return Trial(MappingProxyType(one.genes), MappingProxyType(one.values), one.failure)

    trials = {name: tuple(trial(one) for one in some) for name, some in file.trials.items()}
    history = tuple(Generation(**one.model_dump()) for one in file.history)
    return SearchState(tuple(file.points), MappingProxyType(trials), history)
