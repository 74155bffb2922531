"""Live animation: a camera drives an avatar, frame by frame, with the least delay.

    thread          slot     thread         slots    threads
    ┌─────────┐    ┌───┐    ┌────────┐    ┌───┐    ┌────────┐
    │ capture │ ─▶ │ 1 │ ─▶ │ engine │ ─▶ │ 1 │ ─▶ │ output │
    └─────────┘    └───┘    └────────┘    └───┘    └────────┘

A slot holds one frame. A newer frame replaces it, so nothing queues and overload lowers the frame rate, not the delay.
`LiveSession` connects these parts.
"""
