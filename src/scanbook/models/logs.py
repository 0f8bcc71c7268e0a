"""TensorBoard logs that name neither host nor user.

TensorBoard's own writer puts the host's name and a process number into each
file's name. Here its record format is written by its own classes, without it.
"""

import time
import warnings
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any


class TensorBoardLog:
    """One event file in `folder/<YYYYmmdd-HHMMSS>/`; made by `open_log`."""

    def __init__(self, folder: Path) -> None:
        from tensorboard.compat.proto import event_pb2, summary_pb2
        from tensorboard.summary.writer.record_writer import RecordWriter

        self._event, self._summary = event_pb2.Event, summary_pb2.Summary
        now = time.time()
        folder = folder / datetime.fromtimestamp(now).strftime("%Y%m%d-%H%M%S")
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / f"events.out.tfevents.{now:.6f}.scanbook"
        self._writer = RecordWriter(self.file.open("xb"))
        self._write(self._event(wall_time=now, file_version="brain.Event:2"))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Write one value a tag, such as {"loss/train": 0.4}, at a step; they are on disk on return."""
        entries = [self._summary.Value(tag=tag, simple_value=float(value)) for tag, value in values.items()]
        self._write(self._event(wall_time=time.time(), step=step, summary=self._summary(value=entries)))

    def close(self) -> None:
        """Close the file."""
        self._writer.close()

    def _write(self, event: Any) -> None:
        self._writer.write(event.SerializeToString())
        self._writer.flush()


def open_log(folder: Path) -> TensorBoardLog | None:
    """Start a log below `folder`, or return None and say once that TensorBoard is not installed."""
    try:
        return TensorBoardLog(folder)
    except ImportError:
        warnings.warn("tensorboard is not installed, so no TensorBoard log is written", stacklevel=2)
        return None
