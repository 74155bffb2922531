"""Writes down how the jobs of a run begin and end, and which files they put in place."""

from __future__ import annotations

from collections.abc import Iterable

from fomm_rt.batch.identity import Fingerprint, digest_of, fingerprint, result_files, split_digests, version_of
from fomm_rt.batch.job import Animated
from fomm_rt.batch.journal import Entry, Journal
from fomm_rt.batch.plan import Plan, Run
from fomm_rt.files.durable import write_through

MOST_EARLIER = 1000
"""How many digests of files that the newest result does not have are kept."""


class RunJournal:
    """Takes the beginnings and ends of jobs.

    Args:
        journal: Takes their entries.
        run: The jobs.
        plan: Names the files in the way that no run made.
    """

    def __init__(self, journal: Journal, run: Run, plan: Plan) -> None:
        self._journal = journal
        self._run = run
        self._foreign = {file: version_of(str(file)) for file in plan.foreign}

    def begin(self, index: int, identity: str) -> None:
        """Writes down that a job begins. Raises OutputError if that fails."""
        output = self._run.jobs[index].output
        before = self._journal.entries.get(output)
        earlier = [] if before is None else before.digests
        self._journal.add(Entry(output=output, identity=identity, earlier=b"".join(earlier)))

    def end(self, index: int, animated: Animated | None, error: str | None) -> Entry:
        """Writes down how a job ended: what it made, or why it failed.

        A result that does not reach the disk, or cannot be read again, counts as failed.

        Raises:
            OutputError: The entry cannot be written.
        """
        begun = self._journal.entries[self._run.jobs[index].output]
        files = None
        if animated is not None:
            try:
                files = self._whole_result(index)
            except OSError as failure:
                reason = failure.strerror or str(failure)
                animated, error = None, f"{begun.output} cannot be written or read again ({reason}); check the disk"
        if files is None:
            earlier = [*begun.digests, *self._left_by_failure(index)]
        else:
            made = set(split_digests(files.digests))
            earlier = [each for each in begun.digests if each not in made][-MOST_EARLIER:]
        entry = Entry(
            output=begun.output,
            identity=begun.identity,
            animated=animated,
            files=files,
            error=error,
            earlier=b"".join(dict.fromkeys(earlier)),
        )
        self._journal.add(entry)
        return entry

    def _whole_result(self, index: int) -> Fingerprint:
        job = self._run.located[index]
        write_through(result_files(job))  # else a power failure could leave an empty file that the journal calls made
        return fingerprint(job)

    def _left_by_failure(self, index: int) -> Iterable[bytes]:
        """Digests of files that lie there after a failure: a worker may end between its result and its answer."""
        for file in result_files(self._run.located[index]):
            version = version_of(str(file))
            if version is not None and self._foreign.get(file) != version:
                try:
                    yield digest_of(file)
                except OSError:
                    continue
