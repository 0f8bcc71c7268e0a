"""DICOM: each rule on pixels small enough to work out by hand, and no name left behind in the header."""

import builtins
import io
import struct
import sys
import zlib

import numpy as np
import pytest
from PIL import Image
from wholes import dicom, ramp, saved

from scanbook.loaders.decoding.dicom import header
from scanbook.loaders.reading import Unreadable, decode

pydicom = pytest.importorskip("pydicom")

IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED = (f"1.2.840.10008.1.2{end}" for end in ("", ".1", ".2", ".1.99"))
JPEG, JPEG_12, JPEG_LOSSLESS, JPEG_LS, JPEG_2000, RLE, MPEG = (
    f"1.2.840.10008.1.2.{end}" for end in ("4.50", "4.51", "4.70", "4.80", "4.90", "5", "4.100")
)


def shown(values, syntax=EXPLICIT, **elements):
    return decode(dicom(np.array(values), syntax, **elements)).pixels


def row(*values, kind=np.int16):
    return np.array([values], kind)


def reason(data):
    with pytest.raises(Unreadable) as caught:
        decode(data)
    return str(caught.value)


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED])
@pytest.mark.parametrize("kind", [np.uint16, np.int16, np.uint32, np.int32])
def test_numbers_of_any_size_sign_and_order_are_stretched_over_their_range(syntax, kind):
    low = -1000 if np.dtype(kind).kind == "i" else 0
    np.testing.assert_array_equal(shown(row(low, low + 1000, low + 2000, kind=kind), syntax), [[0, 128, 255]])


def test_eight_unsigned_bits_without_a_window_stay_as_they_are():
    np.testing.assert_array_equal(shown(ramp()), ramp())
    wide = ramp().astype(np.uint16)  # eight bits in sixteen
    np.testing.assert_array_equal(shown(wide, BitsStored=8, HighBit=7), ramp())


def test_fewer_bits_than_the_room_they_lie_in():
    """12 bits in 16; what other bits hold (overlays, once) is not part of the number."""
    values = row(0x000, 0x800, 0xFFF, kind=np.uint16)
    np.testing.assert_array_equal(shown(values | 0xA000, BitsStored=12, HighBit=11), [[0, 128, 255]])
    signed = row(-2048, 0, 2047).view(np.uint16) & 0x0FFF
    np.testing.assert_array_equal(shown(signed, BitsStored=12, HighBit=11, PixelRepresentation=1), [[0, 128, 255]])


def test_one_bit_is_black_and_white():
    from pydicom.pixels import pack_bits

    mask = (ramp() > 128).astype(np.uint8)
    data = dicom(mask, BitsAllocated=1, BitsStored=1, HighBit=0, PixelData=pack_bits(mask))
    np.testing.assert_array_equal(decode(data).pixels, 255 * mask)


def test_floating_point_pixels():
    values = np.array([[-0.5, 0.0, 0.5]], np.float32)
    elements = {"PixelData": None, "FloatPixelData": values.tobytes(), "BitsStored": None, "HighBit": None,
                "PixelRepresentation": None}  # fmt: skip
    np.testing.assert_array_equal(decode(dicom(values, **elements)).pixels, [[0, 128, 255]])
    elements["FloatPixelData"] = np.array([[0, np.nan, 1]], np.float32).tobytes()
    assert reason(dicom(values, **elements)) == "holds values that are not numbers"


def test_the_files_own_window_cuts_at_both_ends():
    """LINEAR, PS3.3 C.11.2.1.2.1: centre 40, width 401 is a ramp from -160.5 to 239.5."""
    values = row(-1000, -161, -160, 39, 40, 239, 240, 3000)
    expected = [np.clip(((v - 39.5) / 400 + 0.5) * 255, 0, 255) for v in values[0]]
    pixels = shown(values, WindowCenter=40, WindowWidth=401)
    np.testing.assert_array_equal(pixels[0], np.rint(expected))
    assert pixels[0].tolist() == [0, 0, 0, 127, 128, 255, 255, 255]


