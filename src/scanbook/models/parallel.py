"""Several processes, or several passes, train one network as one: each takes its part of every batch.

Gradients are added over the parts and divided by the weight of the whole batch, so a training under
`torchrun --nproc_per_node 2` is, but for rounding and dropout, the training of one process that passes the same two
parts one after the other (`micro_batches: 2`). Batch norm sees a part at a time in both; what it remembers of a step
is the mean over the parts.
"""

import datetime
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

PATIENCE = datetime.timedelta(minutes=30)  # that one process waits for another before it gives up


@dataclass(frozen=True)
class World:
    """The processes of one training: this one's number, from 0, and how many there are."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process is the one that writes files and speaks."""
        return self.rank == 0

    def add(self, tensors: Iterable[Tensor]) -> None:
        """Replace each tensor by its sum over all processes; alone, nothing happens.

        Tensors of one type travel as one message. Every process must call this with the same shapes.
        Raises ConnectionError when that fails, as it does when another process has ended.
        """
        if self.size == 1:
            return
        by_type: dict[torch.dtype, list[Tensor]] = {}
        for tensor in tensors:
            by_type.setdefault(tensor.dtype, []).append(tensor)
        for same in by_type.values():
            flat = torch.cat([tensor.reshape(-1) for tensor in same])
            try:
                dist.all_reduce(flat)
            except RuntimeError as error:
                raise ConnectionError(
                    f"another of the {self.size} processes of this training has most likely ended: their parts could "
                    f"not be added ({str(error).splitlines()[0]})"
                ) from error
            for tensor, summed in zip(same, flat.split([tensor.numel() for tensor in same]), strict=True):
                tensor.copy_(summed.view_as(tensor))

    def tell(self, value: object) -> object:
        """What the leading process passes in, in every process."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0)
        return box[0]


ALONE = World()


def join() -> World:
    """The processes that torchrun has started, or ALONE where this one was started by itself."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return ALONE
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    if not dist.is_initialized():
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo", timeout=PATIENCE)
    return World(dist.get_rank(), dist.get_world_size())


def own_device() -> str:
    """The device of this process: a GPU of its own under torchrun, torch_xla's where PJRT_DEVICE names one, else "auto"."""
    if os.environ.get("PJRT_DEVICE"):
        return "xla"
    return f"cuda:{os.environ['LOCAL_RANK']}" if "LOCAL_RANK" in os.environ and torch.cuda.is_available() else "auto"


def leave() -> None:
    """Part from the other processes in order; alone, nothing happens."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


class RunningStatistics:
    """What batch norm remembers of a batch that is passed in parts: the mean over the parts.

    Each part starts from what was remembered before the batch, so their order does not matter.
    """

    def __init__(self, network: nn.Module) -> None:
        norms = [m for m in network.modules() if isinstance(m, _BatchNorm) and m.training]
        self._device = next(network.parameters()).device
        found = [buffer for norm in norms for buffer in (norm.running_mean, norm.running_var)]
        self._buffers: Sequence[Tensor] = [buffer for buffer in found if buffer is not None]
        self._counters = [norm.num_batches_tracked for norm in norms if norm.num_batches_tracked is not None]

    def begin(self) -> None:
        """A batch begins."""
        self._before = [buffer.clone() for buffer in self._buffers]
        self._counted = [counter + 1 for counter in self._counters]  # one batch, however many parts
        self._sums = [torch.zeros_like(buffer) for buffer in self._buffers]
        self._count = torch.zeros(1, device=self._device)

    def end_part(self) -> None:
        """A part has gone through the network."""
        for total, buffer, before in zip(self._sums, self._buffers, self._before, strict=True):
            total += buffer
            buffer.copy_(before)
        self._count += 1

    def end(self, world: World) -> None:
        """All parts, in all processes, have gone through."""
        world.add([*self._sums, self._count])
        for total, buffer in zip(self._sums, self._buffers, strict=True):
            buffer.copy_(total / self._count)
        for counter, counted in zip(self._counters, self._counted, strict=True):
            counter.copy_(counted)
