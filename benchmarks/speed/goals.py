"""What the benchmark wants, and whether it was reached: pure functions over what was measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

QUICK = {"resnet50": 2.5, "vgg16": 2.0}  # network -> times as fast as each peer's quick start
PEERS = ("fastai", "keras")
STANDS_IN = {"densenet161": "densenet201"}  # keras.applications has no DenseNet-161; ours then runs the other as well


@dataclass(frozen=True)
class Rate:
    """Images/s: the median, the lowest and the highest of what was measured, and how often."""

    median: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.median:.1f} ({self.low:.1f}–{self.high:.1f})"


@dataclass(frozen=True)
class Goal:
    """One goal: what it is, what was found and wanted (a ratio), whether it is met; None where nothing was measured."""

    text: str
    found: float | None
    wanted: float

    @property
    def met(self) -> bool | None:
        return None if self.found is None else self.found >= self.wanted

    def __str__(self) -> str:
        if self.found is None:
            return f"not measured  {self.text}: wanted {self.wanted:g}"
        return f"{'met   ' if self.met else 'MISSED'}  {self.text}: {self.found:.4g}, wanted {self.wanted:g}"


def rate(images: int, seconds: Sequence[float]) -> Rate:
    """Images/s of several measurements of `images` images each. Raises ValueError when there is none."""
    if not seconds:
        raise ValueError("no measurement, so there is no rate; at least one timed step is needed")
    return Rate(images / median(seconds), images / max(seconds), images / min(seconds), len(seconds))


def paired(above: Sequence[float], below: Sequence[float]) -> float:
    """Median over rounds of how fast `below` is against `above`, both in seconds of the same round.

    A slow moment of the machine falls on both of a round, and leaves their ratio alone. Raises ValueError when the
    rounds are not as many.
    """
    return median(b / a for a, b in zip(above, below, strict=True))


def goals(cells: dict[str, dict[str, dict[str, list[float]]]], rates: dict[str, dict[str, Rate]]) -> list[Goal]:
    """Every goal on training speed.

    cells  network -> form of ours (epoch, bare, augmented) -> seconds, a list over rounds
    rates  network -> "epoch", "fastai quick", "fastai tuned", "keras quick", "keras tuned" … -> Rate; what was not
           measured is missing
    """
    found = []
    for network, forms in cells.items():
        if network in STANDS_IN.values():
            continue
        for form, words, wanted in (
            ("augmented", "step with augmentation", 0.97),
            ("bare", "bare step", 0.90),
        ):
            share = paired(forms["epoch"], forms[form]) if form in forms else None
            found.append(Goal(f"{network}: an epoch of ours / {words}", share, wanted))
    for network in (n for n in rates if n not in STANDS_IN.values()):
        for peer in PEERS:
            like = STANDS_IN.get(network, network) if peer == "keras" else network
            name = network if like == network else f"{network} (both as {like})"
            if network in QUICK:
                found.append(Goal(f"{name}: ours / {peer} quick", _times(rates, like, f"{peer} quick"), QUICK[network]))
            found.append(Goal(f"{name}: ours / {peer} tuned", _times(rates, like, f"{peer} tuned"), 1.0))
    return found


def preparing_goals(seconds: dict[str, list[float]], cores: int) -> list[Goal]:
    """The two goals on building the cache; the first one only where there are two cores."""
    cache = seconds["cache, all cores"]
    plain = paired(cache, seconds["Pillow, full size, one after another"])
    on_two = (
        [Goal("cache: both cores / one core", paired(cache, seconds["cache, one core"]), 1.8)] if cores == 2 else []
    )
    return [*on_two, Goal("cache: all cores / full-size Pillow, one after another", plain, 2.0)]


def starting_goals(seconds: dict[str, list[float]]) -> list[Goal]:
    """The goal on drawing: a grid of 36 tiles within half a second."""
    return [Goal("half a second / a grid of 36 tiles", 0.5 / median(seconds["draw a grid of 36 tiles"]), 1.0)]


def _times(rates: dict[str, dict[str, Rate]], network: str, peer: str) -> float | None:
    row = rates.get(network, {})
    return row["epoch"].median / row[peer].median if "epoch" in row and peer in row else None