def test_rescaling_comes_before_the_window():
    stored = row(0, 1024, 2048, kind=np.uint16)
    pixels = shown(stored, RescaleSlope=2, RescaleIntercept=-2048, WindowCenter=0.5, WindowWidth=4097)
    np.testing.assert_array_equal(pixels, [[0, 128, 255]])


def test_a_falling_slope_turns_the_picture_round():
    values = row(0, 500, 1000)
    np.testing.assert_array_equal(shown(values, RescaleSlope=-1, RescaleIntercept=0), [[255, 127, 0]])
    windowed = shown(values, RescaleSlope=-1, RescaleIntercept=1000, WindowCenter=500.5, WindowWidth=1001)
    np.testing.assert_array_equal(windowed, [[255, 128, 0]])


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("LINEAR_EXACT", [0, 64, 128, 191, 255]),
        ("SIGMOID", [255 / (1 + np.exp(-4 * x)) for x in (-0.5, -0.25, 0, 0.25, 0.5)]),
    ],
)
def test_other_shapes_of_window(function, expected):
    pixels = shown(row(-200, -100, 0, 100, 200), WindowCenter=0, WindowWidth=400, VOILUTFunction=function)
    np.testing.assert_array_equal(pixels[0], np.rint(expected))


def test_of_several_windows_the_first_counts():
    values = row(0, 50, 100, 1000)
    one, several = {"WindowCenter": 50, "WindowWidth": 101}, {"WindowCenter": [50, 500], "WindowWidth": [101, 900]}
    np.testing.assert_array_equal(shown(values, **several), shown(values, **one))


@pytest.mark.parametrize(("centre", "width"), [(50, 0), (50, -5), (50, 0.5), (99_999, 10), (-99_999, 10), ("", "")])
def test_a_window_that_shows_nothing_counts_as_none(centre, width):
    np.testing.assert_array_equal(shown(row(0, 500, 1000), WindowCenter=centre, WindowWidth=width), [[0, 128, 255]])


def test_a_flat_image_is_flat_with_or_without_a_window():
    assert not shown(row(7, 7, 7)).any()
    assert np.ptp(shown(row(7, 7, 7), WindowCenter=0, WindowWidth=100)) == 0


def test_without_a_window_the_files_table_is_used():
    item = pydicom.Dataset()
    item.add_new("LUTDescriptor", "US", [4, 100, 16])
    item.add_new("LUTData", "US", [0, 16384, 49152, 65535])
    pixels = shown(row(0, 100, 101, 102, 103, 999, kind=np.uint16), VOILUTSequence=[item])
    np.testing.assert_array_equal(pixels, [[0, 0, 64, 191, 255, 255]])


def test_a_table_may_stand_for_slope_and_intercept():
    item = pydicom.Dataset()
    item.add_new("LUTDescriptor", "US", [3, 0, 16])
    item.add_new("LUTData", "US", [1000, 0, 500])
    np.testing.assert_array_equal(shown(row(0, 1, 2, kind=np.uint16), ModalityLUTSequence=[item]), [[255, 0, 128]])


def test_monochrome1_is_turned_round():
    grey = ramp()
    np.testing.assert_array_equal(shown(grey, PhotometricInterpretation="MONOCHROME1"), 255 - grey)
    pixels = shown(row(0, 500, 1000), PhotometricInterpretation="MONOCHROME1", WindowCenter=500.5, WindowWidth=1001)
    np.testing.assert_array_equal(pixels, [[255, 127, 0]])


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_black_and_does_not_count_for_the_range(photometric):
    values = row(-2000, 0, 51, 255, -1995)
    pixels = shown(values, PixelPaddingValue=-2000, PixelPaddingRangeLimit=-1990, PhotometricInterpretation=photometric)
    inner = [0, 51, 255] if photometric == "MONOCHROME2" else [255, 204, 0]
    np.testing.assert_array_equal(pixels, [[0, *inner, 0]])


def test_an_image_that_is_all_padding_is_black():
    assert not shown(row(5, 5, 5), PixelPaddingValue=5, WindowCenter=0, WindowWidth=10).any()


