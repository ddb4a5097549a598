"""Count functions that take a campaign's whole configuration, and isinstance tests of its sections, by room.

A function takes the sections that it reads; a builder decides once what a section means. The counts must not rise
above the ceilings: lower these when a count falls. The exit code is 1 if one is exceeded. ``make lint`` runs it; with
``--list`` it prints every place.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "landda_hpc"
WHOLE = "CampaignConfig"
CEILINGS = {"functions that take the whole configuration": 41, "isinstance tests of sections": 13}


def sections(trees: list[ast.Module]) -> set[str]:
    """Names of the classes of sections: all that derive from ``config.section.Section``."""
    bases = {
        node.name: {ast.unparse(base).partition("[")[0].rpartition(".")[2] for base in node.bases}
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    found = {"Section"}
    while more := {name for name, of in bases.items() if of & found} - found:
        found |= more
    return found


def takes_whole(node: ast.AST) -> bool:
    """Whether a node is a function with a parameter of the type of the whole configuration."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    named = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
    return any(WHOLE in ast.unparse(one.annotation) for one in named if one.annotation is not None)


def tests_section(node: ast.AST, names: set[str]) -> bool:
    """Whether a node is an isinstance test of a section."""
    is_test = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "isinstance"
    return is_test and any(isinstance(part, ast.Name) and part.id in names for part in ast.walk(node.args[1]))


def main() -> int:
    """Print the counts by room, and every place if asked."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}
    names, is_exceeded = sections(list(trees.values())), False
    for (what, ceiling), is_one in zip(
        CEILINGS.items(), (takes_whole, lambda node: tests_section(node, names)), strict=True
    ):
        places = [
            (path.relative_to(PACKAGE), node.lineno)
            for path, tree in trees.items()
            for node in ast.walk(tree)
            if is_one(node)
        ]
        rooms = ", ".join(f"{room} {n}" for room, n in Counter(path.parts[0] for path, _ in places).most_common())
        print(f"{what}: {len(places)} of at most {ceiling} ({rooms})")
        is_exceeded |= len(places) > ceiling
        if "--list" in sys.argv[1:]:
            print("\n".join(f"  {path}:{line}" for path, line in places))
    return int(is_exceeded)


if __name__ == "__main__":
    sys.exit(main())
