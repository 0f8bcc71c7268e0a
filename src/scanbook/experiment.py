"""The shapes of an experiment: every key of a parameter file, its type, its bounds and its default.

A class here is a section of the YAML. What a section cannot mean is refused where it is written; how a file is found
and its errors are put into words is `params`' work, how profile and overrides are laid over it is `resolve`'s.
"""

from typing import Any, Literal, get_args

from pydantic import Field, ValidationInfo, field_validator, model_validator

from scanbook.data_section import Data, Split, Strict


class Image(Strict):
    size: int = Field(default=224, ge=16, le=2048)
    fit: Literal["pad", "squeeze", "crop"] = "pad"
    colour: Literal["grey", "rgb"] = "grey"
    equalise: Literal["none", "histogram", "clahe"] = "none"
    normalise: Literal["imagenet", "training", "none"] = "imagenet"
    resize: int | None = Field(default=None, ge=16, le=4096)  # with fit crop: the shorter side, before the crop

    @model_validator(mode="after")
    def _consistent(self) -> "Image":
        if self.resize is not None and (self.fit != "crop" or self.resize < self.size):
            raise ValueError(f"resize: {self.resize} px goes with fit crop and is at least the size, {self.size} px; "
                             f"here fit is {self.fit} (resize: null takes it away)")  # fmt: skip
        return self


class Augment(Strict):
    """Strengths; every default is neutral. See `loaders.augment`."""

    flip_horizontal: float = Field(default=0.0, ge=0, le=1)
    flip_vertical: float = Field(default=0.0, ge=0, le=1)
    rotate_deg: float = Field(default=0.0, ge=0, le=180)
    zoom: float = Field(default=0.0, ge=0, lt=1)
    shift: float = Field(default=0.0, ge=0, lt=1)
    crop: float = Field(default=0.0, ge=0, lt=1)
    brightness: float = Field(default=0.0, ge=0, le=1)
    contrast: float = Field(default=0.0, ge=0, lt=1)
    grey: float = Field(default=0.0, ge=0, le=1)
    gain_stops: float = Field(default=0.0, ge=0, le=4)
    rotate_twice: bool = False
    shift_y: float | None = Field(default=None, ge=0, lt=1)  # where it differs from `shift`


Optimiser = Literal["adam", "adamw", "sgd", "rmsprop"]


class Schedule(Strict):
    name: Literal["constant", "step", "exponential", "plateau", "cosine"] = "constant"
    factor: float = Field(default=0.1, gt=0, le=1)
    every: int = Field(default=1, ge=1)
    patience: int = Field(default=3, ge=1)


class Stage(Strict):
    train: str = Field(default="all", pattern=r"^(head|all|from:.+)$")
    epochs: int = Field(ge=1, le=1000)
    rate: float = Field(gt=0, le=10)
    optimiser: Optimiser | None = None
    schedule: Schedule | None = None
    early_stopping: int | None = Field(default=None, ge=1)


Balance = Literal["none", "class_weights", "sampler", "augmented", "smote", "smote_and_weights"]
FORMERLY = {  # resample.by and balance, as they were written before one word said both
    ("none", "none"): "none", ("none", "class_weights"): "class_weights", ("copies", "none"): "augmented",
    ("smote", "none"): "smote", ("smote", "class_weights"): "smote_and_weights",
}  # fmt: skip


class Resample(Strict):
    """Details of two ways to balance. See `loaders.balance`."""

    sets: list[Augment] = Field(default_factory=list)  # augmented: the augmentations of the second, third … showing
    neighbours: int = Field(default=5, ge=1)  # smote and smote_and_weights


