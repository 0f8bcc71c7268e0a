"""A claim is held against a result only where both measure the same; else the reason stands in its place."""

import pytest
import tiny

from scanbook import params
from scanbook.claims import why_not
from scanbook.experiment import Claim


def asked(name, profile):
    return params.load(tiny.REPOSITORY / "params" / f"{name}.yaml", profile)


@pytest.mark.parametrize("name", tiny.FIVE)
def test_phantoms_and_smaller_runs_are_compared_with_no_claim(name):
    for claim in asked(name, "sample").claims:
        assert why_not(asked(name, "sample"), claim) == "phantoms"
        assert why_not(asked(name, "quick"), claim)


def test_what_was_measured_otherwise_is_said_in_the_full_profile_too():
    (claim,) = (c for c in asked("lung", "full").claims if c.value is not None)
    assert why_not(asked("lung", "full"), claim) == "another split: slices dealt one by one"


def test_what_was_measured_alike_is_compared_in_full_and_only_there():
    claim = Claim(words="92 %", metric="accuracy", value=0.92)
    assert why_not(asked("xray", "full"), claim) == ""
    assert why_not(asked("xray", "quick"), claim) == "profile quick: other sizes and fewer images"
