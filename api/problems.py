"""Problem documents (RFC 9457): one table for the server's answers and the client's errors."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from operator_agent.errors import (
    InputError,
    LimitsConflictError,
    LinkError,
    OperatorAgentError,
    PlantError,
    SignatureError,
    SolveFailedError,
    WriteRefusedError,
)
from operator_agent.signing import Json

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:operator-agent:problem:"


@dataclass(frozen=True, slots=True)
class Kind:
    """One sort of problem.

    Attributes:
        name: last part of the problem's `type`.
        status: HTTP status code.
        title: the same for every problem of this kind.
        error: what the client raises.
    """

    name: str
    status: int
    title: str
    error: type[OperatorAgentError]


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            # What `optimize` raised: the first kind of an error class is the one that is sent.
            Kind("input", 422, "The request is wrong", InputError),
            Kind("limits-conflict", 422, "No plan satisfies all limits", LimitsConflictError),
            Kind("signature", 500, "A signature does not match", SignatureError),
            Kind("link", 503, "A device or service is out of reach", LinkError),
            Kind("write-refused", 500, "A write was refused", WriteRefusedError),
            Kind("plant-range", 500, "The plant model left its range", PlantError),
            Kind("solve-failed", 500, "The solve failed", SolveFailedError),
            Kind("internal", 500, "The service failed", OperatorAgentError),
            # What becomes of a job.
            Kind("worker-lost", 500, "The optimizer's process ended", SolveFailedError),
            Kind("deadline", 504, "The deadline passed", SolveFailedError),
            Kind("cancelled", 409, "The job was cancelled", SolveFailedError),
            # What the service says by itself.
            Kind("bad-request", 400, "The request cannot be read", InputError),
            Kind("unauthorized", 401, "The API key is missing or unknown", SignatureError),
            Kind("forbidden", 403, "The API key lacks the scope", SignatureError),
            Kind("not-found", 404, "There is nothing at this address", InputError),
            Kind("method-not-allowed", 405, "The method is not allowed here", InputError),
            Kind("idempotency-conflict", 409, "The idempotency key is taken", InputError),
            Kind("too-large", 413, "The body is too large", InputError),
            Kind("busy", 429, "Too many jobs are waiting", LinkError),
            Kind("status-unavailable", 503, "The control loop's status is missing", LinkError),
            Kind("not-ready", 503, "The service is not ready", LinkError),
        )
    }
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One wrong place in a body: a JSON pointer (RFC 6901) and what is wrong there."""

    pointer: str
    detail: str


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem document.

    Attributes:
        kind: name in `KINDS`.
        detail: in words, with the next step.
        faults: the wrong places in the body, if any.
    """

    kind: str
    detail: str
    faults: tuple[Fault, ...] = ()

    @property
    def status(self) -> int:
        """HTTP status code."""
        return KINDS[self.kind].status

    def payload(self) -> dict[str, Json]:
        """Return the document as plain values."""
        document: dict[str, Json] = {
            "type": TYPE_PREFIX + self.kind,
            "title": KINDS[self.kind].title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.faults:
            document["errors"] = [
                {"pointer": fault.pointer, "detail": fault.detail} for fault in self.faults
            ]
        return document


class ProblemError(OperatorAgentError):
    """Carries a problem from a route to the handler that answers it."""

    def __init__(self, problem: Problem) -> None:
        """Keep the problem."""
        super().__init__(problem.detail)
        self.problem = problem


def problem_of(error: OperatorAgentError) -> Problem:
    """Return the problem that stands for an error.

    Example:
        >>> problem_of(InputError("case 'x' is not known")).status
        422
    """
    if isinstance(error, ProblemError):
        return error.problem
    kind = next(kind for kind in KINDS.values() if isinstance(error, kind.error))
    return Problem(kind.name, str(error))


def error_of(document: Mapping[str, Any]) -> OperatorAgentError:
    """Return the error that a problem document stands for, ready to raise.

    Example:
        >>> error_of(problem_of(LimitsConflictError("limits a and b conflict")).payload())
        LimitsConflictError('limits a and b conflict')
    """
    kind = KINDS.get(str(document.get("type", "")).removeprefix(TYPE_PREFIX), KINDS["internal"])
    text = str(document.get("detail") or document.get("title") or "no detail given")
    places = [f"{fault['pointer']}: {fault['detail']}" for fault in document.get("errors", ())]
    return kind.error("; ".join([text, *places]))
