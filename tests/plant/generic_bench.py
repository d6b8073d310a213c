"""What the tests of users' plants share: a nonlinear heater and a sampled column."""

from operator_agent.plant.generic.ode import from_casadi
from operator_agent.plant.generic.sampled_plant import SampledPlant
from operator_agent.plant.generic.transfer_matrix import first_order_matrix, sampled_transfer_matrix
from operator_agent.plant.generic.variable import Variable
from operator_agent.plant.process_model import ProcessModel


def heater() -> ProcessModel:
    def equations(x, u, d):
        rate = (u["duty"] + d["leak"] - x["temp"] ** 2) / 50.0
        return {"temp": rate}, {"temp": x["temp"]}

    return from_casadi(
        "heater",
        equations,
        [Variable("temp", 0.9)],
        [Variable("duty", 1.0)],
        {"temp": 1.0},
        [Variable("leak")],
    )


def column() -> SampledPlant:
    elements = first_order_matrix(
        [[12.8, -18.9], [6.6, -19.4]],
        [[1002.0, 1260.0], [654.0, 864.0]],
        [[60.0, 180.0], [420.0, 180.0]],
    )
    return sampled_transfer_matrix(
        "column", elements, ["reflux", "steam"], ["top", "bottom"], sample_time_s=60.0
    )
