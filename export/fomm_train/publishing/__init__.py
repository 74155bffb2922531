"""Publishing: from a finished run to the files that the packages contain."""
