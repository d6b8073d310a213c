"""The tree of errors, and the exit code that the command line gives each.

    OperatorAgentError                          1
    ├── InputError (ValueError)                 2   a file, case, site or argument is wrong
    ├── LimitsConflictError (ValueError)        3   no point satisfies all limits
    ├── SignatureError (PermissionError)        4   forged, altered or unsigned
    ├── LinkError (ConnectionError)             5   a device or server is out of reach or untrusted
    ├── WriteRefusedError (PermissionError)     6   the write gate or the device said no
    ├── PlantError (ArithmeticError)            7   the plant model left its physical range
    └── SolveFailedError (RuntimeError)         8   the values of a failed solution were read

Each class is also the built-in that it resembles, so callers may catch either. A message names
the thing, its value with unit, the limit, and the next step.
"""


class OperatorAgentError(Exception):
    """Base of all errors that this package raises on purpose."""

    exit_code = 1


class InputError(OperatorAgentError, ValueError):
    """A file, a case, a site configuration or an argument is wrong."""

    exit_code = 2


class LimitsConflictError(OperatorAgentError, ValueError):
    """No point satisfies all limits; the message names those that conflict."""

    exit_code = 3


class SignatureError(OperatorAgentError, PermissionError):
    """Something that must be signed is unsigned, altered, or signed by another key."""

    exit_code = 4


class LinkError(OperatorAgentError, ConnectionError):
    """A device or a server is out of reach, too slow, or not trusted."""

    exit_code = 5


class WriteRefusedError(OperatorAgentError, PermissionError):
    """The write gate or the device refused a write."""

    exit_code = 6


class PlantError(OperatorAgentError, ArithmeticError):
    """The plant model left its physical range or its integration failed."""

    exit_code = 7


class SolveFailedError(OperatorAgentError, RuntimeError):
    """The values of a solution that was not accepted were read."""

    exit_code = 8
