"""`fomm-rt studio`: a page and an HTTP interface to animate pictures, served from this machine.

    page ──HTTP──▶ access ─▶ routes ─▶ uploads, library, jobs, models
                                          │           │
                                     media worker  job worker        processes that decode and animate

The server itself decodes nothing: a file that crashes a decoder ends a worker, and the server starts another one.
"""
