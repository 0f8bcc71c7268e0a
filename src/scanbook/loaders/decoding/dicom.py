"""DICOM: one picture as its header wants it shown, and every text in the header that could name somebody.

pydicom parses and decodes; it is an optional package, imported only when a file asks for it. The rules:

- The first frame of several. Grey or colour of 1 to 32 bits, signed or not, little or big endian, floating point.
- Grey goes through the file's rescaling (slope and intercept, or its table), then through its window: the first of
  several (LINEAR, LINEAR_EXACT or SIGMOID). Without a window its VOI table; without either, the image's own range,
  but for unsigned values of up to 8 bits, which stay as they are. A window narrower than it may be, or one that
  makes a picture flat that is not, counts as none.
- Padding (pixels that the header marks as outside the scan) is black and does not count for the range.
- MONOCHROME1, in which the largest value is black, is turned round.
- Colour (RGB, YBR_FULL, YBR_FULL_422, YBR_ICT, YBR_RCT, palette) becomes RGB; of more than 8 bits the upper eight.
- Compressed files are read where numpy and Pillow can do it: JPEG of 8 bits, JPEG 2000, RLE, deflate. Any other
  transfer syntax is excluded by its name.
- Overlays and annotations are not drawn. A picture cut off, also in its last pixel, is excluded.
"""

import io
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from scanbook.loaders.decoding import dicom_grey, formats, jpegs
from scanbook.loaders.decoding.formats import Unreadable
from scanbook.loaders.decoding.opening import open_file
from scanbook.loaders.decoding.quiet import quiet

INSTALL = "a DICOM file, which needs pydicom; install it with: pip install pydicom"
_DEFLATED = "1.2.840.10008.1.2.1.99"
_PLAIN = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", _DEFLATED)
_JPEG = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")
_JPEG_2000 = ("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91")
_RLE = "1.2.840.10008.1.2.5"
_COLOUR = {"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT"}
# Besides every person name: numbers and texts by which a person or a visit could be found again
_PERSONAL = {
    *("PatientID", "OtherPatientIDs", "PatientAddress", "PatientTelephoneNumbers", "MedicalRecordLocator"),
    *("AccessionNumber", "AdmissionID", "ServiceEpisodeID", "PersonAddress", "PersonTelephoneNumbers"),
}


@dataclass(frozen=True)
class Header:
    """What says whose picture it is; "" where the header is silent.

    patient_id, study_id   PatientID and StudyInstanceUID
    names                  every person name, and every text that identifies a person or a visit, from the whole
                           header with nested sequences and private groups; names as stored and in their parts
    """

    patient_id: str
    study_id: str
    names: frozenset[str]


def header(source: bytes | Path) -> Header:
    """Read who is on a picture, from a file's content or its path (then without its pixels).

    Raises Unreadable where it is no DICOM file, is damaged before its pixels, or pydicom is not installed.
    """
    with io.BytesIO(source) if isinstance(source, bytes) else open_file(source) as stream:
        head = stream.read(132)
        if head[128:] != b"DICM":
            raise Unreadable("not a DICOM file")
        stream.seek(0)
        try:
            dataset = _parse(stream, stop_before_pixels=True)
            return Header(_text(dataset, "PatientID"), _text(dataset, "StudyInstanceUID"), frozenset(_names(dataset)))
        except Unreadable:
            raise
        except Exception as error:
            raise Unreadable(f"DICOM damaged ({error or type(error).__name__})") from error


