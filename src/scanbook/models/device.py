"""Choose device, precision and layout, and say why.

bfloat16 halves the work only where the hardware multiplies it; elsewhere it is
emulated and slower than float32. Layout (N, H, W, C) is what the fast kernels
of both CPUs and GPUs read.
"""

import contextlib
import ctypes
import importlib
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import torch

PRECISIONS = ("auto", "float32", "bfloat16")


@dataclass(frozen=True)
class Chosen:
    """Where and how a network is trained; `str()` gives one line for people."""

    device: str
    precision: str
    channels_last: bool
    threads: int
    reason: str

    def __str__(self) -> str:
        layout = "channels last" if self.channels_last else "channels first"
        threads = f", {self.threads} thread{'s' * (self.threads != 1)}" if self.device == "cpu" else ""
        return f"{self.device}{threads}, {self.precision}, {layout} ({self.reason})"


def choose(device: str = "auto", precision: str = "auto", channels_last: bool | str = "auto") -> Chosen:
    """Settle what "auto" means on this machine.

    device         auto (a CUDA GPU if there is one, else the CPU), cpu, cuda, cuda:1, mps, xla (a TPU) …
    precision      of the training's forward and backward pass: auto, float32 or bfloat16; weights and
                   evaluation are float32 always
    channels_last  auto (on), True or False

    Raises ValueError for a device that is not there, or an unknown precision.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision is {precision!r}; allowed are {', '.join(PRECISIONS)}")
    where = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    try:
        if where == "xla":
            importlib.import_module("torch_xla").device()  # before any backward pass: autograd counts devices once
        torch.empty(1, device=where)
    except (ImportError, RuntimeError, AssertionError) as error:  # torch's own kinds are RuntimeErrors
        raise ValueError(f"device {device!r} cannot be used here; use auto or cpu, or install its driver") from error
    able, reason = _multiplies_bfloat16(where)
    if precision != "auto":
        reason = f"{precision} as asked; {reason}"
    return Chosen(
        device=where,
        precision=("bfloat16" if able else "float32") if precision == "auto" else precision,
        channels_last=channels_last if isinstance(channels_last, bool) else True,
        threads=torch.get_num_threads(),
        reason=reason,
    )


def _multiplies_bfloat16(device: str) -> tuple[bool, str]:
    kind = torch.device(device).type
    if kind == "cuda":
        able = torch.cuda.get_device_capability(device)[0] >= 8  # torch also says yes where it only emulates
        return able, f"{torch.cuda.get_device_name(device)}, bfloat16 {'in' if able else 'not in'} hardware"
    if kind == "cpu":
        flags = _cpu_flags()
        found = [flag for flag in ("amx_bf16", "avx512_bf16") if flag in flags]
        if found and torch.backends.mkldnn.is_available():
            return True, f"this CPU multiplies bfloat16: {found[0]}"
        return False, "this CPU does not multiply bfloat16"
    return False, f"bfloat16 is not used on {kind}"


def without_gradients(device: str) -> AbstractContextManager:
    """torch's inference mode, or on torch_xla's device, which cannot have it, plain `no_grad`."""
    return torch.no_grad() if torch.device(device).type == "xla" else torch.inference_mode()


def end_step(kind: str) -> None:
    """Run what was recorded: torch_xla's device compiles all steps up to here as one, the others have already worked."""
    if kind == "xla":
        import torch_xla

        torch_xla.sync()


def instructions() -> str:
    """The bfloat16 instructions of this CPU, such as "amx_bf16 avx512_bf16"; they move the last digits of a training."""
    return " ".join(sorted({"amx_bf16", "avx512_bf16"} & _cpu_flags()))


def _cpu_flags(cpuinfo: Path = Path("/proc/cpuinfo")) -> set[str]:
    """What the processor can do, as the kernel of Linux names it; asks torch where there is no such file."""
    if cpuinfo.exists():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            if line.startswith("flags"):
                return set(line.split(":", 1)[1].split())
    asks = {"avx512_bf16": "_is_avx512_bf16_supported", "amx_bf16": "_is_amx_tile_supported"}
    return {flag for flag, ask in asks.items() if getattr(torch.cpu, ask, lambda: False)()}


def give_back_memory() -> None:
    """Hand freed memory back to the system, where the C library can (glibc); elsewhere nothing happens.

    After a network has been trained, about half of the process's memory is free but kept; with several notebooks side
    by side that is what decides how many fit.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
