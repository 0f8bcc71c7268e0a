"""Make a list of runs: claim each folder, train, write down how it ended, go on with the next.

What the experiment asks for and cannot be trained (a loss that is not a number, a class without images) is a result:
it is kept with its reason. What the machine could not do (a full disk) is none: the other runs are made, and then
the call fails.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from scanbook import openings
from scanbook.dataset import Dataset
from scanbook.fitting import perform
from scanbook.models.device import Chosen, give_back_memory
from scanbook.models.parallel import World
from scanbook.models.training import NotANumber
from scanbook.plan import Run
from scanbook.runs import RunFolder
from scanbook.telling import Teller


def make_runs(runs: list[Run], folder: Path, data: Dataset, machine: Chosen, world: World, *, fresh: bool) -> None:
    """Make every run that is not yet done.

    folder  of the assignment's runs
    world   the processes that train together: each calls this, the first one writes
    fresh   make finished runs again, and cut ones from their first epoch

    Raises OSError after the last run when one or more could not be written. With several processes any failure but
    a loss that is not a number is raised at once, because the others wait in the middle of the run.
    """
    weights_dir = Path(os.environ["WEIGHTS_DIR"]) if "WEIGHTS_DIR" in os.environ else None
    teller = Teller(runs)
    lost: list[str] = []
    for number, run in enumerate(runs):
        place = RunFolder(folder / run.name)
        try:
            with _claimed(place, fresh, world, teller.note) as work:
                teller.start(number, found=work is None)
                if work is not None:
                    facts = perform(run, data, work, machine, teller.epoch, weights_dir, world)
                    if world.leads:
                        _write_down(run, folder, data, place, facts)
                    give_back_memory()
        except (ValueError, RuntimeError, OSError) as error:
            if world.size > 1 and not isinstance(error, NotANumber):
                raise
            teller.note(f"failed: {error}")
            if isinstance(error, OSError):
                lost.append(f"{run.name}: {error}")
    world.tell(None)  # all have come here before one reads what the first has written
    teller.end()
    if lost:
        raise OSError(f"{len(lost)} of {len(runs)} runs could not be written:\n" + "\n".join(lost))


def _write_down(run: Run, folder: Path, data: Dataset, place: RunFolder, facts: dict[str, Any]) -> None:
    if run.opens_test:
        openings.note(folder, profile=run.profile, data=data.fingerprint, scheme=run.scheme, run=run.name)
    place.write_state(state="done", **facts)


@contextlib.contextmanager
def _claimed(place: RunFolder, fresh: bool, world: World, say: Any) -> Iterator[Path | None]:
    """Where to make the run, or None when it is done; of several processes the first one claims it for all."""
    if not world.leads:
        yield cast("Path | None", world.tell(None))
        return
    with place.make(fresh=fresh, say=say) as work:
        world.tell(work)
        yield work
