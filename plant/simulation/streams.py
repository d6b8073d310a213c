"""Chance as a function: a draw depends on the seed, the name of its source and an index only.

Nothing is drawn in a sequence, so no source moves another: two runs with other actions, with a
further sensor, or read at other times still see the same noise at the same index (common random
numbers). The generator is Philox-4x32 with ten rounds (Salmon, Moraes, Dror and Shaw, "Parallel
random numbers: as easy as 1, 2, 3", SC11, 2011), evaluated for many sources at once.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from operator_agent.arrays import FloatArray

WordArray = NDArray[np.uint64]  # each element holds a word of 32 bits

_ROUNDS = 10
_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_KEY_STEPS = (np.uint64(0x9E3779B9), np.uint64(0xBB67AE85))
_WORD = np.uint64(0xFFFFFFFF)
_WORD_BITS = np.uint64(32)
_INDEX_BITS = 64  # an index before the start counts from the far end


def philox(counter: Sequence[WordArray], key: Sequence[WordArray]) -> tuple[WordArray, ...]:
    """Return four random words for a counter of four words under a key of two.

    Args:
        counter: four arrays of words of 32 bits that broadcast against those of the key.
        key: two arrays of words of 32 bits.
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for step in range(_ROUNDS):
        if step:
            k0, k1 = (k0 + _KEY_STEPS[0]) & _WORD, (k1 + _KEY_STEPS[1]) & _WORD
        first, second = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0, c1, c2, c3 = (
            (second >> _WORD_BITS) ^ c1 ^ k0,
            second & _WORD,
            (first >> _WORD_BITS) ^ c3 ^ k1,
            first & _WORD,
        )
    return c0, c1, c2, c3


@dataclass(frozen=True, slots=True)
class Streams:
    """One stream of draws for each of several sources.

    Attributes:
        names: of the sources.
        keys: two arrays of words, shape (n,) each.
    """

    names: tuple[str, ...]
    keys: tuple[WordArray, WordArray]

    def uniforms(self, index: int | NDArray[np.int64], draw: int = 0) -> FloatArray:
        """Return draws between 0 and 1, both excluded, shape (n,).

        Args:
            index: of time; one for all, or one for each source, shape (n,).
            draw: which of several independent draws of that index.
        """
        zeros = np.zeros(len(self.names), dtype=np.uint64)
        if isinstance(index, int):
            wide = zeros + np.uint64(index % (1 << _INDEX_BITS))
        else:
            wide = index.astype(np.uint64)
        counter = (wide & _WORD, wide >> _WORD_BITS, zeros + np.uint64(draw), zeros)
        words = philox(counter, self.keys)
        # 52 bits and a half: exact in double precision and never 0 or 1.
        bits = (words[0] << np.uint64(20)) | (words[1] >> np.uint64(12))
        return (bits.astype(np.float64) + 0.5) * 2.0**-52

    def normals(self, index: int | NDArray[np.int64], draw: int = 0) -> FloatArray:
        """Return standard normal draws, shape (n,); arguments as for `uniforms`."""
        values: FloatArray = ndtri(self.uniforms(index, draw))
        return values


def streams(seed: int, names: Sequence[str]) -> Streams:
    """Return the streams of named sources under a seed; a name has the same stream everywhere.

    Example:
        >>> one, two = streams(1, ["a"]), streams(1, ["b", "a"])
        >>> bool(one.normals(7)[0] == two.normals(7)[1])
        True
    """
    words = [_key(seed, name) for name in names]
    first = np.array([word & 0xFFFFFFFF for word in words], dtype=np.uint64)
    second = np.array([word >> 32 for word in words], dtype=np.uint64)
    return Streams(tuple(names), (first, second))


def generator(seed: int, source: str) -> np.random.Generator:
    """Return a generator of its own for a source that draws in sequence, such as a scenario."""
    return np.random.Generator(np.random.Philox(key=_key(seed, source)))


def _key(seed: int, name: str) -> int:
    digest = hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")
