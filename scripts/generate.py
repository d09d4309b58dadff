"""Makes anew what is generated: the policy's JSON Schema, a page for each rule, and the marked parts of the other pages of
docs/. `--check` says what is stale.

A page is written by hand but for the parts between `<!-- made: NAME -->` and `<!-- end -->`, so that what the code says of
itself can't go stale and prose stays prose. Exit 1: something was stale (`--check`) or a marker and its part don't match.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import packs
import pages
import reference
import rule_pages

from cadence.policy.schema import schema_text

PROJECT = Path(__file__).resolve().parents[1]
Parts = Mapping[str, Callable[[], str]]
PAGES: Mapping[str, Callable[[], Parts]] = {
    "docs/policy-reference.md": reference.parts,
    "docs/settings.md": pages.settings_parts,
    "docs/commands.md": pages.commands_parts,
    "docs/writing-campaigns.md": pages.campaign_parts,
    "docs/importing.md": pages.import_parts,
    "docs/packs.md": packs.parts,
}
"""The pages with generated parts, and what makes these."""
_PART = re.compile(r"(<!-- made: (?P<name>[^>]+?) -->\n).*?(<!-- end -->)", re.DOTALL)


def made() -> dict[str, str]:
    """Every generated file, by its path in the project, as it should be. Raises ValueError where a page lacks a part's
    marker or has one that nothing makes."""
    out = {"config/policy.schema.json": schema_text(), **rule_pages.rule_pages()}
    for path, parts_of in PAGES.items():
        out[path] = filled(path, (PROJECT / path).read_text("utf-8"), parts_of())
    return out


def filled(path: str, page: str, parts: Parts) -> str:
    """A page with its marked parts made anew."""
    marked = [m["name"] for m in _PART.finditer(page)]
    if sorted(marked) != sorted(parts):
        raise ValueError(f"{path}: marked are {sorted(marked)}, made are {sorted(parts)}")
    return _PART.sub(lambda m: f"{m[1]}\n{parts[m['name']]().strip()}\n\n{m[3]}", page)


def main(arguments: list[str]) -> int:
    """Write what is stale, or with `--check` only name it."""
    wanted = made()
    stale = [p for p, text in wanted.items() if not (PROJECT / p).is_file() or (PROJECT / p).read_text("utf-8") != text]
    left_over = {f"{rule_pages.FOLDER}/{p.name}" for p in (PROJECT / rule_pages.FOLDER).glob("*.md")} - set(wanted)
    for path in sorted(left_over):
        if "--check" in arguments:
            print(f"{path} is made by nothing any more: run `make generate`")
        else:
            (PROJECT / path).unlink()
            print(f"{path} removed")
    for path in stale:
        if "--check" in arguments:
            print(f"{path} is stale: run `make generate`")
        else:
            (PROJECT / path).parent.mkdir(parents=True, exist_ok=True)
            (PROJECT / path).write_text(wanted[path], "utf-8")
            print(f"{path} made anew")
    if not stale and not left_over:
        print("all generated files are fresh")
    return 1 if (stale or left_over) and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
