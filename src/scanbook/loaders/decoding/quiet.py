"""Decoders talk to the terminal about damaged files; here they are told not to.

What they say would stand in a notebook's page, with the path of a Python file in it and without the name of the
image it is about. The reason goes into the table instead.
"""

import ctypes
import logging
import threading
import warnings
from functools import cache
from pathlib import Path

import PIL
from PIL import Image

_lock = threading.Lock()


def quiet() -> None:
    """Silence Pillow, pydicom and libtiff, now and for good; Pillow's alarm about bombs becomes an error.

    Cheap enough to be called for every image, because a filter may be undone by whoever resets them (pytest does).
    """
    alarm = ("error", None, Image.DecompressionBombWarning, None, 0)
    if alarm in warnings.filters:
        return
    with _lock:
        warnings.filterwarnings("ignore", module=r"(PIL|pydicom)\.")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        logging.getLogger("PIL").setLevel(logging.CRITICAL)
        logging.getLogger("pydicom").disabled = True  # it sets its own level when it is imported
    _silence_libtiff()


@cache
def _silence_libtiff() -> None:
    """libtiff writes to file descriptor 2 itself; Pillow leaves that so. The library that Pillow has loaded is asked
    to stop. Where it is not found (built into Pillow, or the system's), it goes on talking, and nothing else changes.
    """
    home = Path(PIL.__file__).parent
    for place, pattern in ((home.parent / "pillow.libs", "libtiff*.so*"), (home / ".dylibs", "libtiff*.dylib")):
        for path in place.glob(pattern):
            library = ctypes.CDLL(str(path))
            for name in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
                setter = getattr(library, name)
                setter.argtypes, setter.restype = [ctypes.c_void_p], ctypes.c_void_p
                setter(None)
