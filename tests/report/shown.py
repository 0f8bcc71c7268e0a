"""Numbers as a page shows them: told from names, and compared with a file's at the places that are shown."""

import re
from dataclasses import dataclass

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
        return self._near(found, self.value, self.places) or (
            self.percent and self._near(found, self.value / 100, self.places + 2)
        )

    @staticmethod
    def _near(found: float, shown: float, places: int) -> bool:
        if places == 0 and float(found).is_integer():
            return abs(found) == abs(shown)
        return abs(abs(found) - abs(shown)) <= 0.5000001 * 10.0**-places


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
