"""What can go wrong in a training and is no fault of the code; without torch, so that whoever reads states can name it."""


class NotANumber(ValueError):
    """The loss became infinite or not a number; the run cannot go on."""
