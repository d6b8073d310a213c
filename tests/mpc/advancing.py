"""Plants of closed loops as one function from inputs to the readings of the next cycle."""

from collections.abc import Callable

from operator_agent.arrays import FloatArray
from operator_agent.plant.generic.sampled_plant import SampledPlant

Advance = Callable[[FloatArray, FloatArray], FloatArray]


def by_samples(plant: SampledPlant, cycle_s: float) -> Advance:
    """Return a plant in steps."""

    def advance(u: FloatArray, d: FloatArray) -> FloatArray:
        for variable, value in zip(plant.inputs, u, strict=True):
            plant.write(variable.name, float(value))
        for variable, value in zip(plant.disturbances, d, strict=True):
            plant.disturb(variable.name, float(value))
        plant.advance(cycle_s)
        return plant.outputs_now()

    return advance
