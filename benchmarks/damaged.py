"""Thousands of damaged files of every format: does any crash the reader, hold it up, or leak?

    python -m benchmarks.damaged              # about 24,000 files, under a minute; --times 4 for a first look

Each small file of tests/damage.py is damaged in each of its ways, `--times` times, by a seed. A child process reads
them one after another; this one watches. A file that ends the child (signal), that takes longer than the limit, or
that raises anything but Unreadable is a fault, and so is a word on the child's terminal, and memory that is still
held at the end. Then the table: of each format and damage, how many were read to the same pixels, read to others,
excluded, the longest time and the most memory that one file took.
"""

import argparse
import gc
import json
import queue
import subprocess
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
for place in ("tests", "src"):
    sys.path.insert(0, str(HERE.parent / place))
import damage  # noqa: E402 the corpus, which tests sample

LIMIT_S = 10.0
GROWTH_MB = 32.0  # from a tenth of the way to the end; allocators keep some


def main() -> int:
    """Read the corpus and print the table; 1 when there was a fault."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=40, help="how often each damage is done to each file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=int, help=argparse.SUPPRESS)  # the child's: read from this number on
    args = parser.parse_args()
    if args.start is not None:
        return read(args.times, args.seed, args.start)
    what = [(name.split()[0], done) for name, done, _, _ in damage.variants(args.times, args.seed)]
    begun = time.perf_counter()
    answers, faults, held = watch(args.times, args.seed, what)
    print(f"{len(what):,} files read in {time.perf_counter() - begun:.0f} s\n")
    print_table(what, answers)
    growth = held[-1] - held[len(held) // 10] if held else 0.0
    if growth > GROWTH_MB:
        faults.append(f"memory grew by {growth:.0f} MB")
    print(f"\nmemory held: {held[len(held) // 10]:.0f} MB after a tenth, {held[-1]:.0f} MB at the end")
    print("\n".join(faults) if faults else "no crash, no hang, no other exception, no word on the terminal, no leak")
    return 1 if faults else 0


def read(times: int, seed: int, start: int) -> int:
    """The child: a line of JSON for each file from `start` on."""
    from scanbook.loaders.reading import Unreadable, decode

    whole_pixels = {name: decode(whole).pixels for name, whole in damage.wholes().items()}  # and everything is imported
    for number, (name, _, data, _) in enumerate(damage.variants(times, seed)):
        if number < start:
            continue
        print(f"{number}", flush=True)
        peak_is_now()
        before = memory_mb("VmHWM")
        begun = time.perf_counter()
        try:
            pixels = decode(data).pixels
            was = whole_pixels[name]
            end = "same" if pixels.shape == was.shape and (pixels == was).all() else "other"
        except Unreadable as error:
            end = "excluded" if str(error).strip() else "FAULT: no reason given"
        except BaseException as error:
            end = f"FAULT: {type(error).__name__}: {error}"
        answer = {"end": end, "s": time.perf_counter() - begun, "mb": memory_mb("VmHWM") - before}
        if number % 500 == 0:
            gc.collect()
            answer["held"] = memory_mb("VmRSS")
        print(json.dumps(answer), flush=True)
    return 0


def watch(times: int, seed: int, what: list[tuple[str, str]]) -> tuple[dict[int, dict], list[str], list[float]]:
    """Let children read until all are read. Returns the answer of each number, the faults, and memory held in MB."""
    answers: dict[int, dict] = {}
    faults: list[str] = []
    held: list[float] = []
    start = 0
    while start < len(what):
        command = [sys.executable, __file__, "--times", str(times), "--seed", str(seed), "--start", str(start)]
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        lines: queue.Queue[str] = queue.Queue()
        words: list[str] = []
        pumps = [
            threading.Thread(target=_pass_on, args=(child.stdout, lines)),
            threading.Thread(target=words.extend, args=(child.stderr,)),
        ]
        for pump in pumps:
            pump.start()
        current, end = start, ""
        while True:
            try:
                line = lines.get(timeout=LIMIT_S + (60 if current == start else 0))
            except queue.Empty:
                end = f"longer than {LIMIT_S:.0f} s"
                child.kill()
                break
            if not line:
                end = f"ended the reader ({child.wait()})" if child.wait() else ""
                break
            if line[0] != "{":
                current = int(line)
                continue
            answers[current] = json.loads(line)
            held += [answers[current]["held"]] if "held" in answers[current] else []
            if answers[current]["end"].startswith("FAULT"):
                faults.append(f"{current} {' '.join(what[current])}: {answers[current]['end']}")
        child.wait()
        for pump in pumps:
            pump.join()
        if end:
            faults.append(f"{current} {' '.join(what[current])}: {end}")
            answers[current] = {"end": "FAULT", "s": LIMIT_S, "mb": 0.0}
        faults += [f"on the terminal: {word.strip()}" for word in words[:5]]
        start = current + 1 if end else len(what)
    return answers, faults, held


def _pass_on(stream, lines: queue.Queue[str]) -> None:
    for line in stream:
        lines.put(line)
    lines.put("")  # the child has ended


def print_table(what: list[tuple[str, str]], answers: dict[int, dict]) -> None:
    rows: dict[tuple[str, str], list[dict]] = defaultdict(list)
    for number, (kind, done) in enumerate(what):
        for key in ((kind, done), (kind, "all"), ("all", done), ("all", "all")):
            rows[key].append(answers[number])
    print(f"{'format':<7}{'damage':<24}{'files':>7}{'same':>7}{'other':>7}{'excluded':>9}{'worst s':>9}{'peak MB':>9}")
    for (kind, done), found in rows.items():
        count = {end: sum(one["end"] == end for one in found) for end in ("same", "other", "excluded")}
        worst, peak = max(one["s"] for one in found), max(one["mb"] for one in found)
        print(f"{kind:<7}{done:<24}{len(found):>7}{count['same']:>7}{count['other']:>7}{count['excluded']:>9}"
              f"{worst:>9.3f}{peak:>9.1f}")  # fmt: skip


def memory_mb(name: str) -> float:
    """VmRSS (held now) or VmHWM (most ever held) of this process; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/status").read_text().split(f"{name}:")[1].split()[0]) / 1024
    except (OSError, IndexError):
        return 0.0


def peak_is_now() -> None:
    """Let VmHWM begin again, where the system lets it."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


if __name__ == "__main__":
    sys.exit(main())
