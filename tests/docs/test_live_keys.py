"""The key table of docs/live.md is that of the program."""

from __future__ import annotations

from pathlib import Path

from fomm_rt.live.controls.keys import GROUPS, KEYS, REPEATED

DOCUMENT = (Path(__file__).parents[2] / "docs" / "live.md").read_text(encoding="utf-8")


def test_the_table_of_keys() -> None:
    table = ["| key | effect |", "|---|---|"]
    for group in GROUPS:
        table.append(f"| **{group.title}** | |")
        table += [f"| {' '.join(f'`{key}`' for key in row.label.split('  '))} | {row.text} |" for row in group.rows]
    assert "\n".join(table) in DOCUMENT, "docs/live.md needs:\n" + "\n".join(table)


def test_the_keys_that_repeat() -> None:
    named = DOCUMENT.split("A held key repeats steps (")[1].split(")")[0]
    letters = {key.upper() for key, command in KEYS.items() if command.name in REPEATED and len(key) == 1}
    assert {key.strip("`") for key in named.split(", ")} == letters