def test_multi_frame_files_keep_window_and_slope_with_the_frame():
    def group(**elements):
        outer, inner = pydicom.Dataset(), pydicom.Dataset()
        for keyword, value in elements.items():
            setattr(inner, keyword, value)
        name = "FrameVOILUTSequence" if "WindowCenter" in elements else "PixelValueTransformationSequence"
        setattr(outer, name, [inner])
        return outer

    frames = np.array([[[0, 100, 200]], [[900, 900, 900]]], np.int16)
    pixels = shown(
        frames,
        frames=True,
        SharedFunctionalGroupsSequence=[group(RescaleSlope=1, RescaleIntercept=-100)],
        PerFrameFunctionalGroupsSequence=[
            group(WindowCenter=0.5, WindowWidth=201),
            group(WindowCenter=1, WindowWidth=5),
        ],
    )
    np.testing.assert_array_equal(pixels, [[0, 128, 255]])


def test_the_first_of_several_frames_counts():
    np.testing.assert_array_equal(shown(np.stack([ramp(), 255 - ramp()]), frames=True), ramp())


@pytest.mark.parametrize("planes", [0, 1])
def test_colour_is_rgb_however_its_planes_lie(planes):
    colour = np.dstack([ramp(seed=seed) for seed in (1, 2, 3)])
    stored = colour if planes == 0 else np.ascontiguousarray(colour.transpose(2, 0, 1))
    data = dicom(colour, PlanarConfiguration=planes, PixelData=stored.tobytes())
    np.testing.assert_array_equal(decode(data).pixels, colour)


def test_ybr_full_becomes_rgb():
    image = Image.new("RGB", (4, 4), (200, 90, 30))
    stored = np.array(image.convert("YCbCr"))
    pixels = shown(stored, PhotometricInterpretation="YBR_FULL")
    assert np.abs(pixels.astype(int) - (200, 90, 30)).max() <= 2


def test_of_sixteen_bits_of_colour_the_upper_eight_count():
    colour = np.array([[[0x1234, 0xABFF, 0xFF00]]], np.uint16)
    np.testing.assert_array_equal(shown(colour), [[[0x12, 0xAB, 0xFF]]])


def test_a_palette_becomes_rgb():
    elements = {}
    for name, values in (("Red", [10, 200]), ("Green", [20, 100]), ("Blue", [30, 50])):
        table = np.array([value * 257 for value in values], np.uint16)
        elements[f"{name}PaletteColorLookupTableDescriptor"] = [2, 0, 16]
        elements[f"{name}PaletteColorLookupTableData"] = table.tobytes()
    pixels = shown(row(0, 1, kind=np.uint8), PhotometricInterpretation="PALETTE COLOR", **elements)
    np.testing.assert_array_equal(pixels, [[[10, 20, 30], [200, 100, 50]]])


def test_rle_and_jpeg_2000_are_the_same_picture_and_jpeg_nearly():
    from pydicom.pixels.encoders import RLELosslessEncoder

    runs = RLELosslessEncoder.encode(ramp(), rows=48, columns=40, samples_per_pixel=1, bits_allocated=8, bits_stored=8,
                                     photometric_interpretation="MONOCHROME2", pixel_representation=0,
                                     number_of_frames=1)  # fmt: skip
    image = Image.fromarray(ramp())
    np.testing.assert_array_equal(decode(dicom(ramp(), RLE, runs)).pixels, ramp())
    lossless = saved(image, "JPEG2000", no_jp2=True)
    np.testing.assert_array_equal(decode(dicom(ramp(), JPEG_2000, lossless)).pixels, ramp())
    jpeg = saved(image, "JPEG")
    np.testing.assert_array_equal(decode(dicom(ramp(), JPEG, jpeg)).pixels, decode(jpeg).pixels)


def test_colour_jpeg_is_rgb_and_not_ybr():
    image = Image.new("RGB", (32, 32), (200, 90, 30))
    data = dicom(np.array(image), JPEG, saved(image, "JPEG", quality=95), PhotometricInterpretation="YBR_FULL_422")
    assert np.abs(decode(data).pixels.astype(int) - (200, 90, 30)).max() <= 4


