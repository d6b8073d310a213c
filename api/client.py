"""The orchestrator's side: `await orchestrator.invoke_module(...)` over HTTP."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import httpx2

from operator_agent.api.contract import DEFAULT_DEADLINE_S, OptimizationRequest
from operator_agent.api.problems import MEDIA_TYPE, error_of
from operator_agent.errors import InputError, LinkError

KEY_HEADER = "X-API-Key"
CONNECT_TIMEOUT_S = 5.0  # on the loopback or a plant network; more means that nobody is there
ANSWER_MARGIN_S = 10.0  # beyond the wait that was asked for
PROGRESS_PERIOD_S = 1.0  # between two reports to `on_progress`
QUIET_PERIOD_S = 30.0  # length of one wait when nobody wants reports
FINAL_STATES = frozenset({"succeeded", "failed", "cancelled"})

Document = dict[str, Any]
Progress = Callable[[Document], None]


class Orchestrator:
    """A client of the service. Use it as `async with`.

    Example:
        async with Orchestrator("http://127.0.0.1:48406", api_key) as orchestrator:
            plan = await orchestrator.invoke_module(
                module="optimization",
                operation="process_optimization",
                constraints={"temp_coil_outlet_max_degc": 358.0},
                objectives=["profit"],
            )
    """

    def __init__(
        self, base_url: str, api_key: str, *, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        """Make a client.

        Args:
            base_url: of the service (`http://host:port`).
            api_key: with the scopes that the operations need.
            transport: another way to the service, for example `httpx2.ASGITransport(app)`.

        Raises:
            InputError: the key cannot stand in a header.
        """
        self._base_url = base_url
        _check_header("the API key", api_key)
        self._http = httpx2.AsyncClient(
            base_url=base_url,
            headers={KEY_HEADER: api_key},
            transport=transport,
            trust_env=False,  # a proxy of the environment is not for the plant network
        )

    async def __aenter__(self) -> Self:
        """Open the client."""
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connections."""
        await self._http.__aexit__(kind, error, trace)

    async def invoke_module(
        self,
        *,
        module: str,
        operation: str,
        process_data: Mapping[str, Any] | None = None,
        constraints: Mapping[str, float] | None = None,
        objectives: Sequence[str] = ("profit",),
        rl_policy: str | None = None,
        deadline_s: float = DEFAULT_DEADLINE_S,
        on_progress: Progress | None = None,
        idempotency_key: str | None = None,
    ) -> Document:
        """Return the result of one operation.

        Args:
            module: `optimization` or `control`.
            operation: `process_optimization`, or `status` of `control`, which takes no more
                arguments.
            process_data: `case`, `slate` and `price_factors`; see `ProcessData`.
            constraints: limits by `{variable}_{min|max}_{unit}`.
            objectives: the most important first.
            rl_policy: name of the policy whose advice goes with the plan.
            deadline_s: from acceptance to result [s].
            on_progress: is called with the job about once a second.
            idempotency_key: a repeated call with the same key and arguments joins the first job,
                which then outlives a cancelled call.

        Returns:
            `OptimizationReply.payload()`, or `ControlStatus.payload()` with `age_s`.

        Raises:
            InputError: the operation is not known or the request is wrong.
            LimitsConflictError: no plan satisfies all limits.
            SolveFailedError: the job was killed, cancelled, or its process ended.
            SignatureError: the API key is not known or lacks the scope.
            LinkError: the service is out of reach, or busy, or has no status.
        """
        match (module, operation):
            case ("optimization", "process_optimization"):
                request = OptimizationRequest.from_payload(
                    {
                        "process_data": process_data or {},
                        "constraints": constraints or {},
                        "objectives": objectives,
                        "rl_policy": rl_policy,
                        "deadline_s": deadline_s,
                    }
                )
                return await self._optimize(request, on_progress, idempotency_key)
            case ("control", "status"):
                return await self._send("GET", "/control/status")
            case _:
                raise InputError(
                    f"module '{module}' with operation '{operation}' is not known; the known are "
                    "optimization/process_optimization and control/status"
                )

    async def _optimize(
        self,
        request: OptimizationRequest,
        on_progress: Progress | None,
        idempotency_key: str | None,
    ) -> Document:
        headers = {}
        if idempotency_key is not None:
            _check_header("the idempotency key", idempotency_key)
            headers["Idempotency-Key"] = idempotency_key
        job = await self._send("POST", "/optimize/process", json=request.payload(), headers=headers)
        period_s = QUIET_PERIOD_S if on_progress is None else PROGRESS_PERIOD_S
        try:
            while job["state"] not in FINAL_STATES:
                if on_progress is not None:
                    on_progress(job)
                job = await self._send("GET", f"/jobs/{job['id']}", wait_s=period_s)
        finally:
            if job["state"] not in FINAL_STATES and idempotency_key is None:
                await self._abandon(job["id"])  # nobody waits for it any more
        if on_progress is not None:
            on_progress(job)
        if job["problem"] is not None:
            raise error_of(job["problem"])
        result: Document = job["result"]
        return result

    async def _abandon(self, job_id: str) -> None:
        with contextlib.suppress(LinkError, InputError):
            await self._send("DELETE", f"/jobs/{job_id}")

    async def _send(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        wait_s: float = 0.0,
    ) -> Document:
        timeout = httpx2.Timeout(wait_s + ANSWER_MARGIN_S, connect=CONNECT_TIMEOUT_S)
        params = {"wait_s": wait_s} if wait_s else {}
        try:
            response = await self._http.request(
                method, path, json=json, headers=headers, params=params, timeout=timeout
            )
        except httpx2.TransportError as error:
            raise LinkError(
                f"the service at {self._base_url} is out of reach "
                f"({type(error).__name__}: {error}); check the address, and that it runs: "
                f"curl {self._base_url}/healthz"
            ) from error
        return self._document(response)

    def _document(self, response: httpx2.Response) -> Document:
        media_type = response.headers.get("content-type", "").partition(";")[0]
        if media_type == MEDIA_TYPE:
            raise error_of(response.json())
        if not response.is_success or media_type != "application/json":
            raise LinkError(
                f"{self._base_url} answered {response.status_code} ({media_type or 'no content'}) "
                "and is not the orchestrator's service; check the address"
            )
        document: Document = response.json()
        return document


def _check_header(what: str, text: str) -> None:
    if not text or not text.isascii() or not text.isprintable():
        raise InputError(f"{what} must be printable ASCII text, and not empty")
