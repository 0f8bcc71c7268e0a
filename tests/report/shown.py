"""Numbers as a page shows them: told from names, and compared with a file's at the places that are shown."""

import re
from dataclasses import dataclass

import numpy as np

# A digit run that no letter touches: ResNet-18, person12 and 3e-4px are names, +0.012, 1,234 and 45 % are numbers.
NUMBER = re.compile(
    r"(?<![\w.,/^#‹…-])(?P<sign>[-+−]?)(?P<whole>\d{1,3}(?:,\d{3})+(?![\d])|\d+)(?P<rest>\.\d+)?(?P<power>e[-+]?\d+)?"
    r"(?P<percent>[\s\u00a0]?%)?(?![\w^…]|-\w)"
)


@dataclass(frozen=True)
class Number:
    """One number as shown: its value, the places it was rounded to, and whether it was a percentage."""

    text: str
    value: float
    places: int
    percent: bool = False

    def is_(self, found: float) -> bool:
        """Whether a number of a file could be shown like this."""
        return self.stands_in(np.array([found], float))

    def stands_in(self, pool: np.ndarray) -> bool:
        """Whether one of several numbers could be shown like this."""
        return bool(self.among(pool).any())

    def among(self, pool: np.ndarray) -> np.ndarray:
        """bool (N,): which of several numbers could be shown like this; nan is none of them."""
        found = _near(pool, self.value, self.places)
        return found | _near(pool, self.value / 100, self.places + 2) if self.percent else found


def _near(pool: np.ndarray, shown: float, places: int) -> np.ndarray:
    far = np.abs(np.abs(pool) - abs(shown))
    if places == 0:  # a whole number is itself and never its neighbour
        return far <= np.where(pool == np.floor(pool), 0, 0.5000001)
    return far <= 0.5000001 * 10.0**-places


def numbers(text: str) -> list[Number]:
    """Every number in a text, in order; names with digits in them are none."""
    found = []
    for match in NUMBER.finditer(text):
        digits = match["whole"].replace(",", "") + (match["rest"] or "")
        places = len((match["rest"] or ".")[1:])
        value = float(digits + (match["power"] or ""))
        if match["power"]:
            places -= int(match["power"][1:])
        sign = -1 if match["sign"] in ("-", "−") and match["sign"] else 1
        found.append(Number(match.group().strip(), sign * value, max(places, 0), bool(match["percent"])))
    return found
