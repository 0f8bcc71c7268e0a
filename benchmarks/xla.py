"""Ten training steps on torch_xla's device and the same ten on the CPU: do the losses agree?

    python benchmarks/xla.py [--network resnet18] [--steps 10] [--size 64] [--batch 16]

The source of the chest X-ray assignment trained on a TPU. None is at hand, so this shows that the package's own loop
runs unchanged on the device through which torch reaches one: torch_xla, here with PJRT_DEVICE=CPU. It builds an
environment of its own (torch_xla 2.9.0 wants torch 2.9.0), calls `models.epochs.train_epoch` on both devices from the
same starting weights and the same batches, prints the losses side by side, and ends with 1 where they differ by more
than the tolerance.

Equal to the last bit they cannot be: the compiler orders sums in its own way, and each step carries the difference of
the one before on. So the first loss is held to FIRST and all ten to LATER, relative to the CPU's.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

# Relative; float32 has 6e-8, and Adam's first steps turn any sign of rounding into a whole rate.
FIRST, LATER = 1e-5, 1e-2
HERE = Path(__file__).resolve().parent
RATE = 1e-4


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--network", default="resnet18")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--size", type=int, default=64, help="pixels of a side")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.inside:
        return compare(asked)
    import environments

    python = environments.python_of("xla", HERE / "speed" / "peers" / "xla.txt")
    environment = {**os.environ, "PJRT_DEVICE": "CPU", "PYTHONPATH": str(HERE.parent / "src")}
    return subprocess.run([str(python), __file__, *sys.argv[1:], "--inside"], env=environment).returncode


def compare(asked: argparse.Namespace) -> int:
    """Train on both devices and print the losses; 0 when they agree."""
    import torch
    import torch_xla

    torch_xla.device()  # before the first backward pass anywhere: autograd counts the devices once
    print(f"torch {torch.__version__}, torch_xla {torch_xla.__version__}, PJRT_DEVICE={os.environ['PJRT_DEVICE']}")
    print(f"{asked.network}, {asked.size} px, batch {asked.batch}, float32, Adam at {RATE:g}")
    plain, plain_seconds = train("cpu", asked)
    lazy, lazy_seconds = train("xla", asked)
    print(f"{'step':>4}  {'CPU':>10}  {'torch_xla':>10}  {'difference':>10}")
    agree = True
    for step, (a, b) in enumerate(zip(plain, lazy, strict=True), 1):
        difference = abs(a - b) / abs(a)
        agree &= difference <= (FIRST if step == 1 else LATER)
        print(f"{step:>4}  {a:>10.6f}  {b:>10.6f}  {difference:>10.1e}")
    print(f"relative difference allowed: {FIRST:g} at step 1, {LATER:g} later: {'agree' if agree else 'DIFFER'}")
    print(f"seconds for all steps: CPU {plain_seconds:.1f}, torch_xla {lazy_seconds:.1f} (with compiling)")
    return 0 if agree else 1


def train(device: str, asked: argparse.Namespace) -> tuple[list[float], float]:
    """The loss of each step by the package's own loop, and the seconds all took."""
    import torch

    from scanbook.models.device import Chosen
    from scanbook.models.epochs import train_epoch
    from scanbook.models.networks import build, set_trainable
    from scanbook.models.schedules import make_optimiser

    torch.manual_seed(0)
    chosen = Chosen(device, "float32", channels_last=False, threads=torch.get_num_threads(), reason="compared")
    network = build(asked.network, 2, channels=1, image_size=asked.size, seed=0).lay_out(device, chosen.channels_last)
    set_trainable(network, "all")
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0  # each device draws from a generator of its own
    optimiser = make_optimiser("adam", network.parameters(), RATE, 0.9, 0.0)
    batches = OneBatch(asked.batch, asked.size)
    losses, started = [], time.perf_counter()
    for step in range(asked.steps):  # an epoch of one batch, so that its mean loss is the step's
        tally = train_epoch(
            network, batches, optimiser, epoch=step, loss="cross_entropy", class_weights=None, chosen=chosen
        )
        losses.append(tally.summary(None)["loss"])
    return losses, time.perf_counter() - started


class OneBatch:
    """What the loop asks of a loader, with one batch an epoch: speckle whose mean tells the class."""

    def __init__(self, batch: int, size: int) -> None:
        self.n_images, self.size = batch, size

    def epoch(self, e: int, *_: int):
        import torch

        random = torch.Generator().manual_seed(e)
        labels = torch.arange(self.n_images) % 2
        images = torch.rand(self.n_images, 1, self.size, self.size, generator=random) * 0.5
        yield images + 0.2 * labels.view(-1, 1, 1, 1), labels, torch.arange(self.n_images)


if __name__ == "__main__":
    sys.exit(main())
