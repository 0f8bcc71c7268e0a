"""The tables of the benchmark as plain text."""

from statistics import median

from goals import STANDS_IN, Goal, Rate

COLUMNS = ("epoch", "augmented", "bare", "fastai quick", "fastai tuned", "fastai patched", "keras quick", "keras tuned")
HEADS = ("ours", "step+augm.", "bare step", *COLUMNS[3:])


def table(rows: list[list[str]], head: list[str]) -> str:
    """Columns as wide as their widest cell; the first one to the left, the others to the right."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = []
    for row in [head, ["-" * width for width in widths], *rows]:
        lines.append(
            "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
        )
    return "\n".join(lines)


def training(rates: dict[str, dict[str, Rate]]) -> str:
    """Images/s, a row a network; median (lowest–highest)."""
    rows = []
    for network, row in rates.items():
        name = network + (f" (stands in for {_back(network)})" if network in STANDS_IN.values() else "")
        rows.append([name, *(str(row[column]) if column in row else "–" for column in COLUMNS)])
    return table(rows, ["network", *HEADS])


def sizes(parameters: dict[str, dict[str, int]]) -> str:
    """Millions of parameters, a row a network: whether like was compared with like."""
    columns = [c for c in ("ours", "fastai", "keras") if any(c in row for row in parameters.values())]
    rows = [
        [network, *(f"{row[c] / 1e6:.1f} M" if c in row else "–" for c in columns)]
        for network, row in parameters.items()
    ]
    return table(rows, ["network", *columns])


def preparing(result: dict) -> str:
    """Seconds and images/s of decoding and caching."""
    rows = [
        [name, f"{median(s):.2f}", f"{min(s):.2f}–{max(s):.2f}", f"{result['images'] / median(s):.0f}"]
        for name, s in result["seconds"].items()
    ]
    return table(rows, [f"{result['images']} JPEGs", "seconds", "from–to", "images/s"])


def starting(result: dict) -> str:
    """Seconds until there is something to see."""
    rows = [[name, f"{median(s):.2f}", f"{min(s):.2f}–{max(s):.2f}"] for name, s in result["seconds"].items()]
    return table(rows, ["what", "seconds", "from–to"])


def layouts(cells: list[dict]) -> str:
    """Images/s of the bare step, a row a network and size; the fastest is marked."""
    rows = []
    for network, size in dict.fromkeys((cell["network"], cell["size"]) for cell in cells):
        own = [cell for cell in cells if (cell["network"], cell["size"]) == (network, size)]
        medians = [median(cell["rates"]) for cell in own]
        rows.append([f"{network}, {size} px", *(f"{m:.1f}{'*' if m == max(medians) else ' '}" for m in medians)])
    heads = [f"{c['precision']}, {'last' if c['channels_last'] else 'first'}" for c in cells[:4]]
    return table(rows, ["images/s, bare step", *heads])


def goals(found: list[Goal]) -> str:
    """A line a goal."""
    return "\n".join(str(goal) for goal in found)


def _back(network: str) -> str:
    return next(name for name, other in STANDS_IN.items() if other == network)
