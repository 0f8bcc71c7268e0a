"""What a page says about how it was made, and what it never says about where.

Versions, commit, processor and threads let someone else make the page again. User, host, home, environment
and tokens help nobody and may harm: none is collected here, and `scrub` takes them out of everything else
that reaches a page.
"""

import html
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from scanbook.report.scrub import known_roots, scrub, scrub_notebook, scrubber

__all__ = ["as_html", "collect", "commit", "known_roots", "scrub", "scrub_notebook", "scrubber", "version"]

PACKAGES = ("torch", "torchvision", "numpy", "scipy", "pandas", "scikit-learn", "scikit-image", "imbalanced-learn",
            "matplotlib", "seaborn", "pillow", "scanbook")  # fmt: skip


def collect(
    *,
    packages: Iterable[str] = PACKAGES,
    root: Path | None = None,
    device: str = "cpu",
    threads: int | None = None,
    extra: Mapping[str, Any] | None = None,
) -> dict[str, str]:
    """What made a result, as label → text, in the order to be shown.

    packages  distribution names; one that is not installed is left out
    root      the repository; without git or outside a repository the commit reads "not known"
    device    as chosen by the caller, for example "cpu" or "NVIDIA H100"
    extra     further facts (seeds, precision, data fingerprint, durations), shown first
    """
    facts = {str(key): str(value) for key, value in (extra or {}).items()}
    facts["made"] = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    facts["commit"] = commit(root or Path.cwd())
    facts["python"] = platform.python_version()
    facts |= {name: found for name in packages if (found := version(name))}
    facts["device"] = device
    facts["processor"] = f"{processor()}, {cores()} cores for this process"
    if threads is not None:
        facts["threads"] = str(threads)
    facts["system"] = f"{platform.system()} {platform.machine()}"
    return facts


def version(package: str) -> str:
    """The version of an installed package; empty where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def commit(root: Path) -> str:
    """Short commit at `root`, with "modified" when a tracked file differs from it; or "not known"."""
    head = _git(root, "rev-parse", "--short=12", "HEAD")
    if not head:
        return "not known (no git here)"
    changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    return f"{head}, modified" if changed else head


def _git(root: Path, *words: str) -> str | None:
    # GIT_OPTIONAL_LOCKS: looking must not write into a repository that someone is working in.
    env = os.environ | {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *words], capture_output=True, text=True, timeout=20, env=env, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def processor() -> str:
    """The processor's model as its maker names it, never the machine's own name."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.lower().startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    if sys.platform == "darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        try:
            return subprocess.run(command, capture_output=True, text=True, timeout=5, check=True).stdout.strip()
        except (OSError, subprocess.SubprocessError):
            pass
    return platform.machine() or "processor not known"


def cores() -> int:
    """Processors this process may use, which in a container is fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def as_html(facts: Mapping[str, str], *, command: str = "") -> str:
    """A definition list for the foot of a page, and the command that makes it again."""
    rows = "".join(
        f"<div><dt>{html.escape(key)}</dt><dd>{html.escape(value)}</dd></div>" for key, value in facts.items()
    )
    again = f"<p>Make it again: <code>{html.escape(command)}</code></p>" if command else ""
    return f'{again}<dl class="facts">{rows}</dl>'
