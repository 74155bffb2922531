"""Options with an optional value, such as `--smooth` for `--smooth 0.5`, which typer does not support."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, ClassVar

from typer.core import TyperCommand
from typing_extensions import override


class OptionalValueCommand(TyperCommand):
    """A command that fills in values that were left out.

    Attributes:
        optional_values: Option -> its value if the next argument is another option, or there is none.
    """

    optional_values: ClassVar[Mapping[str, str]] = {"--smooth": "0.5"}

    @override
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        return super().parse_args(ctx, list(_filled(args, self.optional_values)))


_NUMBER = re.compile(r"-[\d.]+")


def _filled(arguments: Sequence[str], values: Mapping[str, str]) -> Iterator[str]:
    for argument, following in pairwise([*arguments, "-"]):
        yield argument
        if argument in values and following.startswith("-") and not _NUMBER.fullmatch(following):
            yield values[argument]
