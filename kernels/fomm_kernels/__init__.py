"""CUDA kernels for the geometry of a frame, between its convolutions.

Each kernel is one NAME.cu, which NVRTC, nvcc and a host C++ compiler all accept, and one function NAME, which checks
its arrays and launches it:

    frame_input         uint8 picture -> frame and its anti-aliased quarter
    keypoint_head       logits and jacobian maps -> keypoints
    motion              keypoints and source -> input of the dense-motion network
    warp                masks, occlusion and source features -> warped features
    grid_sample         picture and grid -> picture
    prediction_output   network output -> uint8 picture
    blended_output      network output, source and deformation -> uint8 picture

The first argument is an executor: `HostKernels` runs kernels on a CPU, `DeviceKernels` on an NVIDIA GPU. Importing this
package needs neither. `fomm_kernels.plugin` puts grid_sample into TensorRT engines.
"""

from __future__ import annotations

from fomm_kernels.arrays import Array
from fomm_kernels.blended_output import blended_output
from fomm_kernels.device import DeviceKernels, driver_problem
from fomm_kernels.errors import ArrayError, CompileError, DeviceError, KernelError, PluginError
from fomm_kernels.frame_input import frame_input
from fomm_kernels.grid_sample import grid_sample
from fomm_kernels.host import HostKernels
from fomm_kernels.keypoint_head import keypoint_head
from fomm_kernels.launching import KERNELS, Executor
from fomm_kernels.motion import motion
from fomm_kernels.prediction_output import prediction_output
from fomm_kernels.warp import warp

__all__ = [
    "KERNELS",
    "Array",
    "ArrayError",
    "CompileError",
    "DeviceError",
    "DeviceKernels",
    "Executor",
    "HostKernels",
    "KernelError",
    "PluginError",
    "blended_output",
    "driver_problem",
    "frame_input",
    "grid_sample",
    "keypoint_head",
    "motion",
    "prediction_output",
    "warp",
]
