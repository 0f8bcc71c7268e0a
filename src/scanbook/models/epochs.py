"""One pass over the training part, one over the validation part, and what is counted on the way.

Counts stay on the device until the pass is over, because fetching each one
would make a GPU wait.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from scanbook.models.device import Chosen, end_step, without_gradients
from scanbook.models.failures import NotANumber
from scanbook.models.networks import Network
from scanbook.models.parallel import ALONE, RunningStatistics, World

LOSSES = ("cross_entropy", "bce")
_LOOK_EVERY = 50  # steps between looks at the loss where looking makes the device wait


class Tally:
    """Losses and a confusion matrix, filled batch by batch."""

    def __init__(self, n_classes: int, device: str) -> None:
        self.n_classes = n_classes
        self.confusion = torch.zeros(n_classes * n_classes, dtype=torch.int64, device=device)
        self.loss_sum = torch.zeros((), dtype=torch.float64 if device == "cpu" else torch.float32, device=device)

    def add(self, losses: Tensor, logits: Tensor, labels: Tensor) -> None:
        """Add a batch: losses (B,), logits (B, K), labels int64 (B,)."""
        self.loss_sum += losses.detach().sum()
        cells = labels * self.n_classes + logits.detach().argmax(1)
        self.confusion += torch.bincount(cells, minlength=self.n_classes**2)

    def summary(self, positive: int | None) -> dict[str, float]:
        """Mean loss, accuracy, precision and recall of what was added.

        positive  column of the positive class of a binary task; None for the unweighted mean over classes.
                  A rate without cases (nothing predicted as the class) is 0.
        """
        table = self.confusion.view(self.n_classes, self.n_classes).double().cpu()  # truth x predicted
        hits, n_images = table.diagonal(), table.sum()
        precision = hits / table.sum(0).clamp(min=1)
        recall = hits / table.sum(1).clamp(min=1)
        chosen = slice(None) if positive is None else slice(positive, positive + 1)
        return {
            "loss": float(self.loss_sum) / float(n_images),
            "accuracy": float(hits.sum() / n_images),
            "precision": float(precision[chosen].mean()),
            "recall": float(recall[chosen].mean()),
        }


def image_losses(logits: Tensor, labels: Tensor, loss: str) -> Tensor:
    """The loss of each image (B,).

    logits  (B, K); labels int64 (B,)
    loss    "cross_entropy", or "bce": each of the K units answers its class alone (one-hot targets,
            sigmoid), averaged over units
    """
    if loss == "cross_entropy":
        return F.cross_entropy(logits.float(), labels, reduction="none")
    targets = F.one_hot(labels, logits.shape[1]).float()
    return F.binary_cross_entropy_with_logits(logits.float(), targets, reduction="none").mean(1)


def train_epoch(
    network: Network,
    batches: Any,
    optimiser: torch.optim.Optimizer,
    *,
    epoch: int,
    loss: str,
    class_weights: Tensor | None,
    chosen: Chosen,
    micro_batches: int = 1,
    world: World = ALONE,
) -> Tally:
    """Update the network once a batch and count from the very forward passes that trained it.

    The step's loss is the mean over its images, weighted by the class weight of each; what is
    counted is unweighted, so that it compares with validation. A part of one image is left out,
    because batch norm knows no variance of one.

    micro_batches  parts that a batch is passed in, one after the other; as many as there are processes
                   at least, and a multiple of them
    world          the processes that share the parts

    Raises NotANumber when a loss is not finite.
    """
    network.train()
    kind = torch.device(chosen.device).type
    tally = Tally(network.settings["n_classes"], chosen.device)
    parts = max(micro_batches, world.size)
    own_parts = [batches.epoch(epoch, part, parts) for part in range(world.rank, parts, world.size)]
    learning = [p for p in network.parameters() if p.requires_grad]
    statistics = RunningStatistics(network)
    steps: list[Tensor] = []
    for shares in zip(*own_parts, strict=True):
        optimiser.zero_grad()
        if parts > 1:
            statistics.begin()
        loss_sum, weight_sum = torch.zeros(2, 1, device=chosen.device)
        seen = 0
        for images, labels, _ in shares:
            if len(labels) < 2:
                continue
            seen += len(labels)
            images, labels = images.to(chosen.device), labels.to(chosen.device)
            with torch.autocast(kind, torch.bfloat16, enabled=chosen.precision == "bfloat16"):
                logits = network(images)
            losses = image_losses(logits, labels, loss)
            weights = torch.ones_like(losses) if class_weights is None else class_weights[labels]
            weighted, weight = (losses * weights).sum(), weights.sum()
            (weighted if parts > 1 else weighted / weight).backward()
            loss_sum += weighted.detach()
            weight_sum += weight
            tally.add(losses, logits, labels)
            if parts > 1:
                statistics.end_part()
        if parts > 1:
            _join_parts(learning, loss_sum, weight_sum, world)
            statistics.end(world)
        if not seen and (world.size == 1 or not float(weight_sum)):
            continue
        optimiser.step()
        end_step(kind)
        steps.append(loss_sum / weight_sum)
        if kind == "cpu" or len(steps) % _LOOK_EVERY == 0:
            _stop_if_not_finite(steps[-_LOOK_EVERY:], len(steps), optimiser)
    if not steps:
        raise ValueError("the training part gave no batch of two images or more; raise the batch size")
    _stop_if_not_finite(steps[-_LOOK_EVERY:], len(steps), optimiser)
    world.add([tally.confusion, tally.loss_sum])
    return tally


def evaluate(network: Network, batches: Any, *, epoch: int, loss: str, chosen: Chosen, world: World = ALONE) -> Tally:
    """Count over the validation part in evaluation mode and float32. Raises NotANumber as `train_epoch` does."""
    network.eval()
    tally = Tally(network.settings["n_classes"], chosen.device)
    with without_gradients(chosen.device):
        for images, labels, _ in batches.epoch(epoch, world.rank, world.size):
            if not len(labels):
                continue
            images, labels = images.to(chosen.device), labels.to(chosen.device)
            logits = network(images)
            tally.add(image_losses(logits, labels, loss), logits, labels)
        world.add([tally.confusion, tally.loss_sum])
    if not math.isfinite(float(tally.loss_sum)):
        raise NotANumber(f"the validation loss is {float(tally.loss_sum)}")
    return tally


def _join_parts(learning: Sequence[Tensor], loss_sum: Tensor, weight_sum: Tensor, world: World) -> None:
    """Add gradients, loss and weight over all processes, and make the gradients those of the weighted mean."""
    for parameter in learning:
        if parameter.grad is None:  # no part of this batch fell to this process
            parameter.grad = torch.zeros_like(parameter)
    gradients = [parameter.grad for parameter in learning if parameter.grad is not None]
    world.add([*gradients, loss_sum, weight_sum])
    for gradient in gradients:
        gradient /= weight_sum


def _stop_if_not_finite(recent: list[Tensor], n_steps: int, optimiser: torch.optim.Optimizer) -> None:
    for step, value in enumerate(torch.cat(recent).tolist(), n_steps - len(recent) + 1):
        if not math.isfinite(value):
            raise NotANumber(f"the loss is {value} at step {step} with rate {optimiser.param_groups[0]['lr']:g}")
