"""Where a training stands, and the file from which it goes on as if it had never been cut.

On a CPU, at the same number of threads, that holds bit for bit; a GPU's backward pass need not repeat itself. Of several
processes the first one's generators are kept, so with dropout their training goes on equally well and not equally.

The order of the images and the draws of the augmentation are functions of (seed, epoch) and need no keeping;
torch's own generators (dropout) are kept. Rates and early stopping are functions of the epochs so far, which
the rows of the history hold.
"""

import os
import pickle
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import torch

from scanbook.models.networks import Network

FILE = "last.ckpt"


@dataclass
class Standing:
    """The epochs and stages so far, and the best weights among them.

    rows        one dict an epoch: the lines of history.csv
    stage_ends  one dict a finished stage
    best        the row with the lowest validation loss, {} before the first epoch
    best_state  the network's state after it, on the CPU
    seconds     spent so far, cuts not counted
    """

    rows: list[dict] = field(default_factory=list)
    stage_ends: list[dict] = field(default_factory=list)
    best: dict = field(default_factory=dict)
    best_state: dict[str, torch.Tensor] = field(default_factory=dict)
    seconds: float = 0.0

    def of_stage(self, number: int) -> list[dict]:
        """The rows of one stage, counted from 1."""
        return [row for row in self.rows if row["stage"] == number]


def save(standing: Standing, network: Network, optimiser: torch.optim.Optimizer, file: Path) -> None:
    """Write all that the next epoch depends on; the file appears whole or not at all."""
    generators = [torch.get_rng_state(), *(torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [])]
    content = {
        "rows": standing.rows, "stage_ends": standing.stage_ends, "best": standing.best,
        "best_state": standing.best_state, "seconds": standing.seconds, "network": network.state_dict(),
        "optimiser": optimiser.state_dict(), "generators": generators,
    }  # fmt: skip
    unfinished = file.with_name(f"{file.name}.tmp")
    try:
        torch.save(content, unfinished)
    except RuntimeError as error:  # torch's own word for a disk that is full
        unfinished.unlink(missing_ok=True)
        raise OSError(f"{file.name} could not be written: {str(error).splitlines()[0]}") from error
    os.replace(unfinished, file)


def load(file: Path, network: Network) -> tuple[Standing, dict | None]:
    """Put the network and torch's generators back to where `file` left them.

    Returns the standing, and the state for the optimiser of the stage that was cut. Where there is no file, or a
    damaged one, which is told in a warning, the standing is empty and there is no state.
    """
    if not file.exists():
        return Standing(), None
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        warnings.warn(f"{file.name} is damaged ({type(error).__name__}): training starts again", stacklevel=2)
        return Standing(), None
    network.load_state_dict(content.pop("network"))
    first, *others = content.pop("generators")
    torch.set_rng_state(first)
    if others and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(others)
    optimiser = content.pop("optimiser")
    return Standing(**content), optimiser
