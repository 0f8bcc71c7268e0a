"""What kind of machine a figure was measured on, without saying whose it is: no host name, no user, no path."""

import os
import platform
import time
from importlib import metadata
from pathlib import Path

FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
PACKAGES = ("torch", "torchvision", "numpy", "pillow", "pandas", "scikit-learn", "matplotlib", "seaborn")


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def describe(cpuinfo: Path = Path("/proc/cpuinfo")) -> dict:
    """Processor, instruction sets that matter here, cores, memory in GB, versions of Python and the packages."""
    text = cpuinfo.read_text(errors="replace") if cpuinfo.exists() else ""
    facts = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    facts = {key.strip(): value.strip() for key, value in facts.items()}
    flags = set(facts.get("flags", "").split())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0
    return {
        "processor": facts.get("model name", platform.machine()),
        "family_model": f"{facts.get('cpu family', '?')}/{facts.get('model', '?')}",
        "flags": [flag for flag in FLAGS if flag in flags],
        "cores": cores(),
        "memory_gb": round(memory / 1e9, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in PACKAGES},
    }


def busy(seconds: float = 2.0, stat: Path = Path("/proc/stat")) -> float | None:
    """Cores that other processes keep busy just now, over `seconds` of waiting; None where the system does not say."""
    if not stat.exists():
        return None
    before = _ticks(stat)
    time.sleep(seconds)
    total, idle = (b - a for a, b in zip(before, _ticks(stat), strict=True))
    return cores() * (1 - idle / max(1, total))


def _ticks(stat: Path) -> tuple[int, int]:
    counts = [int(n) for n in stat.read_text().split("\n", 1)[0].split()[1:9]]
    return sum(counts), counts[3] + counts[4]  # all; idle and waiting for the disk


def thread_settings() -> dict[str, str]:
    """The same environment variables for every process that is measured: all cores, and no more threads than that."""
    n = str(cores())
    return {
        "OMP_NUM_THREADS": n,
        "MKL_NUM_THREADS": n,
        "TF_NUM_INTRAOP_THREADS": n,
        "TF_NUM_INTEROP_THREADS": n,
        "TF_ENABLE_ONEDNN_OPTS": "1",  # TensorFlow's fast kernels, where its own rule would leave them out
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "KERAS_BACKEND": "tensorflow",
    }


def in_words(facts: dict) -> str:
    """One line for the head of a table."""
    flags = ", ".join(facts["flags"]) or "none of " + ", ".join(FLAGS)
    torch = facts["packages"]["torch"]
    return (
        f"{facts['processor']} (family/model {facts['family_model']}; {flags}), {facts['cores']} cores, "
        f"{facts['memory_gb']:g} GB, Python {facts['python']}, torch {torch}"
    )
