"""Entry point of `fomm-rt` and `python -m fomm_rt`. Handles Ctrl-C during the slow imports as well."""

import sys


def main() -> None:
    """Runs the command line and exits."""
    try:
        from fomm_rt.cli.app import build_app

        build_app()(prog_name="fomm-rt")
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:  # outside a command's own handling
        from fomm_rt.cli.defect import describe_defect
        from fomm_rt.printable import printable

        if {"-v", "--verbose"}.intersection(sys.argv):
            raise
        sys.exit(printable(f"error: {describe_defect(error)}"))


if __name__ == "__main__":
    main()
