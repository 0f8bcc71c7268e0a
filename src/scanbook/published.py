"""Where a set is published: the shape of `data.source` in a parameter file.

It stands in the parameter file because a methods section says where its images come from and under which licence, and
because a set of one's own can name its source in the same words.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Source(BaseModel):
    """Where a set is published: what `scanbook data` follows and pages cite. Never a place on this machine."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)  # as everywhere in a parameter file

    kind: Literal["kaggle", "url", "none"]
    slug: str | None = Field(
        default=None, pattern=r"^[\w-]+/[\w-]+(/\d+)?$"
    )  # kaggle: owner/name, or owner/name/version
    url: str | None = Field(default=None, pattern=r"^(https://|http://127\.0\.0\.1[:/])")  # of the archive itself
    size: int | None = Field(default=None, ge=1)  # bytes, as published; so are the sums
    md5: str | None = Field(default=None, pattern=r"^[0-9a-f]{32}$")
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    rename: dict[str, str] = {}  # what lies at the top of the archive -> what the layout calls it
    page: str | None = None  # where a person reads about it
    licence: str = ""
    citation: str = ""
    instead: list[str] = []  # kind none: what can stand in, and how to come by it

    @model_validator(mode="after")
    def _consistent(self) -> "Source":
        needed = {"kaggle": "slug", "url": "url", "none": "instead"}
        for kind, key in needed.items():
            if bool(getattr(self, key)) != (kind == self.kind):
                raise ValueError(f"kind {self.kind} goes with {needed[self.kind]}, and with none of the other two")
        if self.kind != "url" and (self.size or self.md5 or self.sha256):
            raise ValueError("size, md5 and sha256 are those of the file behind a url; Kaggle packs anew and has none")
        if any("/" in name or "\\" in name or name.startswith(".") for name in self.rename.values()):
            raise ValueError("rename: a plain name for each name at the top of the archive")
        return self