def decode(data: bytes) -> tuple[np.ndarray, str]:
    """A DICOM file's content → uint8 (H, W) or (H, W, 3), and how it stores a pixel ("MONOCHROME2 16 bit").

    Raises Unreadable with the reason; a damaged file may raise anything else, which `reading.decode` puts in words.
    """
    dataset = _parse(io.BytesIO(data))
    if not any(name in dataset for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        kind = getattr(dataset.get("SOPClassUID"), "name", "") or "of no stated kind"
        raise Unreadable(f"DICOM without pixels, or cut off before them ({kind})")
    height, width = _number(dataset, "Rows"), _number(dataset, "Columns")
    formats.refuse_bomb(width, height)
    photometric = str(dataset.get("PhotometricInterpretation", ""))
    mode = f"{photometric} {dataset.get('BitsStored', dataset.get('BitsAllocated'))} bit"
    stored = _first_frame(dataset, height, width)
    if photometric in _COLOUR and stored.shape == (height, width, 3):
        return _upper_eight(stored, int(dataset.BitsStored)), mode
    if stored.shape != (height, width):
        raise Unreadable(f"DICOM of {photometric or 'no stated colour'} with the shape {stored.shape}: not read")
    if photometric == "PALETTE COLOR":
        from pydicom.pixels.processing import apply_color_lut

        colour = apply_color_lut(stored, dataset)[..., :3]
        return _upper_eight(colour, 8 * colour.itemsize), mode
    if photometric not in ("MONOCHROME1", "MONOCHROME2"):
        raise Unreadable(f"DICOM with the photometric interpretation {photometric!r}: not read")
    return dicom_grey.as_shown(stored, dataset), mode


def _parse(stream: Any, stop_before_pixels: bool = False) -> Any:
    try:
        import pydicom
    except ImportError as error:
        raise Unreadable(INSTALL) from error
    quiet()
    _refuse_deflated_bomb(stream)
    return pydicom.dcmread(stream, stop_before_pixels=stop_before_pixels)


def _refuse_deflated_bomb(stream: Any) -> None:
    """pydicom inflates without a limit, so it is tried out here first; the stream ends where it began."""
    from pydicom.filereader import read_dataset

    stream.seek(132)
    meta = read_dataset(stream, False, True, stop_when=lambda tag, _vr, _length: tag.group != 2)
    if meta.get("TransferSyntaxUID") == _DEFLATED:
        machine, size, waiting = zlib.decompressobj(-zlib.MAX_WBITS), 0, stream.read()
        while waiting and size <= formats.MAX_BYTES:
            size += len(machine.decompress(waiting, 2**20))
            waiting = machine.unconsumed_tail
        if waiting:
            raise Unreadable(f"DICOM that inflates to more than {formats.MAX_BYTES // 2**20} MiB")
    stream.seek(0)


def _first_frame(dataset: Any, height: int, width: int) -> np.ndarray:
    """Values as stored, (H, W) or (H, W, 3); colour as RGB."""
    from pydicom.pixels import pixel_array

    syntax = dataset.file_meta.TransferSyntaxUID
    plugin = "" if syntax in _PLAIN else "pydicom" if syntax == _RLE else "pillow"
    if syntax not in (*_PLAIN, *_JPEG, *_JPEG_2000, _RLE):
        raise Unreadable(f"DICOM compressed as {syntax.name}, which is not read; decompress it first (gdcmconv --raw)")
    if _number(dataset, "SamplesPerPixel", 1) not in (1, 3):
        raise Unreadable(f"DICOM with {dataset.SamplesPerPixel} samples per pixel: not read")
    if plugin:
        _refuse_false_frame(dataset, height, width)
    return pixel_array(dataset, index=0, decoding_plugin=plugin)


def _refuse_false_frame(dataset: Any, height: int, width: int) -> None:
    """A compressed frame has a header of its own, which can ask for more than the file's says."""
    from pydicom.encaps import get_frame

    frame = get_frame(dataset.PixelData, 0, number_of_frames=_number(dataset, "NumberOfFrames", 1))
    if dataset.file_meta.TransferSyntaxUID == _RLE:
        raw = height * width * _number(dataset, "SamplesPerPixel", 1) * _number(dataset, "BitsAllocated") // 8
        if len(frame) > 2 * raw + 1024:
            raise Unreadable("DICOM damaged (its RLE data are longer than the picture they hold)")
        return
    # In Pillow's own way: a JPEG decoded twice is a second lost, half a JPEG is a wrong picture.
    jpeg = dataset.file_meta.TransferSyntaxUID in _JPEG
    with jpegs.load(frame) if jpeg else Image.open(io.BytesIO(frame), formats=["JPEG2000"]) as image:
        if image.size != (width, height):
            raise Unreadable(
                f"DICOM damaged (says {width} × {height} pixels, its compressed picture has "
                f"{image.width} × {image.height})"
            )


def _upper_eight(values: np.ndarray, bits: int) -> np.ndarray:
    return (values >> max(0, bits - 8)).astype(np.uint8) if values.dtype != np.uint8 else values.copy()


def _names(dataset: Any) -> set[str]:
    found: set[str] = set()
    for element in dataset.iterall():
        if element.VR != "PN" and element.keyword not in _PERSONAL:
            continue
        values = element.value if element.VM > 1 else [element.value]
        for text in (str(value).strip(" ^=") for value in values if value is not None):
            found.add(text)
            if element.VR == "PN":
                found.update(part.strip() for part in text.replace("=", "^").split("^") if len(part.strip()) > 1)
    return found - {""}


def _text(dataset: Any, name: str) -> str:
    value = dataset.get(name)
    return "" if value is None else str(value).strip()


def _number(dataset: Any, name: str, default: int | None = None) -> int:
    value = dataset.get(name, default)
    value = default if value in ("", None) else value
    if not isinstance(value, int):
        raise Unreadable(f"DICOM damaged ({name} is {'missing' if value is None else repr(value)})")
    return int(value)
