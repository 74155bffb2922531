"""The exceptions of this package.

KernelError
├── ArrayError        an array does not fit a kernel: shape, dtype, layout, or GPU and CPU mixed up
├── CompileError      a compiler is missing or refuses the sources
├── DeviceError       no driver, no device, or the driver refuses a launch
└── PluginError       this TensorRT does not support the plugin, or a network uses it wrongly
"""

from __future__ import annotations


class KernelError(Exception):
    """Base class of this package's errors."""


class ArrayError(KernelError):
    """An array does not fit a kernel."""


class CompileError(KernelError):
    """A kernel cannot be compiled here."""


class DeviceError(KernelError):
    """No device can run a kernel, or the driver refuses."""


class PluginError(KernelError):
    """TensorRT does not support the plugin, or a network uses it wrongly."""
