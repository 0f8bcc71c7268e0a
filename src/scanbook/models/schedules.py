"""The learning rate of an epoch, and the optimisers, by name.

The rate is a pure function of what has happened in the stage so far; nothing
is stored between epochs, so nothing can drive the wrong optimiser.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

import torch

SCHEDULES = {
    "constant": (),
    "step": ("factor", "every"),
    "exponential": ("factor",),
    "plateau": ("factor", "patience"),
    "cosine": (),
}
OPTIMISERS = ("adam", "adamw", "sgd", "rmsprop")


def rate_at(schedule: Mapping, start: float, epoch: int, epochs: int, val_losses: Sequence[float] = ()) -> float:
    """The learning rate of one epoch of a stage.

    schedule    {"name": constant | step | exponential | plateau | cosine, …}
                step: times `factor` every `every` epochs. exponential: times `factor` each epoch.
                plateau: times `factor` whenever the validation loss has not fallen for `patience` epochs
                in a row. cosine: down a half wave that would reach 0 after the last epoch
    start       rate of the first epoch
    epoch       0 for the stage's first
    epochs      planned in this stage
    val_losses  of the stage's epochs so far (only plateau looks at them)

    Raises ValueError for an unknown or incomplete schedule.
    """
    check_schedule(schedule)
    name = schedule["name"]
    if name == "step":
        return start * schedule["factor"] ** (epoch // schedule["every"])
    if name == "exponential":
        return start * schedule["factor"] ** epoch
    if name == "cosine":
        return start * 0.5 * (1 + math.cos(math.pi * epoch / epochs))
    if name == "plateau":
        return start * schedule["factor"] ** _plateaus(val_losses, schedule["patience"])
    return start


def check_schedule(schedule: Mapping) -> None:
    """Raise ValueError unless the schedule has a known name and all that it needs, in range."""
    name = schedule.get("name")
    if name not in SCHEDULES:
        raise ValueError(f"schedule {name!r} is not known; allowed are {', '.join(SCHEDULES)}")
    missing = [key for key in SCHEDULES[name] if schedule.get(key) is None]
    if missing:
        raise ValueError(f"schedule {name!r} needs {' and '.join(missing)}; it has {dict(schedule)}")
    for key, low in (("factor", 0), ("every", 1), ("patience", 1)):
        if key in SCHEDULES[name] and (schedule[key] < low or (key == "factor" and not 0 < schedule[key] <= 1)):
            raise ValueError(
                f"schedule {name!r}: {key} is {schedule[key]}; a factor lies above 0 and at most "
                f"at 1, every and patience count epochs from 1"
            )


def make_optimiser(
    name: str, parameters: Iterable[torch.nn.Parameter], rate: float, momentum: float, weight_decay: float
) -> torch.optim.Optimizer:
    """A fresh optimiser over the parameters that learn.

    name          adam, adamw, sgd or rmsprop
    momentum      of sgd and rmsprop; the others have their own
    weight_decay  L2 penalty added to the gradient; decoupled from it in adamw (Loshchilov and Hutter 2019)

    Raises ValueError for an unknown name, or when no parameter learns.
    """
    learning = [p for p in parameters if p.requires_grad]
    if not learning:
        raise ValueError("no parameter learns at this stage; train head, all or from:<module>")
    fused = learning[0].device.type in ("cpu", "cuda")  # one pass over memory: a tenth of ResNet-18's step
    if name == "adam":
        return torch.optim.Adam(learning, rate, weight_decay=weight_decay, fused=fused)
    if name == "adamw":
        return torch.optim.AdamW(learning, rate, weight_decay=weight_decay, fused=fused)
    if name == "sgd":
        return torch.optim.SGD(learning, rate, momentum=momentum, weight_decay=weight_decay, fused=fused)
    if name == "rmsprop":
        return torch.optim.RMSprop(learning, rate, momentum=momentum, weight_decay=weight_decay)
    raise ValueError(f"optimiser {name!r} is not known; allowed are {', '.join(OPTIMISERS)}")


def epochs_without_fall(val_losses: Sequence[float]) -> int:
    """How many epochs ago the validation loss was last at its lowest; 0 when it was just now."""
    return len(val_losses) - 1 - min(range(len(val_losses)), key=val_losses.__getitem__) if val_losses else 0


def _plateaus(val_losses: Sequence[float], patience: int) -> int:
    lowest, waited, plateaus = math.inf, 0, 0
    for loss in val_losses:
        if loss < lowest:
            lowest, waited = loss, 0
        else:
            waited += 1
        if waited == patience:
            plateaus, waited = plateaus + 1, 0
    return plateaus
