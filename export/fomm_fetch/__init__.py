"""Published weights by name: download, verify, export. `fomm-rt fetch`; needs `pip install "fomm-rt[export]"`.

    from fomm_fetch.fetch import FetchOptions, fetch_model

    fetch_model("vox-adv", FetchOptions(size=512), progress=print)

catalog.py        the names: files, hashes, sources
↓
connection.py     one HTTP request: environment, redirects, errors in words
partial_file.py   an unfinished download on disk
answer.py         names an answer that is not a checkpoint
↓
download.py       one source to one file: resumes, retries, gives up
verification.py   hashes of a file, and if they are enough to accept it
↓
obtain.py         tries sources in order until a file is accepted
fetch.py          all of this as one function; command.py is `fomm-rt fetch`

Only the export imports torch, and only when it begins.
"""
