"""Side data of decoded frames, such as the display matrix."""

from av.sidedata.sidedata import SideDataContainer
from av.video.frame import VideoFrame as CodedFrame


def side_data_of(frame: CodedFrame) -> SideDataContainer:
    """Returns the side data of a frame.

    `frame.side_data` would store the container in the frame, and the container refers to the frame: a cycle. Only the
    garbage collector frees cycles, and until it runs each frame keeps its megabytes.

    Raises:
        ValueError: The frame has side data of a kind that PyAV does not know.
    """
    return SideDataContainer(frame)  # type: ignore[call-arg] # PyAV's stubs leave the constructor out
