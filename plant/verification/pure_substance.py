"""Pure hydrocarbons out of the property library, as the plant's correlations see them."""

from dataclasses import dataclass
from types import ModuleType

import numpy as np

from operator_agent.arrays import FloatArray
from operator_agent.errors import InputError
from operator_agent.plant.crude.assay import DENSITY_WATER_15C

SUBSTANCES = (
    "n-pentane",
    "n-hexane",
    "n-heptane",
    "n-octane",
    "n-decane",
    "n-dodecane",
    "n-tetradecane",
    "n-hexadecane",
    "isooctane",
    "cyclohexane",
    "methylcyclohexane",
    "benzene",
    "toluene",
    "p-xylene",
    "n-butylbenzene",
    "tetralin",
)
_TEMP_60F = 288.7056  # [K]


def property_library() -> ModuleType:
    """Return the property library.

    Raises:
        InputError: it is not installed.
    """
    try:
        import chemicals
    except ModuleNotFoundError:
        raise InputError(
            "the tables of references need the package 'chemicals'; install operator-agent[dev]"
        ) from None
    found: ModuleType = chemicals
    return found


@dataclass(frozen=True, slots=True)
class PureSubstance:
    """A hydrocarbon as the correlations see it, and its number in the library.

    Attributes:
        name: of the substance.
        cas: registry number.
        temp_boiling: [K].
        gravity: at 60 F.
    """

    name: str
    cas: str
    temp_boiling: float
    gravity: float

    @property
    def watson(self) -> float:
        """Watson factor."""
        return float(np.cbrt(1.8 * self.temp_boiling)) / self.gravity

    @property
    def arrays(self) -> tuple[FloatArray, FloatArray]:
        """Boiling point and gravity as the correlations take them."""
        return np.array([self.temp_boiling]), np.array([self.gravity])


def pure_substance(name: str) -> PureSubstance:
    """Return a hydrocarbon with boiling point and density from the library.

    Raises:
        InputError: the library is missing.
    """
    library = property_library()
    cas = str(library.CAS_from_any(name))
    gravity = _density(library, cas) / DENSITY_WATER_15C
    return PureSubstance(name, cas, float(library.Tb(cas)), gravity)


def _density(library: ModuleType, cas: str) -> float:
    """Return the liquid density at 60 F [kg/m3]: VDI Heat Atlas, without it Perry's."""
    table = library.volume.rho_data_VDI_PPDS_2
    if cas in table.index:
        row = table.loc[cas]
        names = ("Tc", "rhoc", "A", "B", "C", "D", "MW")
        volume = library.volume.volume_VDI_PPDS(_TEMP_60F, *(row[name] for name in names))
        return 1e-3 * float(row["MW"]) / float(volume)
    row = library.volume.rho_data_Perry_8E_105_l.loc[cas]
    molar = library.dippr.EQ105(_TEMP_60F, row["C1"], row["C2"], row["C3"], row["C4"])
    return float(molar) * float(library.MW(cas)) * 1e-3
