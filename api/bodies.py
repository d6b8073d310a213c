"""HTTP bodies: strict types, no unknown keys, no NaN, no infinity."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from operator_agent.api.contract import (
    DEFAULT_DEADLINE_S,
    MAX_DEADLINE_S,
    OptimizationRequest,
    ProcessData,
)

MAX_ENTRIES = 200  # names in one mapping; a refinery case has a few dozen

Name = Annotated[str, Field(min_length=1, max_length=128)]
Numbers = Annotated[dict[Name, float], Field(max_length=MAX_ENTRIES)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class ProcessDataBody(_Strict):
    """What the caller declares about the plant and the market."""

    case: Name | None = Field(
        default=None,
        description="planning case by name, or a path relative to cases/refinery",
        examples=["three_crudes"],
    )
    slate: Numbers = Field(
        default={}, description="volume fraction of each crude; adds up to 1; empty: planned"
    )
    price_factors: Numbers = Field(
        default={}, description="multiplier on the case's price, by stream or crude"
    )


class OptimizationBody(_Strict):
    """A request for a plan."""

    process_data: ProcessDataBody = ProcessDataBody()
    constraints: Numbers = Field(
        default={},
        description="limits by {variable}_{min|max}_{unit}",
        examples=[{"temp_coil_outlet_max_degc": 358.0, "flow_vol_feed_max_m3_h": 700.0}],
    )
    objectives: list[Name] = Field(default=["profit"], min_length=1, max_length=8)
    rl_policy: Name | None = Field(default=None, description="name of a policy, or null")
    deadline_s: float = Field(default=DEFAULT_DEADLINE_S, gt=0.0, le=MAX_DEADLINE_S)

    def request(self) -> OptimizationRequest:
        """Return the body as a frozen request.

        Raises:
            InputError: a name, a fraction or a factor is wrong.
            LimitsConflictError: two constraints cannot hold together.
        """
        data = self.process_data
        return OptimizationRequest(
            process_data=ProcessData(data.case, data.slate, data.price_factors),
            constraints=self.constraints,
            objectives=tuple(self.objectives),
            rl_policy=self.rl_policy,
            deadline_s=self.deadline_s,
        )


class ReplyDocument(_Strict):
    """A plan; see `OptimizationReply`."""

    case: str
    solver_status: str = Field(description="why the solver stopped")
    point: Literal["optimal", "feasible"] = Field(description="what the point is worth")
    objective_values: dict[str, float] = Field(description="by name with unit")
    plan: dict[str, float] = Field(description="by name with unit")
    economic_targets: dict[str, JsonValue] | None = Field(description="for the controller [SI]")
    shadow_prices: dict[str, float] = Field(description="money per unit of the limit")
    active_limits: list[str]
    advice: dict[str, JsonValue] | None
    notes: list[str]
    solve_time_s: float


class ProblemDocument(_Strict):
    """Why there is no result (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str


class JobDocument(_Strict):
    """A job: exactly one of `result` and `problem` is there once it has ended."""

    id: str
    state: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    created_s: float = Field(description="[s since 1970 UTC]")
    started_s: float | None
    finished_s: float | None
    deadline_s: float
    result: ReplyDocument | None
    problem: ProblemDocument | None
