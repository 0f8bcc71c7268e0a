"""Make a list of runs: claim each folder, train, write down how it ended, go on with the next.

What the experiment asks for and cannot be trained (a loss that is not a number, a class without images) is a result:
it is kept with its reason. What the machine could not do (a full disk, too little memory, weights that cannot be
fetched) is none: the other runs are made, and then the call fails.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

from scanbook.dataset import Dataset
from scanbook.experiment import Arm
from scanbook.fitting import perform
from scanbook.models.device import Chosen, give_back_memory
from scanbook.models.failures import NotANumber
from scanbook.models.parallel import World
from scanbook.models.weights import WeightsUnavailable
from scanbook.plan import Run
from scanbook.runs import RunFolder
from scanbook.telling import Teller


def make_runs(
    runs: list[Run],
    folder: Path,
    data: Dataset,
    machine_of: Callable[[Arm], Chosen],
    world: World,
    *,
    fresh: bool,
) -> None:
    """Make every run that is not yet done.

    folder      of the assignment's runs
    machine_of  device and precision that an arm trains with
    world       the processes that train together: each calls this, the first one writes
    fresh       make finished runs again, and cut ones from their first epoch

    Raises OSError after the last run when the machine could not make one or more. With several processes any failure but
    a loss that is not a number is raised at once, because the others wait in the middle of the run.
    """
    weights_dir = Path(os.environ["WEIGHTS_DIR"]) if "WEIGHTS_DIR" in os.environ else None
    teller = Teller(runs if world.leads else [])
    lost: list[str] = []
    for number, run in enumerate(runs):
        place = RunFolder(folder / run.name)
        try:
            with _claimed(place, fresh, world, teller.note) as work:
                if world.leads:
                    teller.start(number, found=work is None)
                if work is not None:
                    on_epoch = teller.epoch if world.leads else None
                    facts = perform(run, data, work, machine_of(run.arm), on_epoch, weights_dir, world)
                    if world.leads:
                        place.write_state(state="done", **facts)
                    give_back_memory()
        except (ValueError, RuntimeError, OSError) as error:
            if world.size > 1 and not isinstance(error, NotANumber):
                raise
            if world.leads:
                teller.note(f"failed: {error}")
            if not isinstance(error, ValueError) or isinstance(error, WeightsUnavailable):
                lost.append(f"{run.name}: {error}")
    world.tell(None)  # all have come here before one reads what the first has written
    teller.end()
    if lost:
        raise OSError(f"{len(lost)} of {len(runs)} runs could not be made:\n" + "\n".join(lost))


@contextlib.contextmanager
def _claimed(place: RunFolder, fresh: bool, world: World, say: Any) -> Iterator[Path | None]:
    """Where to make the run, or None when it is done; of several processes the first one claims it for all."""
    if not world.leads:
        yield cast("Path | None", world.tell(None))
        return
    with place.make(fresh=fresh, say=say) as work:
        world.tell(work)
        yield work
