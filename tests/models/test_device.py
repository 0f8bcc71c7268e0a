import pytest
import torch

from scanbook.models import device
from scanbook.models.device import choose


def test_the_choice_is_one_line_with_its_reason():
    chosen = choose("cpu")
    assert chosen.channels_last
    assert chosen.threads == torch.get_num_threads()
    for part in ("cpu", "thread", chosen.precision, "channels last", "bfloat16"):
        assert part in str(chosen)
    assert "\n" not in str(chosen)


@pytest.mark.parametrize(
    ("flags", "precision"),
    [({"avx2"}, "float32"), ({"avx512_bf16"}, "bfloat16"), ({"amx_tile", "amx_bf16"}, "bfloat16"), (set(), "float32")],
)
def test_bfloat16_only_where_the_processor_multiplies_it(monkeypatch, flags, precision):
    monkeypatch.setattr(device, "_cpu_flags", lambda: flags)
    assert choose("cpu").precision == precision
    assert choose("cpu", "float32").precision == "float32"
    assert choose("cpu", "bfloat16").precision == "bfloat16"


def test_flags_are_read_as_linux_writes_them_and_asked_of_torch_elsewhere(tmp_path):
    (tmp_path / "cpuinfo").write_text("processor : 0\nflags\t\t: fpu avx2 avx512_bf16\n\nprocessor : 1\n")
    assert "avx512_bf16" in device._cpu_flags(tmp_path / "cpuinfo")
    assert device._cpu_flags(tmp_path / "none") <= {"avx512_bf16", "amx_bf16"}


def test_a_layout_that_was_asked_for_is_kept():
    assert not choose("cpu", channels_last=False).channels_last


def test_what_is_not_there_is_refused():
    with pytest.raises(ValueError, match="auto, float32, bfloat16"):
        choose("cpu", "float16")
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="use auto or cpu"):
            choose("cuda")
    with pytest.raises(ValueError, match="'gpu' cannot be used here"):
        choose("gpu")
