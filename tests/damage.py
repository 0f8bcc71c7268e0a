"""What happens to files: cut, flipped, overwritten, stuffed, mixed up. All from a seed, always the same.

Tests take a sample, benchmarks/damaged.py the whole.
"""

from collections.abc import Callable, Iterator

import numpy as np
from wholes import wholes

Damage = Callable[[bytes, np.random.Generator, bytes], bytes]


def _flip(data: bytes, random: np.random.Generator, _other: bytes, bits: int = 1) -> bytes:
    changed = bytearray(data)
    for at in random.integers(0, len(data), bits):
        changed[at] ^= 1 << random.integers(0, 8)
    return bytes(changed)


def _cut(data: bytes, random: np.random.Generator, _other: bytes) -> bytes:
    return data[: random.integers(0, len(data))]


def _at(data: bytes, random: np.random.Generator) -> int:
    return int(random.integers(0, len(data)))


def _zeros(data: bytes, random: np.random.Generator, _other: bytes) -> bytes:
    at, length = _at(data, random), int(random.integers(1, 513))
    return data[:at] + bytes(len(data[at : at + length])) + data[at + length :]


def _never_written(data: bytes, random: np.random.Generator, other: bytes) -> bytes:
    """The length is right and the rest is zeros, as when a copy is cut on a disk that had the room set aside."""
    kept = _cut(data, random, other)
    return kept + bytes(len(data) - len(kept))


def _closed(data: bytes, random: np.random.Generator, other: bytes) -> bytes:
    """Cut, and the last bytes put back: a file that ends as it should."""
    return _cut(data, random, other) + data[-int(random.integers(1, 13)) :]


def _stuffed(data: bytes, random: np.random.Generator, _other: bytes) -> bytes:
    at = _at(data, random)
    return data[:at] + random.bytes(int(random.integers(1, 257))) + data[at:]


def _robbed(data: bytes, random: np.random.Generator, _other: bytes) -> bytes:
    at = _at(data, random)
    return data[:at] + data[at + int(random.integers(1, 257)) :]


def _stuttered(data: bytes, random: np.random.Generator, _other: bytes) -> bytes:
    at, length = _at(data, random), int(random.integers(1, 257))
    return data[: at + length] + data[at:]


def _other_head(data: bytes, random: np.random.Generator, other: bytes) -> bytes:
    at = int(random.integers(1, min(len(data), len(other), 512)))
    return other[:at] + data[at:]


def _other_tail(data: bytes, random: np.random.Generator, other: bytes) -> bytes:
    at = int(random.integers(1, min(len(data), len(other))))
    return data[:at] + other[at:]


def _large_numbers(data: bytes, random: np.random.Generator, _other: bytes) -> bytes:
    """Two or four bytes of the header become the largest, or the smallest, number: sizes, counts, offsets."""
    at, length = int(random.integers(2, min(len(data), 600))), int(random.choice([2, 4]))
    return data[:at] + random.choice([b"\xff", b"\x00", b"\x7f", b"\x80"]) * length + data[at + length :]


DAMAGES: dict[str, Damage] = {
    "one bit flipped": _flip,
    "twenty bits flipped": lambda data, random, other: _flip(data, random, other, 20),
    "cut": _cut,
    "cut, rest zeros": _never_written,
    "cut, end put back": _closed,
    "a stretch zeroed": _zeros,
    "junk put in": _stuffed,
    "a stretch lost": _robbed,
    "a stretch twice": _stuttered,
    "another's head": _other_head,
    "another's tail": _other_tail,
    "numbers at their limit": _large_numbers,
}


def variants(times: int, seed: int = 0) -> Iterator[tuple[str, str, bytes, bytes]]:
    """(file, damage, damaged content, undamaged content): each damage `times` times to each file, always the same."""
    files = wholes()
    names = list(files)
    for name, data in files.items():
        for number, (damage, apply) in enumerate(DAMAGES.items()):
            for turn in range(times):
                random = np.random.default_rng([seed, names.index(name), number, turn])
                other = files[names[random.integers(0, len(names))]]
                yield name, damage, apply(data, random, other), data
