"""How problems become HTTP answers, for every error that a request can meet."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response

from operator_agent.api.problems import KINDS, MEDIA_TYPE, Fault, Problem, problem_of
from operator_agent.errors import OperatorAgentError

_EXTRA_HEADERS = {401: {"WWW-Authenticate": "ApiKey"}, 429: {"Retry-After": "5"}}


def problem_response(problem: Problem) -> Response:
    """Return a problem as an HTTP answer."""
    headers = _EXTRA_HEADERS.get(problem.status)
    return JSONResponse(problem.payload(), problem.status, headers, MEDIA_TYPE)


def _pointer(location: tuple[int | str, ...]) -> str:
    place = "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in location[1:])
    return f"#{place}" if location[:1] == ("body",) else f"{location[0]} {place[1:]}".strip()


async def _on_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = tuple(Fault(_pointer(tuple(e["loc"])), str(e["msg"])) for e in error.errors())
    return problem_response(
        Problem("input", "the request does not fit its schema; see errors", faults)
    )


async def _on_bad_request(request: Request, error: Exception) -> Response:
    return _http_problem("bad-request", request, error)


async def _on_not_found(request: Request, error: Exception) -> Response:
    return _http_problem("not-found", request, error)


async def _on_wrong_method(request: Request, error: Exception) -> Response:
    return _http_problem("method-not-allowed", request, error)


async def _on_too_large(request: Request, error: Exception) -> Response:
    return _http_problem("too-large", request, error)


def _http_problem(kind: str, request: Request, error: Exception) -> Response:
    response = problem_response(Problem(kind, f"{request.method} {request.url.path}: {error}"))
    response.headers.update(getattr(error, "headers", None) or {})
    return response


async def _on_own_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, OperatorAgentError)
    return problem_response(problem_of(error))


async def _on_any_error(request: Request, error: Exception) -> Response:
    return problem_response(
        Problem("internal", "the service met an error of its own; its log holds the cause")
    )


def add_problem_handlers(app: FastAPI) -> None:
    """Make every error of the application a problem document."""
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    for status in range(400, 500):  # by status: the class of the router's errors is not FastAPI's
        app.add_exception_handler(status, _on_bad_request)
    app.add_exception_handler(404, _on_not_found)
    app.add_exception_handler(405, _on_wrong_method)
    app.add_exception_handler(413, _on_too_large)
    app.add_exception_handler(OperatorAgentError, _on_own_error)
    app.add_exception_handler(Exception, _on_any_error)


def documented_problems(*names: str) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI entries of these kinds of problem.

    Args:
        names: of `KINDS`.
    """
    schema = {
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "errors": {"type": "array", "items": {"type": "object"}},
        },
    }
    kinds = [KINDS[name] for name in (*names, "unauthorized", "forbidden", "internal")]
    return {
        kind.status: {"description": kind.title, "content": {MEDIA_TYPE: {"schema": schema}}}
        for kind in kinds
    }
