"""Pictures, video and sound: everything fomm-rt reads from files and writes to files.

    pictures        read and write one picture
    video_reader    decode a video frame by frame, in constant memory
    timing          find the frame rate of a video, exactly
    video_writer    write a result as MP4, MKV, WebM, GIF or numbered PNG pictures

The submodules import PyAV and OpenCV, this package does not, so that importing it costs nothing.
"""
