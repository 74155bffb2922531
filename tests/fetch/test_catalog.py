"""The names that can be fetched."""

from __future__ import annotations

import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

import pytest

from fomm_export.checkpoints.published import CONFIGURATIONS, PUBLISHED_CHECKPOINTS
from fomm_fetch.catalog import CATALOG, entry_of
from fomm_fetch.progress import FetchProgress, RateMeter
from fomm_rt.errors import FetchError
from fomm_rt.model.names import PUBLISHED


def test_the_runtime_knows_the_same_names() -> None:
    assert tuple(CATALOG) == PUBLISHED
    assert all(name == entry.name for name, entry in CATALOG.items())


def test_every_published_configuration_has_a_name() -> None:
    assert {entry.configuration for entry in CATALOG.values()} == set(CONFIGURATIONS)


def test_known_hashes_are_those_of_the_exporter() -> None:
    found = {(entry.file_name, entry.sha256) for entry in CATALOG.values() if entry.sha256}
    assert found == {(known.file_name, known.sha256) for known in PUBLISHED_CHECKPOINTS}


def test_only_taichi_and_nemo_have_to_be_trusted() -> None:
    assert {name for name, entry in CATALOG.items() if entry.verified_by is None} == {"taichi", "nemo"}
    assert CATALOG["vox-adv-pruned"].verified_by == "MD5"


def test_every_source_is_encrypted_and_ends_in_the_file() -> None:
    for entry in CATALOG.values():
        assert len(entry.sources) >= 2
        assert len(set(entry.sources)) == len(entry.sources)
        for source in entry.sources:
            url = urlsplit(source.url)
            path = parse_qs(url.query)["path"][0] if source.is_link else url.path
            assert (url.scheme, path.rsplit("/")[-1]) == ("https", entry.file_name)


@pytest.mark.parametrize(("name", "advice"), [("vox-adv-256", "Did you mean vox-adv"), ("x", "--list")])
def test_unknown_names_are_refused_with_advice(name: str, advice: str) -> None:
    with pytest.raises(FetchError, match=advice):
        entry_of(name, CATALOG)


def test_listing_needs_neither_torch_nor_requests() -> None:
    code = (
        "import sys; from fomm_fetch.command import fetch\n"
        "print([name for name in ('torch', 'requests', 'urllib3', 'yaml', 'onnx') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_the_rate_is_that_of_the_last_seconds() -> None:
    now = 0.0
    meter = RateMeter(lambda: now)
    assert meter.update(0) is None
    for second in range(1, 31):
        now = float(second)
        rate = meter.update(second * 100 if second <= 15 else 1500 + (second - 15) * 10)
    assert rate == 10
    report = FetchProgress("downloading", "", 1650, 1750, rate)
    assert report.remaining_s == 10
    assert FetchProgress("verifying", "").remaining_s is None
