"""The keys of the tests: of moves, and of the persons who may reset a gate."""

KEY = b"k" * 32
OPERATOR_KEY = b"o" * 32
