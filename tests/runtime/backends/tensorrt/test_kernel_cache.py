"""Kernels that TensorRT-RTX compiles, kept beside the engines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fakes.tensorrt_machine import RTX, World
from fomm_rt.backends.tensorrt import kernel_cache
from fomm_rt.engines.hashed_file import read_hashed, write_hashed
from fomm_rt.errors import EngineError
from fomm_rt.model.frame_shape import TRUNKS
from golden_files import Golden

GOLDEN = Golden("small_aligned")


class TestKernelCache:
    """What TensorRT-RTX compiles is kept beside the engines."""

    @staticmethod
    def animate(world: World, frames: int = 1) -> None:
        with world.load("tensorrt-rtx") as animator:
            animator.set_source(GOLDEN.source)
            for _ in range(frames):
                animator.animate(GOLDEN.driving[0])

    @staticmethod
    def file(world: World) -> Path:
        (found,) = world.store.folder.glob("*.kernels")
        return found

    def test_the_next_start_compiles_nothing(self, rtx_world: World) -> None:
        engines = rtx_world.build(**RTX)
        self.animate(rtx_world)
        assert sorted(rtx_world.machine.compiled) == sorted(TRUNKS)
        file = self.file(rtx_world)
        assert file.name == f"{engines.manifest.spec.key}-NVIDIA-GeForce-RTX-4090.kernels"
        assert file.stat().st_mode & 0o777 == 0o644
        rtx_world.machine.compiled.clear()
        before = file.stat().st_mtime_ns, file.stat().st_ino
        self.animate(rtx_world, frames=3)
        assert rtx_world.machine.compiled == []
        assert (file.stat().st_mtime_ns, file.stat().st_ino) == before, "nothing new to keep"

    def test_it_is_kept_before_the_end(self, rtx_world: World) -> None:
        """A program that is killed has kept it, too."""
        rtx_world.build(**RTX)
        with rtx_world.load("tensorrt-rtx") as animator:
            animator.set_source(GOLDEN.source)
            for _ in range(2):
                animator.animate(GOLDEN.driving[0])
            assert self.file(rtx_world).exists()

    @pytest.mark.parametrize(
        "damage",
        [
            lambda file: file.write_bytes(b""),
            lambda file: file.write_bytes(file.read_bytes()[:-1]),
            lambda file: file.write_bytes(b"x" + file.read_bytes()[1:]),
            lambda file: file.chmod(0o666),
        ],
    )
    def test_a_damaged_file_is_replaced(self, rtx_world: World, damage: Callable[[Path], object]) -> None:
        rtx_world.build(**RTX)
        self.animate(rtx_world)
        damage(self.file(rtx_world))
        for compiled in (sorted(TRUNKS), []):
            rtx_world.machine.compiled.clear()
            self.animate(rtx_world)
            assert sorted(rtx_world.machine.compiled) == compiled

    def test_what_the_library_refuses_is_replaced(self, rtx_world: World) -> None:
        rtx_world.build(**RTX)
        self.animate(rtx_world)
        write_hashed(self.file(rtx_world), b"kernels of another driver")
        rtx_world.machine.takes_cache = False
        rtx_world.machine.compiled.clear()
        self.animate(rtx_world)
        assert sorted(rtx_world.machine.compiled) == sorted(TRUNKS)
        assert read_hashed(self.file(rtx_world)).decode().split() == sorted(TRUNKS)

    def test_a_folder_that_cannot_be_written(
        self, rtx_world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def refuse(*_: Any) -> None:
            raise EngineError("/store: no space left for engines")

        monkeypatch.setattr(kernel_cache, "write_hashed", refuse)
        rtx_world.build(**RTX)
        self.animate(rtx_world, frames=4)
        (record,) = caplog.records
        assert record.getMessage() == (
            "kernels cannot be kept, so the next start compiles them again: /store: no space left for engines"
        )

    def test_it_goes_with_the_engines(self, rtx_world: World) -> None:
        engines = rtx_world.build(**RTX)
        self.animate(rtx_world)
        rtx_world.store.remove(engines.manifest.spec.key)
        assert not list(rtx_world.store.folder.glob("*.kernels"))
