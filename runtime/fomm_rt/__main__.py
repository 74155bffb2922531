"""`python -m fomm_rt` is `fomm-rt`."""

from fomm_rt.cli import main

main()
