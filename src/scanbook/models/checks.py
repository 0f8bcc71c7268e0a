"""What a training refuses before the first image, because it would fail, or pass for something else, hours later."""

from collections.abc import Mapping, Sequence

from scanbook.models.epochs import LOSSES
from scanbook.models.networks import Network, set_trainable
from scanbook.models.parallel import World
from scanbook.models.schedules import OPTIMISERS, check_schedule


def check(
    network: Network,
    classes: Sequence[str],
    stages: Sequence[Mapping],
    optimiser: str,
    schedule: Mapping,
    loss: str,
    class_weights: Sequence[float] | None,
    positive: str | None,
) -> None:
    """Raise ValueError where the arguments of `training.fit` contradict each other or ask for what is not known."""
    n_classes = network.settings["n_classes"]
    if len(classes) != n_classes:
        raise ValueError(f"{network.name} has {n_classes} outputs for {len(classes)} classes: {', '.join(classes)}")
    if positive is not None and positive not in classes:
        raise ValueError(f"positive class {positive!r} is none of {', '.join(classes)}")
    if loss not in LOSSES:
        raise ValueError(f"loss {loss!r} is not known; allowed are {' and '.join(LOSSES)}")
    if class_weights is not None and len(class_weights) != n_classes:
        raise ValueError(f"{len(class_weights)} class weights for {n_classes} classes")
    if not stages:
        raise ValueError("no stages; at least one {train, epochs, rate} is needed")
    for number, stage in enumerate(stages, 1):
        missing = {"train", "epochs", "rate"} - stage.keys()
        if missing or stage["epochs"] < 1 or stage["rate"] <= 0:
            raise ValueError(f"stage {number} is {dict(stage)}; it needs train, epochs from 1 and a rate above 0")
        check_schedule(stage.get("schedule", schedule))
        if stage.get("optimiser", optimiser) not in OPTIMISERS:
            raise ValueError(f"stage {number}: optimiser is none of {', '.join(OPTIMISERS)}")
        set_trainable(network, stage["train"])  # refuses a module that is not there


def check_parts(micro_batches: int, world: World) -> None:
    """Raise ValueError where the parts of a batch cannot be dealt evenly to the processes."""
    if micro_batches < 1 or max(micro_batches, world.size) % world.size:
        raise ValueError(
            f"training.micro_batches: {micro_batches} parts of a batch for {world.size} processes; allowed is 1, or a "
            f"multiple of the processes"
        )