@pytest.mark.parametrize(
    ("syntax", "name"),
    [(JPEG_LOSSLESS, "JPEG Lossless"), (JPEG_LS, "JPEG-LS Lossless"), (MPEG, "MPEG2")],
)
def test_a_compression_that_is_not_read_is_named(syntax, name):
    said = reason(dicom(ramp(), syntax, b"\xff\xd8\xff\xd9"))
    assert said.startswith(f"DICOM compressed as {name}")
    assert "decompress it first" in said


def test_jpeg_of_twelve_bits_is_named():
    jpeg = bytearray(saved(Image.fromarray(ramp()), "JPEG"))
    jpeg[jpeg.index(b"\xff\xc0") + 4] = 12
    assert "12 bits a sample" in reason(dicom(ramp(), JPEG_12, bytes(jpeg)))


@pytest.mark.parametrize(
    ("elements", "said"),
    [
        ({"PixelData": None}, "DICOM without pixels, or cut off before them (Secondary Capture Image Storage)"),
        ({"Rows": None}, "DICOM damaged (Rows is missing)"),
        ({"Rows": 65535, "Columns": 65535}, "65535 × 65535 pixels; at most 80,000,000 are read"),
        ({"Rows": 0}, "40 × 0 pixels: nothing to see"),
        ({"Rows": 47_000}, "DICOM damaged (The number of bytes of pixel data is less than expected"),
        ({"NumberOfFrames": 2_000_000_000}, "DICOM damaged (The number of bytes of pixel data is less than expected"),
        ({"SamplesPerPixel": 4}, "DICOM with 4 samples per pixel: not read"),
        ({"PhotometricInterpretation": "HSV"}, "DICOM with the photometric interpretation 'HSV': not read"),
        ({"PhotometricInterpretation": None}, "DICOM damaged (Missing required element"),
        ({"RescaleSlope": 0}, "DICOM damaged (rescale slope 0, intercept 0)"),
        ({"BitsAllocated": 13}, "DICOM damaged"),
    ],
)
def test_what_makes_no_picture_has_a_reason(elements, said):
    assert reason(dicom(ramp(), **elements)).startswith(said)


def test_a_frame_whose_own_header_asks_for_more_than_the_files_is_refused():
    large = saved(Image.new("L", (20_000, 20_000)), "JPEG", quality=1)
    assert "20000 × 20000 pixels" in reason(dicom(ramp(), JPEG, large))
    other = saved(Image.new("L", (41, 48)), "JPEG2000", no_jp2=True)
    assert "its compressed picture has 41 × 48" in reason(dicom(ramp(), JPEG_2000, other))
    runs = struct.pack("<16I", 1, 64, *[0] * 14) + b"\x81\x00" * 100_000  # 200 kB that become 12.8 MB
    assert "RLE data are longer" in reason(dicom(ramp(), RLE, runs))


