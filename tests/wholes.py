"""Small files of every format, made here, for tests and for benchmarks/damaged.py.

Pictures are grey ramps with noise, so that a lost or invented row shows in the pixels.
"""

import io
import struct
from functools import cache

import numpy as np
from PIL import Image


def saved(image: Image.Image, kind: str, **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def ramp(height: int = 48, width: int = 40, seed: int = 0) -> np.ndarray:
    """uint8 (height, width), dark at the top and bright at the bottom, never flat."""
    noise = np.random.default_rng(seed).normal(0, 12, (height, width))
    return np.clip(np.linspace(0, 255, height * width).reshape(height, width) + noise, 1, 254).astype(np.uint8)


@cache
def wholes() -> dict[str, bytes]:
    """ "<FORMAT> <kind>" -> an undamaged file that `reading.decode` uses."""
    grey = Image.fromarray(ramp())
    colour = Image.fromarray(np.dstack([ramp(seed=seed) for seed in (1, 2, 3)]))
    clear = colour.copy()
    clear.putalpha(Image.fromarray(np.roll(ramp(), 9, 0)))
    deep = Image.fromarray(ramp().astype(np.uint16) * 16 + 5)
    other = grey.transpose(Image.Transpose.ROTATE_180)
    palette = colour.convert("P")
    turned = Image.Exif()
    turned[0x0112] = 6
    pages = {"save_all": True, "append_images": [other]}
    files = {
        "JPEG grey": saved(grey, "JPEG"),
        "JPEG colour": saved(colour, "JPEG", quality=90),
        "JPEG restarts": saved(colour, "JPEG", restart_marker_rows=1),
        "JPEG progressive": saved(colour, "JPEG", progressive=True),
        "JPEG progressive grey": saved(grey, "JPEG", progressive=True),
        "JPEG CMYK": saved(colour.convert("CMYK"), "JPEG"),
        "JPEG turned": saved(grey, "JPEG", exif=turned),
        "JPEG larger": saved(Image.fromarray(ramp(200, 300)), "JPEG"),
        "PNG grey": saved(grey, "PNG"),
        "PNG colour": saved(colour, "PNG"),
        "PNG alpha": saved(clear, "PNG"),
        "PNG grey alpha": saved(clear.convert("LA"), "PNG"),
        "PNG palette": saved(palette, "PNG"),
        "PNG 1 bit": saved(grey.convert("1"), "PNG"),
        "PNG 16 bit": saved(deep, "PNG"),
        "PNG interlaced": interlaced_png(ramp()),
        "BMP grey": saved(grey, "BMP"),
        "BMP colour": saved(colour, "BMP"),
        "BMP 32 bit": saved(clear, "BMP"),
        "BMP 1 bit": saved(grey.convert("1"), "BMP"),
        "BMP runs": run_length_bmp(ramp()),
        "TIFF grey": saved(grey, "TIFF"),
        "TIFF colour": saved(colour, "TIFF"),
        "TIFF 16 bit": saved(deep, "TIFF"),
        "TIFF float": saved(deep.convert("F"), "TIFF"),
        "TIFF strips": saved(grey, "TIFF", tiffinfo={278: 8}),
        "TIFF LZW": saved(grey, "TIFF", compression="tiff_lzw", tiffinfo={278: 8}),
        "TIFF deflate": saved(colour, "TIFF", compression="tiff_adobe_deflate"),
        "TIFF JPEG": saved(colour, "TIFF", compression="jpeg"),
        "TIFF fax": saved(grey.convert("1"), "TIFF", compression="group4"),
        "TIFF pages": saved(grey, "TIFF", **pages),
        "TIFF big": saved(grey, "TIFF", big_tiff=True),
        "WEBP lossy": saved(colour, "WEBP"),
        "WEBP lossless": saved(colour, "WEBP", lossless=True),
        "WEBP alpha": saved(clear, "WEBP"),
        "WEBP frames": saved(colour, "WEBP", **pages),
        "GIF grey": saved(grey, "GIF"),
        "GIF palette": saved(palette, "GIF", transparency=3),
        "GIF frames": saved(grey, "GIF", **pages),
    }
    return files | dicoms()


def dicom(
    pixels: np.ndarray,
    syntax: str = "1.2.840.10008.1.2.1",
    data: bytes | None = None,
    frames: bool = False,
    **elements,
) -> bytes:
    """A DICOM file of grey (H, W), colour (H, W, 3) or, with `frames`, grey (N, H, W) pixels.

    data      the compressed frame, where the syntax compresses
    elements  by keyword; None: left out
    """
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.encaps import encapsulate
    from pydicom.uid import UID, SecondaryCaptureImageStorage

    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(syntax)
    dataset.SOPClassUID, dataset.SOPInstanceUID = SecondaryCaptureImageStorage, "1.2.3"
    colour = pixels.ndim == 3 and not frames
    height, width = pixels.shape[:2] if colour else pixels.shape[-2:]
    bits = 8 * pixels.itemsize
    swapped = syntax == "1.2.840.10008.1.2.2"
    about = {
        "PatientID": "P-17",
        "PatientName": "Doe^Jane",
        "StudyInstanceUID": "1.2.3.4",
        "SamplesPerPixel": 3 if colour else 1,
        "PhotometricInterpretation": "RGB" if colour else "MONOCHROME2",
        "NumberOfFrames": len(pixels) if frames else None,
        "PlanarConfiguration": 0 if colour else None,
        "Rows": height,
        "Columns": width,
        "BitsAllocated": bits,
        "BitsStored": bits,
        "HighBit": bits - 1,
        "PixelRepresentation": int(pixels.dtype.kind == "i"),
        "PixelData": encapsulate([data]) if data else (pixels.byteswap() if swapped else pixels).tobytes(),
    }
    for keyword, value in (about | elements).items():
        if value is not None:
            setattr(dataset, keyword, value)
    if "PixelData" in dataset:
        dataset["PixelData"].VR = "OW" if bits > 8 and not data else "OB"
        dataset["PixelData"].is_undefined_length = data is not None
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def dicoms() -> dict[str, bytes]:
    """The DICOM part of `wholes`; empty without pydicom."""
    try:
        import pydicom  # noqa: F401
        from pydicom.pixels.encoders import RLELosslessEncoder
    except ImportError:
        return {}
    grey, colour = ramp(), np.dstack([ramp(seed=seed) for seed in (1, 2, 3)])
    deep = grey.astype(np.int16) * 8 - 1000
    shape = {"rows": 48, "columns": 40, "bits_allocated": 8, "bits_stored": 8, "number_of_frames": 1}
    runs = RLELosslessEncoder.encode(
        grey, **shape, samples_per_pixel=1, photometric_interpretation="MONOCHROME2", pixel_representation=0
    )
    window = {"WindowCenter": 0, "WindowWidth": 1500, "RescaleSlope": 1, "RescaleIntercept": -24}
    return {
        "DICOM 8 bit": dicom(grey),
        "DICOM signed 16 bit": dicom(deep, **window),
        "DICOM 12 bit": dicom(grey.astype(np.uint16) * 16, BitsStored=12, HighBit=11),
        "DICOM implicit": dicom(deep, "1.2.840.10008.1.2"),
        "DICOM big endian": dicom(deep, "1.2.840.10008.1.2.2"),
        "DICOM deflated": dicom(grey, "1.2.840.10008.1.2.1.99"),
        "DICOM colour": dicom(colour),
        "DICOM frames": dicom(np.stack([grey, 255 - grey]), frames=True),
        "DICOM RLE": dicom(grey, "1.2.840.10008.1.2.5", runs),
        "DICOM JPEG": dicom(grey, "1.2.840.10008.1.2.4.50", saved(Image.fromarray(grey), "JPEG")),
        "DICOM JPEG 2000": dicom(grey, "1.2.840.10008.1.2.4.90", saved(Image.fromarray(grey), "JPEG2000", no_jp2=True)),
    }


def png_chunk(name: bytes, body: bytes) -> bytes:
    import zlib

    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def interlaced_png(grey: np.ndarray) -> bytes:
    """PNG in the seven passes of Adam7, which Pillow reads and does not write."""
    import zlib

    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    rows = (row for y, x, dy, dx in passes for row in grey[y::dy, x::dx])
    body = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    head = struct.pack(">IIBBBBB", grey.shape[1], grey.shape[0], 8, 0, 0, 0, 1)
    chunks = png_chunk(b"IHDR", head) + png_chunk(b"IDAT", body) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def run_length_bmp(grey: np.ndarray) -> bytes:
    """BMP in runs (RLE8), which Pillow reads and does not write; every run has one pixel."""
    body = b"".join(b"".join(bytes((1, value)) for value in row) + b"\0\0" for row in grey[::-1]) + b"\0\1"
    colours = b"".join(bytes((value, value, value, 0)) for value in range(256))
    head = struct.pack("<IiiHHIIiiII", 40, grey.shape[1], grey.shape[0], 1, 8, 1, len(body), 0, 0, 256, 0)
    start = 14 + len(head) + len(colours)
    return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + head + colours + body
