"""The sections `data` and `split` of a parameter file: which images, whose they are, and how they are dealt.

Split from `experiment`, which holds the rest, because these two are what somebody with images of their own reads.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from scanbook.published import Source


class Strict(BaseModel):
    """Unknown keys and silent conversions are errors: a misspelt key that is ignored looks like a result."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Check(Strict):
    """A second opinion on the label, read from the file's name; never a feature."""

    pattern: str
    meaning: dict[str, str]


class Data(Strict):
    folder: str
    source: Source | None = None
    layout: Literal["class_folders", "split_folders", "label_table"]
    classes: list[str] | dict[str, str]  # the source's spelling, or {source's spelling: ours}
    positive: str | None = None
    group: str = ""
    unit: Literal["patients", "blocks", "images"] = "patients"
    images: str = "."
    table: str | None = None
    name_column: str | None = None
    label_column: str | None = None
    patient_column: str | None = None
    split_column: str | None = None
    exclude: str = ""  # file names that are no images of their own: masks, previews
    ids: Literal["as_named", "pseudonyms"] = "pseudonyms"  # what pages call images and groups
    check: Check | None = None
    runs: float | None = Field(default=None, gt=0, lt=1)  # likeness of neighbouring numbers that makes them one block
    duplicates: Literal["group", "drop", "keep"] = "group"
    conflicts: Literal["exclude", "keep"] = "exclude"
    copies: str = r"(_rotated_-?\d+|_flipped_-?\d+|_resized|_gallery)+$"  # names of copies made before the split

    @property
    def class_map(self) -> dict[str, str]:
        """The source's spelling of each class -> ours, in the order of the logits."""
        return dict(self.classes) if isinstance(self.classes, dict) else {c: c for c in self.classes}

    @property
    def class_names(self) -> list[str]:
        return list(self.class_map.values())

    @model_validator(mode="after")
    def _consistent(self) -> "Data":
        if len(set(self.class_names)) < 2:
            raise ValueError("classes: at least two different classes are needed")
        if self.positive is not None and self.positive not in self.class_names:
            raise ValueError(f"positive: {self.positive!r} is none of the classes {self.class_names}")
        if len(self.class_names) == 2 and self.positive is None:
            raise ValueError("positive: with two classes, say which one sensitivity is the rate for")
        if self.layout == "label_table" and not (self.table and self.name_column and self.label_column):
            raise ValueError("layout label_table needs table, name_column and label_column")
        if self.layout != "label_table" and (self.patient_column or self.split_column):
            raise ValueError("patient_column and split_column are columns of a table: use layout label_table")
        return self


class Split(Strict):
    scheme: Literal["auto", "grouped", "provided", "random", "block"] = "grouped"
    fractions: list[float] = [0.70, 0.15, 0.15]
    folds: int | Literal["auto"] = "auto"
    seed: int = 0

    @model_validator(mode="after")
    def _consistent(self) -> "Split":
        if len(self.fractions) != 3 or min(self.fractions) <= 0 or abs(sum(self.fractions) - 1) > 1e-6:
            raise ValueError(f"fractions: three positive shares that sum to 1, not {self.fractions}")
        if self.folds != "auto" and (self.folds == 0 or self.folds < -1):
            raise ValueError("folds: auto, 1 (hold-out), 2 or more, or -1 (leave one group out)")
        return self