def test_found_half_a_jpeg_in_a_whole_file_is_no_picture():
    jpeg = saved(Image.fromarray(ramp(96, 96)), "JPEG")
    assert "data are missing" in reason(dicom(ramp(96, 96), JPEG, jpeg[: len(jpeg) // 2] + b"\xff\xd9"))


def test_found_a_deflated_bomb_is_stopped_while_it_inflates():
    """1 MB that became 1 GB before anything was asked."""
    data = dicom(ramp(), DEFLATED)
    meta = 144 + struct.unpack_from("<I", data, 140)[0]
    machine = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = machine.compress(struct.pack("<HH2sHI", 9, 0x1001, b"OB", 0, 2**30))
    bomb += b"".join(machine.compress(bytes(2**20)) for _ in range(600)) + machine.flush()
    assert reason(data[:meta] + bomb) == "DICOM that inflates to more than 512 MiB"


def test_sequences_nested_without_end_are_a_reason():
    data = dicom(ramp())
    meta = 144 + struct.unpack_from("<I", data, 140)[0]
    deep = struct.pack("<HH2sHIHHI", 8, 0x1115, b"SQ", 0, 0xFFFFFFFF, 0xFFFE, 0xE000, 0xFFFFFFFF) * 3000
    assert reason(data[:meta] + deep).startswith("DICOM damaged")


def named():
    """A header with names at every depth."""
    ordered, operator, private = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
    operator.PatientName = "Inner^Most"
    operator.OtherPatientIDs = ["MRN-1", "MRN-2"]
    ordered.RequestingPhysician = "Meier^Anna^^Dr.=麻衣"
    ordered.RequestAttributesSequence = [operator]
    private.PersonName = "Hidden^Private"
    elements = {"PatientID": " 0815 ", "PatientName": "Doe^Jane Q", "StudyInstanceUID": "1.2.3.4", "AccessionNumber": "A77",
                "OtherPatientIDs": "MRN-9", "PatientAddress": "12 High Street", "OperatorsName": ["Kim^A", "Lee^Bo"],
                "SpecificCharacterSet": "ISO_IR 192", "ReferencedRequestSequence": [ordered],
                "StudyDescription": "Chest", "WindowCenter": 5}  # fmt: skip
    dataset = pydicom.dcmread(io.BytesIO(dicom(ramp(), **elements)))
    dataset.add_new(0x00090010, "LO", "MAKER")
    dataset.add_new(0x00091001, "SQ", [private])
    stream = io.BytesIO()
    dataset.save_as(stream)
    return stream.getvalue()


def test_the_header_gives_every_name_and_number_at_any_depth():
    found = header(named())
    assert (found.patient_id, found.study_id) == ("0815", "1.2.3.4")
    assert found.names >= {
        *(
            "Doe^Jane Q",
            "Doe",
            "Jane Q",
            "0815",
            "A77",
            "MRN-9",
            "12 High Street",
            "Kim^A",
            "Lee^Bo",
            "Kim",
            "Lee",
            "Bo",
        ),
        *("Inner^Most", "Inner", "Most", "MRN-1", "MRN-2", "Meier", "Anna", "Dr.", "麻衣", "Hidden^Private", "Hidden"),
    }
    assert not found.names & {"", "A", "Chest", "1.2.3.4", "5"}


def test_a_path_gives_the_same_header_and_its_pixels_are_not_read(tmp_path):
    path = tmp_path / "scan"
    path.write_bytes(named())
    assert header(path) == header(named())
    path.write_bytes(named()[:-1000])  # cut in its pixels
    assert header(path) == header(named())


def test_a_header_that_is_silent_is_empty():
    found = header(dicom(ramp(), PatientID=None, PatientName=None, StudyInstanceUID=None))
    assert (found.patient_id, found.study_id, found.names) == ("", "", frozenset())


def test_a_header_that_cannot_be_read_is_a_reason_and_never_an_empty_list_of_names(tmp_path):
    with pytest.raises(Unreadable, match="not a DICOM file"):
        header(saved(Image.new("L", (9, 9)), "PNG"))
    with pytest.raises(Unreadable, match="cannot be opened"):
        header(tmp_path / "none.dcm")


def test_a_header_cut_off_gives_what_stood_before_the_cut():
    whole = header(named()).names
    found = [header(named()[:length]).names for length in range(330, len(named()), 50)]
    assert all(names <= whole for names in found)
    assert found[-1] == whole


def test_without_pydicom_the_reason_says_what_to_install(monkeypatch):
    data, real = dicom(ramp()), builtins.__import__

    def without(name, *rest):
        if name.split(".")[0] == "pydicom":
            raise ImportError(name)
        return real(name, *rest)

    for name in [name for name in sys.modules if name.split(".")[0] == "pydicom"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without)
    for look in (decode, header):
        with pytest.raises(Unreadable, match="needs pydicom; install it with: pip install"):
            look(data)


def test_a_dicom_file_says_how_it_stores_a_pixel():
    picture = decode(dicom(row(0, 1000), BitsStored=12, HighBit=11))
    assert (picture.format, picture.mode) == ("DICOM", "MONOCHROME2 12 bit")
