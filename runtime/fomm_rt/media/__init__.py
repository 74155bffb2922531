"""Pictures, video and sound: everything fomm-rt reads from media files and writes to them.

The modules below import PyAV and OpenCV; this package does not, so importing it costs nothing.

    read      pictures and videos, frame by frame in constant memory
    write     results as MP4, MKV, WebM, GIF or PNG pictures, with sound
    timing    when frames are shown
"""
