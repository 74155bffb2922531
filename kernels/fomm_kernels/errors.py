"""What can go wrong with a kernel.

KernelError
├── ArrayError        an array is not what a kernel takes: shape, dtype, layout, side
├── CompileError      a compiler is missing or refuses the sources
├── DeviceError       no driver, no device, or the driver refuses a launch
└── PluginError       this TensorRT takes no plugins, or a network uses the plugin for what it does not do
"""

from __future__ import annotations


class KernelError(Exception):
    """Base of all errors of this package."""


class ArrayError(KernelError):
    """An array is not what a kernel takes."""


class CompileError(KernelError):
    """A kernel cannot be compiled here."""


class DeviceError(KernelError):
    """No device can run a kernel, or it refuses."""


class PluginError(KernelError):
    """TensorRT cannot take the plugin, or not for what it was asked for."""
