"""200 seeded faults across a tiny `make reports`: does anything half-made ever pass for done?

    python -m benchmarks.faults              # about half an hour on two cores; --faults 20 for a first look

Each trial starts from the same small book (one assignment, two trainings, a summary of it), lets one random write fail
in whichever process makes it (the program, its watcher, the kernel): SIGKILL, a disk that is full from then on, or one
I/O error. Then it reads what the book says of itself, and resumes without a fault. Counted are false "done": a page,
run or exit status that claims to be finished and is not what an undisturbed book has; and resumed books that end with
other predictions or scores.
"""

import argparse
import concurrent.futures
import json
import mmap
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "tests"))
import tiny  # noqa: E402 the tests' own small book

KINDS = ("kill", "enospc", "eio")
CELLS = ("from scanbook import open_study, show\nstudy = open_study(params, profile, overrides)", "study.train()",
         "show.headline(study)\nshow.conclude(study)")  # fmt: skip


def main() -> int:
    """Run the trials and print the table; 1 when one of them was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--side-by-side", type=int, default=2)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="faults-") as scratch:
        work = Path(scratch)
        library = work / "faults.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, HERE / "faults.c", "-ldl"], check=True)
        template = prepared(work / "template")
        undisturbed = copy_of(template, work / "undisturbed")
        status, writes = make(undisturbed, library, at=0, kind="kill")
        assert status == 0, "the undisturbed book failed"
        expected = results(undisturbed)
        print(f"{writes} writes in an undisturbed book, {len(expected)} results to compare", flush=True)
        pick = random.Random(args.seed)
        trials = [(n, KINDS[n % len(KINDS)], pick.randint(1, writes)) for n in range(args.faults)]
        table = []
        with concurrent.futures.ThreadPoolExecutor(args.side_by_side) as pool:
            for row in pool.map(lambda t: trial(work, template, library, expected, *t), trials):
                table.append(row)
                if row["wrong"] or len(table) % 10 == 0:
                    print(
                        f"{len(table):4} {row['kind']:<7} write {row['at']:5}: {row['after']:<12} {row['wrong']}",
                        flush=True,
                    )
    return report(table)


def prepared(root: Path) -> Path:
    """The book before its first `make reports`; the phantoms are there, caches and runs are not."""
    tiny.small_book(root, CELLS, names=["heart"], epochs=3)
    program = "from scanbook import open_study; open_study('heart').data.manifest"
    subprocess.run([sys.executable, "-c", program], cwd=root, check=True)
    shutil.rmtree(root / "cache", ignore_errors=True)
    return root


def copy_of(template: Path, root: Path) -> Path:
    """A book of its own, with a folder for temporary files inside, so that their writes count as well."""
    shutil.copytree(template, root)
    (root / "tmp").mkdir()
    return root


def make(root: Path, library: Path | None, *, at: int = 0, kind: str = "kill", resume: bool = False) -> tuple[int, int]:
    """`scanbook report heart`: its exit status, and how many writes there were below the book."""
    counter = root.with_name(f"{root.name}.counter")
    counter.write_bytes(bytes(16))
    faults = {"LD_PRELOAD": str(library), "FAULTS_ROOT": f"{root}/", "FAULTS_COUNTER": str(counter),
              "FAULTS_AT": str(at), "FAULTS_KIND": kind} if library else {}  # fmt: skip
    command = [sys.executable, "-m", "scanbook", "report", "heart", *(["--resume"] if resume else [])]
    environment = {**os.environ, "TMPDIR": str(root / "tmp"), "OMP_NUM_THREADS": "1", **faults}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, timeout=300, check=False)
    with counter.open("rb") as file, mmap.mmap(file.fileno(), 16, prot=mmap.PROT_READ) as shared:
        writes, _ = struct.unpack("QQ", shared)
    counter.unlink()
    return done.returncode, writes


def results(root: Path) -> dict[str, bytes]:
    """What a book has to show: predictions of every finished run, and the scores."""
    runs = root / "runs" / "heart"
    found = {p.parent.name: p.read_bytes() for p in runs.glob("*-????????/predictions.csv")}
    scores = runs / "record-sample" / "scores.csv"
    return found | ({"scores.csv": scores.read_bytes()} if scores.exists() else {})


def false_claims(root: Path, status: int, expected: dict[str, bytes]) -> list[str]:
    """What the book claims to be finished though it is not as in an undisturbed one."""
    found, wrong = results(root), []
    for run in (root / "runs" / "heart").glob("*-????????"):
        if run.is_dir() and found.get(run.name) != expected[run.name]:
            wrong.append(f"run {run.name} carries its final name and has other predictions")
    try:
        page = json.loads((root / "runs" / "heart" / "record-sample" / "page.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        page = {"state": "missing"}
    html = root / "reports" / "heart.html"
    whole = html.exists() and html.read_text(encoding="utf-8").rstrip().endswith("</html>")
    if html.exists() and not whole:
        wrong.append("half a page")
    if page["state"] == "done" and not (whole and found == expected):
        wrong.append("the page is said to be done")
    if status == 0 and not (whole and page["state"] == "done" and found == expected):
        wrong.append("exit status 0")
    return wrong


def trial(
    work: Path, template: Path, library: Path, expected: dict[str, bytes], number: int, kind: str, at: int
) -> dict[str, object]:
    """One fault, then RESUME without one."""
    root = copy_of(template, work / f"trial{number}")
    status, _ = make(root, library, at=at, kind=kind)
    try:
        state = json.loads((root / "runs/heart/record-sample/page.json").read_text(encoding="utf-8"))["state"]
    except FileNotFoundError:
        state = "no page"
    wrong = false_claims(root, status, expected)
    resumed, _ = make(root, None, resume=True)
    if resumed != 0 or results(root) != expected or false_claims(root, resumed, expected):
        wrong.append(f"resumed: exit status {resumed}, results {'equal' if results(root) == expected else 'differ'}")
    if wrong:
        print(f"kept for a look: {shutil.move(root, tempfile.mkdtemp(prefix='fault-'))}", flush=True)
    else:
        shutil.rmtree(root)
    return {"kind": kind, "at": at, "status": status, "after": state, "wrong": "; ".join(wrong)}


def report(table: list[dict[str, object]]) -> int:
    """Print how the faulted books described themselves, and how many were wrong."""
    states = sorted({str(row["after"]) for row in table})
    print(f"\n{'fault':<8}{'trials':>7}" + "".join(f"{state:>13}" for state in states) + f"{'exit 0':>9}{'wrong':>7}")
    for kind in KINDS:
        rows = [row for row in table if row["kind"] == kind]
        counts = Counter(str(row["after"]) for row in rows)
        print(f"{kind:<8}{len(rows):>7}" + "".join(f"{counts[state]:>13}" for state in states)
              + f"{sum(row['status'] == 0 for row in rows):>9}{sum(bool(row['wrong']) for row in rows):>7}")  # fmt: skip
    bad = sum(bool(row["wrong"]) for row in table)
    print(f"{len(table)} faults: {bad} false claims or resumed books that differ")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
