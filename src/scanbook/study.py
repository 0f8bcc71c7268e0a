"""What a notebook holds in its hand: one assignment, opened, trained and looked at.

    study = open_study("params/xray.yaml", "sample")
    study.train()
    study.scores

A study joins the rooms and owns no method of its own: images come from `dataset`, runs from `plan`, `runs` and
`fitting`, numbers from `record`, pictures from `show`.
"""

import functools
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from scanbook import circumstances, floor, harvest, params, record, tuning
from scanbook.dataset import Dataset
from scanbook.evidence import Evidence
from scanbook.experiment import Arm, Experiment
from scanbook.loaders.manifest import available_cores
from scanbook.making import make_runs
from scanbook.models import device, parallel
from scanbook.names import pretty, stand_in
from scanbook.plan import Run, plan_runs
from scanbook.runs import RunFolder

READ_FROM_RUNS = ("runs", "tuning", "states", "predictions", "scores", "comparisons", "facts", "history", "evidence")


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
        self.data = Dataset(experiment, root)
        self.experiment, self.root, self.overrides = self.data.experiment, root, overrides
        self.opened_at = time.time()
        self._tuned = False  # in this session, so that a fresh training tunes once
        self.handle: Any = None  # the headline's place in the notebook, once it is shown
        self.world = parallel.join()
        threads = experiment.training.threads
        cores = available_cores() // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        torch.set_num_threads(threads if threads != "auto" else max(1, cores))
        self.machine = device.choose(parallel.own_device(), experiment.training.precision)

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

    def machine_of(self, arm: Arm) -> device.Chosen:
        """Device and precision that an arm trains with."""
        if arm.training.precision == self.experiment.training.precision:
            return self.machine
        return device.choose(parallel.own_device(), arm.training.precision)

    def _plan(self, arms: Iterable[Arm], **how: Any) -> list[Run]:
        arms = list(arms)
        splits: dict[str, dict[int, str]] = {arm.scheme: self.data.parts(arm.scheme) for arm in arms}
        return plan_runs(self.experiment, arms, splits, self.data.fingerprint,
                         lambda arm: circumstances.of(arm, self.machine_of(arm), self.world.size), **how)  # fmt: skip

    @functools.cached_property
    def runs(self) -> list[Run]:
        """The planned trainings, arms in the order of the parameter file and as tuning has settled them so far."""
        return self._plan(self.experiment.arms.values(), chosen=self.chosen)

    @functools.cached_property
    def tuning_runs(self) -> list[Run]:
        """The trainings of the tuning grid; none where the experiment has no `tuning`."""
        return self._plan((arm for _, _, arm in tuning.candidates(self.experiment).values()), opens_test=False)

    @functools.cached_property
    def tuning(self) -> pd.DataFrame:
        """One row a point of the grid and fold, with the points that were taken; see `tuning.table`."""
        return tuning.table(self.experiment, self.tuning_runs, lambda run: self.run_folder(run).state())

    @property
    def chosen(self) -> dict[tuple[str, int], Arm]:
        """(arm, fold) -> the arm at the point that tuning took, where its grid is finished."""
        return tuning.settled(self.experiment, self.tuning)

    def run_folder(self, run: Run) -> RunFolder:
        """Where one run lies, and its state."""
        return RunFolder(self.folder / run.name)

    def tune(self, fresh: bool | None = None) -> pd.DataFrame:
        """Train every point of the tuning grid and choose on the validation part; see `tuning`.

        fresh  as in `train`

        Returns the table `tuning`.
        """
        self._make(self.tuning_runs, fresh)
        self.forget()
        self._tuned = True
        return self.tuning

    def train(self, fresh: bool | None = None, only: str | None = None) -> pd.DataFrame:
        """Make every planned run that is not yet done; a run that fails keeps its reason and the others go on.

        fresh  make finished runs again; by default only when `make reports` asks for it
        only   the stem of one run (arm-network-scheme-fFOLD-sSEED), for a scheduler that gives each its own job; a
               point of the tuning grid is one too. Of the grid only what this run waits for is made

        Tunes first where the experiment asks for it and `tune` has not been called. Returns one row a run: arm,
        network, scheme, fold, seed, state, seconds, images/s, parameters, reason.
        Raises OSError after the last run when the machine could not make one, RuntimeError when none could be
        finished, ValueError when no run is called `only`.
        """
        if only is not None:
            return self._train_one(only, fresh)
        if self.tuning_runs and not self._tuned:
            self.tune(fresh)
        self._make(self.runs, fresh)
        self.forget()
        if not any(self.states["state"] == "done"):
            raise RuntimeError("no run could be finished:\n" + "\n".join(self.states["reason"].dropna().unique()))
        return self.states

    def _train_one(self, stem: str, fresh: bool | None) -> pd.DataFrame:
        runs = [*self.tuning_runs, *self.runs]
        wanted = [run for run in runs if run.stem == stem]
        if not wanted:
            raise ValueError(f"no run {stem!r}; planned are: {', '.join(run.stem for run in runs)}")
        arms = tuning.candidates(self.experiment)
        waits_for = [
            r for r in self.tuning_runs if (arms[r.arm.name][0], r.fold) == (wanted[0].arm.name, wanted[0].fold)
        ]
        if waits_for:
            self._make(waits_for, fresh)
            self.forget()
            wanted = [run for run in self.runs if run.stem == stem]
        self._make(wanted, fresh)
        self.forget()
        return harvest.states(wanted, self.folder)

    def _make(self, runs: list[Run], fresh: bool | None) -> None:
        fresh = os.environ.get("SCANBOOK_FRESH") == "1" if fresh is None else fresh
        make_runs(runs, self.folder, self.data, self.machine_of, self.world, fresh=fresh)

    def forget(self) -> None:
        """Drop what was read from finished runs, so that it is read again."""
        for name in READ_FROM_RUNS:
            self.__dict__.pop(name, None)

    @functools.cached_property
    def states(self) -> pd.DataFrame:
        """One row a planned run, with its state and what it cost."""
        return harvest.states(self.runs, self.folder)

    @functools.cached_property
    def predictions(self) -> pd.DataFrame:
        """Logits of every finished run: one row an image, run and variant, as in predictions.csv."""
        return harvest.tables(self.runs, self.folder, "predictions.csv")

    @functools.cached_property
    def rules(self) -> pd.DataFrame:
        """Answers of rules that look at no anatomy, all on the experiment's split, the neighbour on the lesson's too."""
        own = self.experiment.split.scheme
        lesson = {
            self.experiment.arms[arm].scheme for arm in self.experiment.lesson.values() if arm in self.experiment.arms
        }
        others = [floor.predictions(self.data, scheme, ("neighbour",)) for scheme in sorted(lesson - {own})]
        return pd.concat([floor.predictions(self.data, own), *others], ignore_index=True)

    @functools.cached_property
    def history(self) -> pd.DataFrame:
        """Loss, accuracy, precision and recall by epoch, of every finished run."""
        return harvest.tables(self.runs, self.folder, "history.csv")

    @functools.cached_property
    def facts(self) -> pd.DataFrame:
        """Every count, duration, size and speed: key, value, unit, n."""
        return record.facts(self)

    @functools.cached_property
    def scores(self) -> pd.DataFrame:
        """Every score with its 95 % interval, by arm and part."""
        return record.scores(self)

    @functools.cached_property
    def evidence(self) -> Evidence:
        """What is asked of the finished networks beyond their scores; see `evidence`."""
        return Evidence(self)

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
