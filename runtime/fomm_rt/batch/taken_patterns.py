"""Patterns of numbered pictures, of which no two jobs may have one picture."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from string import digits

from fomm_rt.media.write.picture_sequence import around_number, shared_picture

_Key = tuple[str, str, str]


class TakenPatterns:
    """Takes the patterns of jobs.

    Patterns can share pictures only if they differ in digits beside the number alone. They are kept by these digits, so
    that a pattern is not compared with all others.
    """

    def __init__(self) -> None:
        # By the digits before the number, and by every beginning of these digits.
        self._with: defaultdict[_Key, list[tuple[Path, str]]] = defaultdict(list)
        self._beginning_with: defaultdict[_Key, list[tuple[Path, str]]] = defaultdict(list)

    def take(self, pattern: Path, where: str) -> tuple[str, str] | None:
        """Takes a checked pattern for a job.

        Args:
            pattern: With its real folder.
            where: Where the job was written.

        Returns:
            Where the job was written that has a picture of this pattern already, and the picture's name; else None.
        """
        folded = Path(str(pattern).casefold())  # some file systems do not tell upper from lower case
        before, after = around_number(folded)
        name = before.rstrip(digits)
        folder, numbered = str(folded.parent / name), after.lstrip(digits)
        fixed = before[len(name) :]
        beginnings = [(folder, fixed[:count], numbered) for count in range(len(fixed) + 1)]
        own = beginnings[-1]
        others = [*self._beginning_with.get(own, ()), *(one for key in beginnings for one in self._with.get(key, ()))]
        for other, owner in others:
            if (picture := shared_picture(folded, other)) is not None:
                return owner, picture
        self._with[own].append((folded, where))
        for key in beginnings:
            self._beginning_with[key].append((folded, where))
        return None
