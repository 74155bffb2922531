"""One run: contestants in processes of their own, compared with a reference and timed in turns."""
