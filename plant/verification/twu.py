"""Critical constants of petroleum fractions by Twu: a second correlation beside ours.

Twu, An Internally Consistent Correlation for Predicting the Critical Properties and Molecular
Weights of Petroleum and Coal-Tar Liquids, Fluid Phase Equilibria 16 (1984) 137. It perturbs an
n-alkane of the same boiling point by the difference in specific gravity, and it was fitted up to
fractions of 990 K.
"""

import math

_PSI_PA = 6894.757
_RANKINE_PER_K = 1.8


def critical_point(boiling: float, gravity: float) -> tuple[float, float]:
    """Return critical temperature [K] and pressure [Pa].

    Args:
        boiling: normal boiling point [K].
        gravity: specific gravity at 60 F.
    """
    tb = _RANKINE_PER_K * boiling
    root = math.sqrt(tb)
    alkane = tb / (
        0.533272
        + 0.191017e-3 * tb
        + 0.779681e-7 * tb**2
        - 0.284376e-10 * tb**3
        + 0.959468e28 / tb**13
    )
    alpha = 1.0 - tb / alkane
    alkane_pressure = (
        3.83354 + 1.19629 * math.sqrt(alpha) + 34.8888 * alpha + 36.1952 * alpha**2
    ) + 104.193 * alpha**4
    alkane_gravity = 0.843593 - 0.128624 * alpha - 3.36159 * alpha**3 - 13749.5 * alpha**12
    step = math.exp(5.0 * (alkane_gravity - gravity)) - 1.0
    temp = alkane * _stretch(step * (-0.362456 / root + (0.0398285 - 0.948125 / root) * step))
    step = math.exp(4.0 * (alkane_gravity**2 - gravity**2)) - 1.0
    volume_ratio = _stretch(step * (0.466590 / root + (-0.182421 + 3.01721 / root) * step))
    step = math.exp(0.5 * (alkane_gravity - gravity)) - 1.0
    stretch = _stretch(
        step
        * (
            (2.53262 - 46.1955 / root - 0.00127885 * tb)
            + (-11.4277 + 252.140 / root + 0.00230535 * tb) * step
        )
    )
    pressure = alkane_pressure**2 * (temp / alkane) / volume_ratio * stretch
    return temp / _RANKINE_PER_K, pressure * _PSI_PA


def _stretch(function: float) -> float:
    """Return ((1 + 2 f) / (1 - 2 f))^2, by which all of Twu's properties leave the alkane's."""
    return ((1.0 + 2.0 * function) / (1.0 - 2.0 * function)) ** 2
