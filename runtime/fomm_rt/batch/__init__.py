"""Many clips: jobs from a table or a folder, done by worker processes or on a Ray cluster, and a journal of them."""
