"""What was put into the object store of a cluster for machines that do not see it on storage."""

from __future__ import annotations

from typing import Any

from fomm_rt.batch.identity import version_of
from fomm_rt.batch.ray_cluster.library import ObjectStoreFullError, OutOfDiskError, ray
from fomm_rt.batch.ray_cluster.shipping import ModelReference, model_files, read_to_send, refer_to_model
from fomm_rt.errors import BatchError, first_line


class ObjectStore:
    """Models and inputs in the object store.

    Args:
        most_inputs: The last so many inputs stay there, for the jobs that have the same driver.
    """

    def __init__(self, most_inputs: int) -> None:
        self._most_inputs = most_inputs
        self._references: dict[str | None, ModelReference] = {}
        self._models: dict[ModelReference, Any] = {}
        self._inputs: dict[str, tuple[Any, Any]] = {}

    def refer_to_model(self, model: str | None) -> ModelReference:
        """What machines know a model by. Raises ModelError if there is no such model."""
        if model not in self._references:
            self._references[model] = refer_to_model(model)
        return self._references[model]

    def model(self, reference: ModelReference) -> Any:
        """Ray's reference to the files of a model.

        Raises:
            ModelError: The model cannot be opened.
            OSError: A file cannot be read.
            BatchError: The object store is full.
        """
        if reference not in self._models:
            self._models[reference] = _put(model_files(reference))
        return self._models[reference]

    def input(self, path: str) -> Any:
        """Ray's reference to the content of an input.

        Raises:
            MediaError: There is no such file, or it cannot be read.
            BatchError: It is too large, or the object store is full.
        """
        known = version_of(path)
        if path not in self._inputs or self._inputs[path][0] != known:
            while len(self._inputs) >= self._most_inputs:
                self._inputs.pop(next(iter(self._inputs)))
            self._inputs[path] = known, _put(read_to_send(path))
        return self._inputs[path][1]

    def forget(self) -> None:
        """Lets everything be put there again, because some of it is lost."""
        self._models.clear()
        self._inputs.clear()


def _put(value: Any) -> Any:
    try:
        return ray.put(value)
    except (ObjectStoreFullError, OutOfDiskError) as error:
        raise BatchError(
            f"a file could not be sent to a machine, the object store of the cluster is full ({first_line(error)}); "
            "put it on storage that all machines see, or start Ray with a larger --object-store-memory"
        ) from error
