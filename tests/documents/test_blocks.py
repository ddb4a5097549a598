"""Every block of code on the site runs, or the page says why it does not; commands that do not run are still parsed."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from landda_hpc.commands.application import app
from tests.campaign.conftest import ENVIRONMENT
from tests.documents.pages import COMMANDS, PAGES, ROOT, Block, blocks

RUN_PAGES = [page for page in PAGES if any(b.language in COMMANDS and not b.reason for b in blocks(page))]
BLOCKS = [block for page in PAGES for block in blocks(page)]


def test_messages_that_are_explained_exist() -> None:
    """The last section of the page is about messages of other programs."""
    ours = (ROOT / "docs/howto/troubleshooting.md").read_text().partition("## MPI and HDF5")[0]
    source = "\n".join(file.read_text() for file in (ROOT / "landda_hpc").rglob("*.py"))
    fragments = re.findall(r"^`(.+)`\n: ", ours, re.MULTILINE)
    assert len(fragments) > 9
    assert [fragment for fragment in fragments if fragment not in source] == []


def test_reasons_name_tests_that_exist() -> None:
    named = re.findall(r"tests/[\w/]+\.py", "\n".join(page.read_text() for page in PAGES))
    assert [file for file in named if not (ROOT / file).exists()] == []


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def test_every_block_names_its_language() -> None:
    assert [block.place for block in BLOCKS if not block.language] == []


@pytest.mark.parametrize("page", RUN_PAGES, ids=_name)
def test_the_blocks_of_a_page_run_in_order(page: Path, tmp_path: Path) -> None:
    """All blocks of a page share one folder and, of each language, one process."""
    to_run = [block for block in blocks(page) if block.language in COMMANDS and not block.reason]
    scripts = {"bash": ["set -euo pipefail"], "python": []}
    for block in to_run:
        if block.language == "bash":
            scripts["bash"] += [f"echo '--- {block.place}' >&2", block.code]
        else:
            scripts["python"] += [block.code]
    environment = {
        **ENVIRONMENT,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{ENVIRONMENT['PATH']}",
        "MPLBACKEND": "Agg",
    }
    if scripts["python"] and "first.yaml" in "".join(scripts["python"]):
        subprocess.run(["landda", "init", "-o", "first.yaml"], cwd=tmp_path, env=environment, check=True, timeout=120)
        _make_small(tmp_path / "first.yaml")
    for language, lines in scripts.items():
        if len(lines) > (language == "bash"):
            command = (
                ["bash", "-c", "\n".join(lines)] if language == "bash" else [sys.executable, "-c", "\n".join(lines)]
            )
            done = subprocess.run(
                command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=280, check=False
            )
            assert done.returncode == 0, f"{_name(page)}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


def _make_small(file: Path) -> None:
    """Reduce the first campaign to a day on a coarse grid."""
    text = file.read_text()
    for key, value in (
        ("n_lat", "32"),
        ("n_lon", "64"),
        ("assimilation_end", "2022-06-02T12:00"),
        (" end", "2022-06-03T00:00"),
    ):
        text = re.sub(rf"({key}: )[^,}}\s]+", rf"\g<1>{value}", text, count=1)
    file.write_text(text)


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.language == "bash"], ids=lambda block: block.place)
def test_the_commands_of_a_block_exist(block: Block) -> None:
    """Commands, options and their types; files need not exist."""
    for command in _landda_commands(block.code):
        _parse(command, block.place)


def _landda_commands(code: str) -> list[list[str]]:
    """Return the arguments of every ``landda`` in a script, without shell operators and comments."""
    joined = re.sub(r"\\\n\s*", " ", code)
    found = []
    for line in joined.splitlines():
        if re.match(r"\s*(#|cat |END)", line) or re.search(r"\s\$\w+(\s|$)", line):
            continue  # comments, files that the block writes, and options that a variable holds
        for part in re.split(r"\||&&|;", _without_comment(line)):
            match = re.search(r"(?:^|\s)(?:landda|-m landda_hpc)\s+(.*)", part)
            if match and "landda_hpc." not in part:
                found.append(shlex.split(re.split(r"\s[<>]", match[1])[0]))
    return found


def _without_comment(line: str) -> str:
    return re.sub(r"(^|\s)#.*$", "", line)


def _parse(arguments: list[str], place: str) -> None:
    """Walk through the groups of commands to the one that is named, and let it parse its options."""
    command, name, rest = typer.main.get_command(app), "landda", arguments
    context = None
    while True:
        try:
            context = command.make_context(name, list(rest), parent=context, resilient_parsing=False)
        except typer.Exit:  # --help, --version
            return
        except SystemExit as end:
            assert end.code == 0, f"{place}: landda {' '.join(arguments)}"
            return
        except Exception as error:  # the page is right although the file does not exist here
            if re.search(r"does not exist|is not a file|not found", str(error)):
                return
            raise AssertionError(f"{place}: landda {' '.join(arguments)}: {error}") from error
        if not hasattr(command, "resolve_command"):
            return
        name, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        if command is None:
            raise AssertionError(f"{place}: landda {' '.join(arguments)}: no such command")
