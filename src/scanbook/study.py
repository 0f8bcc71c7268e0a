"""What a notebook holds in its hand: one assignment, opened, trained and looked at.

    study = open_study("params/xray.yaml", "sample")
    study.train()
    study.scores

A study joins the rooms and owns no method of its own: images come from `dataset`, runs from `plan`, `runs` and
`fitting`, numbers from `record`, pictures from `show`.
"""

import functools
import os
import platform
import time
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from scanbook import params, record
from scanbook.dataset import Dataset
from scanbook.experiment import Experiment
from scanbook.fitting import perform
from scanbook.models import device
from scanbook.names import pretty, stand_in
from scanbook.plan import Run, plan_runs
from scanbook.runs import RunFolder
from scanbook.telling import Teller


def open_study(params_path: str, profile: str = "sample", overrides: dict[str, Any] | None = None) -> "Study":
    """Open one assignment; see `scanbook.open_study`."""
    file = params.find(params_path)
    return Study(params.load(file, profile, overrides), file.parent.parent, overrides or {})


class Study:
    """One assignment under one profile.

    experiment   everything that was resolved from the parameter file
    data         images, labels, groups and parts (a Dataset)
    runs         the planned trainings
    predictions  logits of all finished runs, validation and test parts
    scores       every score with its interval; comparisons, every verdict; facts, every count and duration
    """

    def __init__(self, experiment: Experiment, root: Path, overrides: dict[str, Any]) -> None:
        self.experiment, self.root, self.overrides = experiment, root, overrides
        self.opened_at = time.time()
        self.handle: Any = None  # the headline's place in the notebook, once it is shown
        threads = experiment.training.threads
        torch.set_num_threads(threads if threads != "auto" else os.cpu_count() or 1)
        self.machine = device.choose(precision=experiment.training.precision)
        self.data = Dataset(experiment, root)

    def __repr__(self) -> str:
        e = self.experiment
        return (f"{e.title}, profile {e.profile}: {len(self.data.used)} images of {self.data.used['group'].nunique()} "
                f"{e.data.unit}, {len(e.arms)} arms, {len(self.runs)} runs; {self.machine.reason}")  # fmt: skip

    @property
    def classes(self) -> list[str]:
        """Class names, in the order of the logits."""
        return self.experiment.data.class_names

    @property
    def folder(self) -> Path:
        """Where the runs of this assignment lie."""
        return self.root / "runs" / self.experiment.name

    @functools.cached_property
    def runs(self) -> list[Run]:
        """The planned trainings, arms in the order of the parameter file."""
        machine = {
            "device": torch.device(self.machine.device).type, "precision": self.machine.precision,
            "channels_last": self.machine.channels_last, "threads": torch.get_num_threads(),
            "torch": str(torch.__version__), "processor": torch.backends.cpu.get_cpu_capability(),
            "architecture": platform.machine(),
        }  # fmt: skip
        schemes = {arm.scheme for arm in self.experiment.arms.values()}
        return plan_runs(self.experiment, {s: self.data.parts(s) for s in schemes}, self.data.fingerprint, machine)

    def run_folder(self, run: Run) -> RunFolder:
        """Where one run lies, and its state."""
        return RunFolder(self.folder / run.name)

    def train(self, fresh: bool | None = None) -> pd.DataFrame:
        """Make every planned run that is not yet done; a run that fails keeps its reason and the others go on.

        fresh  make finished runs again; by default only when `make reports` asks for it

        Returns one row a run: arm, network, scheme, fold, seed, state, seconds, images/s, parameters, reason.
        """
        fresh = os.environ.get("SCANBOOK_FRESH") == "1" if fresh is None else fresh
        weights_dir = Path(os.environ["WEIGHTS_DIR"]) if "WEIGHTS_DIR" in os.environ else None
        teller = Teller(self.runs)
        for number, run in enumerate(self.runs):
            folder = self.run_folder(run)
            try:
                with folder.make(fresh=fresh, say=teller.note) as work:
                    teller.start(number, found=work is None)
                    if work is not None:
                        facts = perform(run, self.data, work, self.machine, teller.epoch, weights_dir)
                        folder.write_state(state="done", **facts)
                        device.give_back_memory()
            except (ValueError, RuntimeError, OSError) as error:
                teller.note(f"failed: {error}")
        teller.end()
        self.forget()
        if not any(self.states["state"] == "done"):
            raise RuntimeError("no run could be finished:\n" + "\n".join(self.states["reason"].dropna().unique()))
        return self.states

    def forget(self) -> None:
        """Drop what was read from finished runs, so that it is read again."""
        for name in ("states", "predictions", "scores", "comparisons", "facts", "history"):
            self.__dict__.pop(name, None)

    @functools.cached_property
    def states(self) -> pd.DataFrame:
        """One row a planned run, with its state and what it cost."""
        rows = []
        for run in self.runs:
            state = self.run_folder(run).state()
            rows.append({"arm": run.arm.name, "network": run.arm.network, "stands_for": run.arm.stands_for,
                         "scheme": run.scheme, "fold": run.fold, "seed": run.seed, "name": run.name, **state})  # fmt: skip
        table = pd.DataFrame(rows)
        return table.assign(reason=table.get("reason", None))

    def _gather(self, file: str) -> pd.DataFrame:
        tables = []
        for run in self.runs:
            if self.run_folder(run).state()["state"] == "done":
                table = pd.read_csv(self.folder / run.name / file, keep_default_na=False, na_values=["nan"])
                tables.append(table.assign(arm=run.arm.name, network=run.arm.network, scheme=run.scheme, fold=run.fold,
                                           seed=run.seed))  # fmt: skip
        if not tables:
            raise RuntimeError("no finished run yet: call study.train() first")
        return pd.concat(tables, ignore_index=True)

    @functools.cached_property
    def predictions(self) -> pd.DataFrame:
        """Logits of every finished run: see DESIGN, predictions.csv."""
        return self._gather("predictions.csv")

    @functools.cached_property
    def history(self) -> pd.DataFrame:
        """Loss, accuracy, precision and recall by epoch, of every finished run."""
        return self._gather("history.csv")

    @functools.cached_property
    def facts(self) -> pd.DataFrame:
        """Every count, duration, size and speed: key, value, unit, n."""
        return record.facts(self)

    @functools.cached_property
    def scores(self) -> pd.DataFrame:
        """Every score with its 95 % interval, by arm and part."""
        return record.scores(self)

    @functools.cached_property
    def comparisons(self) -> pd.DataFrame:
        """Every comparison of the parameter file, with its verdict in words."""
        return record.comparisons(self)

    def test_predictions(self, arm: str) -> pd.DataFrame:
        """Predictions of one arm on the test part (all folds together)."""
        table = self.predictions
        return table[(table["arm"] == arm) & (table["split"] == "test")].reset_index(drop=True)

    def done_arms(self, *wanted: str) -> list[str]:
        """The arms all of whose runs are finished; those of `wanted` when given, in that order."""
        done = self.states.groupby("arm")["state"].agg(lambda s: (s == "done").all())
        return [arm for arm in (wanted or self.experiment.arms) if done.get(arm, False)]

    def label_of(self, arm: str) -> str:
        """How an arm is called on the page: ResNet-18 (standing for ResNet-50)."""
        settings = self.experiment.arms[arm]
        return pretty(settings.network) + (f" ({stand_in(settings.stands_for)})" if settings.stands_for else "")
