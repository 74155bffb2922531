"""The models that can be fetched by name: their files, hashes and sources.

The URLs were seen in public code and issue threads. Links go stale, so every file is verified.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from fomm_export.checkpoints.published import by_file_name
from fomm_rt.errors import FetchError
from fomm_rt.model.names import PUBLISHED, how_to_get

USUAL_BYTES = 751_000_000
"""Size of most published files, for those whose exact size is not known."""


@dataclass(frozen=True)
class Source:
    """A place to download a file from.

    Attributes:
        url: Where it is.
        is_link: True if the answer is JSON whose "href" is the URL of the file, as Yandex Disk answers.
    """

    url: str
    is_link: bool = False

    @property
    def host(self) -> str:
        """The server, for people."""
        return urlsplit(self.url).netloc or self.url


@dataclass(frozen=True)
class CatalogEntry:
    """A published model.

    Attributes:
        name: For `fomm-rt fetch` and `-m`.
        subject: What it was trained on, for people.
        file_name: Usual name of its checkpoint.
        configuration: Name of its configuration, or path of a YAML.
        sources: In the order in which they are tried.
        size_bytes: Exact size of the file; None if it is not known.
        sha256, md5: Of the file; None if not known.
        about_bytes: Approximate size, where the exact one is not known.
    """

    name: str
    subject: str
    file_name: str
    configuration: str
    sources: tuple[Source, ...]
    size_bytes: int | None = None
    sha256: str | None = None
    md5: str | None = None
    about_bytes: int = USUAL_BYTES

    @property
    def verified_by(self) -> str | None:
        """The kind of hash that is known; None if there is none."""
        return "SHA-256" if self.sha256 else "MD5" if self.md5 else None

    @property
    def likely_bytes(self) -> int:
        """The size, or an estimate of it."""
        return self.size_bytes or self.about_bytes


def entry_of(name: str, catalog: Mapping[str, CatalogEntry]) -> CatalogEntry:
    """Looks up a name.

    Raises:
        FetchError: It is not in the catalog; suggests another.
    """
    if name in catalog:
        return catalog[name]
    advice = how_to_get(name)
    raise FetchError(f"{name}: expected one of {', '.join(catalog)}. {advice}")


_RELEASE = "https://github.com/graphemecluster/first-order-model-demo/releases/download/checkpoints/"
_AUTHORS_SHARE = "https://disk.yandex.com/d/lEw8uRm140L_eQ"
_SHARE_LINKS = "https://cloud-api.yandex.net/v1/disk/public/resources/download?"
_MORE_SOURCES = {
    "vox-adv": (
        "https://huggingface.co/Ubaidbhat/first_order_motion_model/resolve/main/vox-adv-cpk.pth.tar",
        "https://eyalgruss.com/fomm/vox-adv-cpk.pth.tar",
    ),
}
_SUBJECTS = {
    "vox-adv": "faces; sharper than vox",
    "vox": "faces",
    "taichi-adv": "whole bodies; sharper than taichi",
    "taichi": "whole bodies",
    "fashion": "people in clothes",
    "mgif": "cartoon animals",
    "bair": "a robot arm",
    "nemo": "smiling faces",
}
_PRUNED = CatalogEntry(
    "vox-adv-pruned",
    "faces; vox-adv without the tensors that only training needs",
    "vox-adv-cpk.pth.tar",
    "vox-adv-256",
    (
        Source("https://openavatarify.s3-avatarify.com/weights/vox-adv-cpk.pth.tar"),
        Source("https://openavatarify.s3.amazonaws.com/weights/vox-adv-cpk.pth.tar"),
    ),
    md5="8a45a24037871c045fbb8a6a8aa95ebc",
    about_bytes=229_000_000,
)


def _authors_file(name: str) -> CatalogEntry:
    file_name = "fashion.pth.tar" if name == "fashion" else f"{name}-cpk.pth.tar"
    share = _SHARE_LINKS + urlencode({"public_key": _AUTHORS_SHARE, "path": f"/{file_name}"})
    sources = (
        Source(_RELEASE + file_name),
        *(Source(url) for url in _MORE_SOURCES.get(name, ())),
        Source(share, is_link=True),
    )
    known = by_file_name(file_name)
    return CatalogEntry(
        name,
        _SUBJECTS[name],
        file_name,
        f"{name}-256",
        sources,
        size_bytes=known.size_bytes if known else None,
        sha256=known.sha256 if known else None,
    )


CATALOG = {name: _PRUNED if name == _PRUNED.name else _authors_file(name) for name in PUBLISHED}
"""Every entry by its name."""
