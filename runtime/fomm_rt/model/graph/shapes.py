"""What is known of tensors before a graph runs, and the tools of the rules that find it out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from fomm_rt.model.graph.onnx_file import Node

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Value:
    """What is known of a tensor: its shape and, if it is small and does not depend on a frame, its values."""

    shape: Shape
    numbers: NDArray[Any] | None = None


class ShapeError(ValueError):
    """Shapes do not fit each other, or cannot be known; the message continues a sentence about an operator."""


Inputs = Sequence[Value]
Rule = Callable[[Node, Inputs], list[Value]]
"""The rule of an operator: a node and what is known of its inputs -> what is known of its outputs.

Raises:
    ShapeError: See there. Damaged nodes may also raise whatever NumPy or a missing attribute raises.
"""

MOST_NUMBERS = 64
"""Values of a tensor that are computed; shapes have a few."""


def small_numbers(numbers: NDArray[Any]) -> NDArray[Any] | None:
    """The values of a constant if they may decide a shape; None if it has too many."""
    return numbers if numbers.size <= MOST_NUMBERS else None


def expect(fits: bool, problem: str) -> None:
    """Raises ShapeError with this problem unless the inputs fit."""
    if not fits:
        raise ShapeError(problem)


def axis_of(axis: int, rank: int) -> int:
    """An axis from 0; negative ones count from the end."""
    expect(-rank <= axis < rank, "its axis does not fit")
    return axis % rank


def known(inputs: Inputs, index: int) -> NDArray[Any]:
    """The values of an input; raises ShapeError if they are not known."""
    numbers = inputs[index].numbers
    if numbers is None:
        raise ShapeError("the size of its result is not known beforehand")
    return numbers


def numbers_of(inputs: Inputs, index: int) -> Shape:
    """The values of an input as whole numbers; raises ShapeError if they are not known."""
    return tuple(int(number) for number in known(inputs, index).ravel())


def scalar_of(inputs: Inputs, index: int) -> Any:
    """The only value of an input; raises ShapeError if it is not known."""
    numbers = known(inputs, index)
    expect(numbers.size == 1, "its inputs do not fit")
    return numbers.item()


def reshaped(data: Value, shape: Shape) -> Value:
    """The same values in another shape."""
    return Value(shape, None if data.numbers is None else data.numbers.reshape(shape))