class Training(Strict):
    stages: list[Stage] = Field(min_length=1)
    batch: int = Field(default=32, ge=1, le=4096)
    optimiser: Optimiser = "adam"
    momentum: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=0.0, ge=0)
    loss: Literal["cross_entropy", "bce"] = "cross_entropy"
    schedule: Schedule = Schedule()
    early_stopping: int | None = Field(default=None, ge=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    head: Literal["pooled", "own"] = "pooled"
    balance: Balance = "none"  # of the training part
    initial_bias: bool = False
    resample: Resample = Field(default=Resample(), validate_default=True)
    labels: Literal["as_given", "corrected", "shuffled"] = "as_given"  # to learn from; scores use the second opinion,
    # if any. Shuffled: dealt anew by chance, so that there is nothing to learn: what a map still shows then is no evidence
    max_images: int | None = Field(default=None, ge=2)  # of the training part, whole groups
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    threads: int | Literal["auto"] = "auto"
    micro_batches: int = Field(default=1, ge=1)  # parts that a batch is passed in, for less memory
    checkpoint_s: float = Field(default=60.0, ge=0)  # between two checkpoints; changes no result

    @model_validator(mode="before")
    @classmethod
    def _one_word(cls, raw: Any) -> Any:
        """Refuse the spelling of before, with the word that takes its place."""
        old = raw.get("resample") if isinstance(raw, dict) else None
        if not isinstance(old, dict) or "by" not in old:
            return raw
        by, balance = str(old["by"]), str(raw.get("balance", "none"))
        word = FORMERLY.get((by, balance))
        instead = f"write balance: {word}" if word else f"write balance: one of {', '.join(get_args(Balance))}"
        raise ValueError(
            f"balance says in one word what balance and resample.by said in two; in place of balance: {balance} with "
            f"resample.by: {by} {instead} (resample.sets and resample.neighbours stay)"
        )

    @field_validator("resample")
    @classmethod
    def _what_is_read(cls, given: Resample, info: ValidationInfo) -> Resample:
        """Only the details that `balance` reads: a file gives them once, for those of its arms that need them."""
        balance = info.data.get("balance", "none")
        if balance == "augmented" and not given.sets:
            raise ValueError("balance augmented needs sets, one augmentation or more for the images shown again")
        read = {"augmented": {"sets"}, "smote": {"neighbours"}, "smote_and_weights": {"neighbours"}}.get(balance, set())
        return Resample(**{name: getattr(given, name) for name in read})


class Settings(Strict):
    """What one arm trains with: the part of the experiment that an arm can change."""

    image: Image
    augment: Augment
    training: Training


class Arm(Settings):
    name: str
    network: str
    stands_for: str | None = None  # the source's network, where a light sibling runs in its place
    weights: str = "none"
    scheme: Literal["auto", "grouped", "provided", "random", "block", "crossfit"]
    seeds: list[int]
    about: str = ""
    planted: bool = False  # its comparison has a known answer and puts the judge to the test

    @property
    def aside(self) -> bool:
        """Whether it is trained to ask something of the labels, the maps or the judge, and is no candidate itself."""
        return self.planted or self.scheme == "crossfit" or self.training.labels == "shuffled"


class Tuning(Strict):
    """One small grid for every arm named, searched on the validation part only. See `tuning`."""

    arms: list[str] = Field(min_length=1)
    rates: list[float] = Field(default_factory=list)  # of the last stage
    batches: list[int] = Field(default_factory=list)
    epochs: list[int] = Field(default_factory=list)  # of the last stage
    budget_epochs: int | None = Field(default=None, ge=1)  # a point's last stage, where epochs are no axis
    max_images: int | None = Field(default=None, ge=2)  # a point's training images, whole groups; None: all

    @model_validator(mode="after")
    def _consistent(self) -> "Tuning":
        if not (self.rates or self.batches or self.epochs):
            raise ValueError("nothing to search: give rates, batches or epochs")
        if min([*self.rates, *self.batches, *self.epochs]) <= 0:
            raise ValueError("rates, batches and epochs lie above 0")
        if self.epochs and self.budget_epochs:
            raise ValueError("budget_epochs and epochs contradict each other: give one of them")
        return self


class Comparison(Strict):
    question: str
    a: str
    b: str
    metric: str = "auroc"
    margin: float = Field(default=0.02, ge=0)


class Claim(Strict):
    words: str
    metric: str | None = None
    value: float | None = None
    kind: Literal["claimed", "recorded", "published"] = "claimed"
    differs: str = ""  # what was measured otherwise there, whatever the profile: another split, other data


Shift = Literal["brightness", "contrast", "blur", "noise", "jpeg", "rotation", "move"]  # see `loaders.shifts`


class EvidenceSection(Strict):
    """How much is asked of the finished networks beyond their scores; each field is read by one room."""

    working_point: float | None = Field(default=None, gt=0, lt=1)  # sensitivity to reach on validation; None: Youden
    against_rest: str | None = None  # with three classes or more: the one that has a threshold, as malignant
    shifts: list[Shift] = Field(default_factory=list)  # of the robustness ladder; empty: all that there are
    strengths: int = Field(default=6, ge=1, le=6)  # steps of each shift
    maps: int = Field(default=60, ge=4)  # test images on which the maps are put to the test
    quiz: int = Field(default=8, ge=2, le=20)  # test images for the reader
    external: str | None = None  # a folder below DATA_DIR, predicted without training on it


class Experiment(Settings):
    """Everything that determines an assignment under one profile, nothing left to resolve."""

    name: str
    profile: str
    title: str
    question: str
    phantoms: bool
    cap_per_class: int | None
    claims: list[Claim]
    data: Data
    split: Split
    seeds: list[int]
    arms: dict[str, Arm]
    comparisons: list[Comparison]
    tuning: Tuning | None
    evidence: EvidenceSection = EvidenceSection()
    lesson: dict[str, str]  # arms of the section "claimed / as the source split / honest"

    @model_validator(mode="after")
    def _one_of_the_classes(self) -> "Experiment":
        named, classes = self.evidence.against_rest, self.data.class_names
        if named is not None and (named not in classes or len(classes) < 3):
            raise ValueError(f"evidence.against_rest: {named!r}; it names one of three classes or more, and the classes "
                             f"are {', '.join(classes)} (with two, data.positive says which)")  # fmt: skip
        return self
