"""Charts of one or several runs, as SVG and PNG."""
