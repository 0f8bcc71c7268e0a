import pytest
import torch

from scanbook.models.schedules import make_optimiser, rate_at


def rates(schedule, epochs, val_losses=()):
    return [rate_at(schedule, 1.0, e, epochs, val_losses[:e]) for e in range(epochs)]


def test_step_is_the_fetal_sources_fifth_off_every_second_epoch():
    assert rates({"name": "step", "factor": 0.8, "every": 2}, 5) == pytest.approx([1, 1, 0.8, 0.8, 0.64])


def test_exponential_falls_by_its_factor_each_epoch():
    assert rates({"name": "exponential", "factor": 0.5}, 3) == [1, 0.5, 0.25]


def test_cosine_falls_from_the_start_towards_nothing_and_constant_stays():
    values = rates({"name": "cosine"}, 4)
    assert values[0] == 1
    assert values == sorted(values, reverse=True)
    assert values[2] == pytest.approx(0.5)
    assert values[3] > 0
    assert rates({"name": "constant"}, 3) == [1, 1, 1]


def test_plateau_waits_its_patience_after_each_fall():
    losses = [3.0, 2.0, 2.0, 2.5, 1.0, 1.1, 1.2, 1.3, 1.4]
    values = rates({"name": "plateau", "factor": 0.1, "patience": 2}, 9, losses)
    assert values == pytest.approx([1, 1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01])


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ({"name": "linear"}, "allowed are constant, step, exponential, plateau, cosine"),
        ({"name": "step", "factor": 0.1}, "needs every"),
        ({"name": "plateau", "factor": 1.5, "patience": 1}, "factor is 1.5"),
        ({"name": "step", "factor": 0.1, "every": 0}, "every is 0"),
    ],
)
def test_schedules_that_cannot_be_are_refused(schedule, message):
    with pytest.raises(ValueError, match=message):
        rate_at(schedule, 1.0, 0, 1)


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd", "rmsprop"])
def test_every_optimiser_goes_downhill_and_leaves_frozen_parameters_alone(name):
    moving, frozen = (torch.nn.Parameter(torch.ones(3)) for _ in range(2))
    frozen.requires_grad_(False)
    optimiser = make_optimiser(name, [moving, frozen], rate=0.01, momentum=0.9, weight_decay=0.0)
    for _ in range(3):
        optimiser.zero_grad()
        moving.square().sum().backward()
        optimiser.step()
    assert (moving < 1).all()
    assert (frozen == 1).all()


def test_weight_decay_pulls_towards_zero():
    weight = torch.nn.Parameter(torch.ones(1))
    optimiser = make_optimiser("sgd", [weight], rate=0.1, momentum=0.0, weight_decay=0.5)
    (0 * weight).sum().backward()
    optimiser.step()
    assert weight.item() == pytest.approx(1 - 0.1 * 0.5)


def test_an_unknown_optimiser_and_a_stage_without_parameters_are_refused():
    with pytest.raises(ValueError, match="allowed are adam, adamw, sgd, rmsprop"):
        make_optimiser("lion", [torch.nn.Parameter(torch.ones(1))], 0.1, 0.9, 0.0)
    with pytest.raises(ValueError, match="no parameter learns"):
        make_optimiser("adam", [], 0.1, 0.9, 0.0)
