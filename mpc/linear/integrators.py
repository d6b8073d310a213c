"""One integrator for each output that integrates, however many elements feed it.

A matrix of transfer functions brings one integrating state per element; their sum is all that an
output shows, so the single ones can be neither estimated nor balanced.
"""

import numpy as np
from scipy.linalg import block_diag, schur, solve_sylvester

from operator_agent.errors import InputError
from operator_agent.plant.generic.linear_plant import LinearPlant

STILL = 1e-9  # [1/s]: a mode slower than thirty years integrates


def merged_integrators(plant: LinearPlant) -> LinearPlant:
    """Return the plant with the same responses and as many integrators as outputs that integrate.

    A plant that has no more than that comes back as it is.

    Raises:
        InputError: an output integrates twice.
    """
    n = len(plant.x_names)
    if n == 0:
        return plant
    form, basis, k = schur(plant.a, output="real", sort=lambda re, im=0.0: abs(re) <= STILL)
    shows = plant.c @ basis[:, :k]
    integrating = np.flatnonzero(np.any(np.abs(shows) > 0.0, axis=1))
    if k <= integrating.size:
        return plant
    if float(np.max(np.abs(form[:k, :k]))) > STILL:
        raise InputError(
            f"{plant.name}: an output integrates what already integrates; give such a plant as "
            "state space"
        )
    mixing = solve_sylvester(form[:k, :k], -form[k:, k:], -form[:k, k:])
    apart = basis @ np.block([[np.eye(k), mixing], [np.zeros((n - k, k)), np.eye(n - k)]])
    b, c = np.linalg.solve(apart, plant.b), plant.c @ apart
    picked = np.zeros((len(plant.outputs), integrating.size))
    picked[integrating, np.arange(integrating.size)] = 1.0
    names = [f"integral_{plant.outputs[i].name}" for i in integrating]
    names += [f"mode_{i}" for i in range(n - k)]
    return LinearPlant(
        name=plant.name,
        inputs=plant.inputs,
        disturbances=plant.disturbances,
        outputs=plant.outputs,
        x_names=tuple(names),
        a=block_diag(np.zeros((integrating.size, integrating.size)), form[k:, k:]),
        b=np.vstack([c[integrating, :k] @ b[:k], b[k:]]),
        c=np.hstack([picked, c[:, k:]]),
        feedthrough=plant.feedthrough,
        channels=plant.channels,
    )
