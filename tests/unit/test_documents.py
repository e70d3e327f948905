"""README.md, recipes and man pages: what they tell people to type is there, and nothing is left out."""

import re
from pathlib import Path

import pytest

from kmodd.cli.commands import COMMANDS
from kmodd.cli.parser import parser
from tests.support.documents import README, ROOT, command_lines
from tests.support.man_page import Page
from tests.support.recipes import DOCUMENT, Command, File, Step, is_as_printed, recipes, standing_in

_LINES = list(command_lines())
_LINK = re.compile(r"\]\(([^)#:]+)\)")


@pytest.mark.parametrize(("document", "arguments"), _LINES, ids=[" ".join(line) for _, line in _LINES])
def test_what_a_document_says_to_type_is_taken(document: str, arguments: list[str]) -> None:
    if arguments in [[command.name] for command in COMMANDS]:
        return  # only named
    try:
        parser().parse_args(arguments)
    except SystemExit as end:
        pytest.fail(f"{document}: kmoddctl {' '.join(arguments)}: status {end.code}")


def test_documents_of_every_kind_were_read() -> None:
    assert {"README.md", "recipes.md", "kmoddctl.1", "kmodd.8"} <= {document for document, _ in _LINES}


def test_the_readme_names_every_command() -> None:
    named = {arguments[0] for document, arguments in _LINES if document == "README.md" and arguments}
    assert named == {command.name for command in COMMANDS}


def test_exit_statuses_of_the_readme_are_those_of_the_manual() -> None:
    (text,) = re.findall(
        r"^Exit statuses of `kmoddctl`: (.*?)\n\n", README.read_text(), re.MULTILINE | re.DOTALL
    )
    told = re.findall(r"(?:^|; )(\d+)\s", text)
    manual = [item.words[0] for item in Page("kmoddctl.1").items("EXIT STATUS")]
    assert told
    assert set(told) <= set(manual)


@pytest.mark.parametrize("document", [README, DOCUMENT, ROOT / "CONTRIBUTING.md", ROOT / "ARCHITECTURE.md"])
def test_files_that_a_document_links_to_are_there(document: Path) -> None:
    gone = [link for link in _LINK.findall(document.read_text()) if not (document.parent / link).exists()]
    assert gone == []


def test_a_recipe_is_files_and_commands_in_the_order_of_the_text() -> None:
    steps = recipes()["Run the vendor's driver in the place of the kernel's"]
    assert steps[0] == Command("sudo modprobe nouveau", ())
    assert steps[1] == File(
        "/etc/kmodd.d/40-graphics.toml",
        '# /etc/kmodd.d/40-graphics.toml\n[module.nvidia]\nreplaces = ["nouveau"]\n',
    )
    assert isinstance(steps[2], Command)
    assert steps[2].output[0].startswith("MODULE ")


def test_every_block_of_the_recipes_is_a_step_with_something_to_do() -> None:
    steps: list[Step] = [step for each in recipes().values() for step in each]
    files = [step for step in steps if isinstance(step, File)]
    assert len(recipes()) >= 10
    assert all(each.path.endswith((".toml", ".conf")) for each in files)
    assert DOCUMENT.read_text().count("```") == 2 * (len(files) + DOCUMENT.read_text().count("```console"))


def test_stand_ins_are_everywhere_in_a_step() -> None:
    step = Command("kmoddctl status zfs", ("zfs is there",))
    assert standing_in(step, {"zfs": "loop"}) == Command("kmoddctl status loop", ("loop is there",))


@pytest.mark.parametrize(
    ("expected", "printed", "aligned", "same"),
    [
        (("a  b",), "a  b\n", True, True),
        (("a  b",), "a b\n", True, False),
        (("a  b",), "a b\n", False, True),
        (("a  b",), "a c\n", False, False),
        (("a ... c",), "a b c\n", True, True),
        (("a ... c",), "a b\nx c\n", True, False),
        (("a", "...", "d"), "a\nb\nc\nd\n", True, True),
        (("a", "...", "d"), "a\nd\n", True, True),
        (("a", "..."), "b\na\n", True, False),
        ((), "", True, True),
        ((), "a\n", True, False),
        (("(a.b)",), "(axb)\n", True, False),
    ],
)
def test_what_is_as_printed(expected: tuple[str, ...], printed: str, aligned: bool, same: bool) -> None:
    assert is_as_printed(expected, printed, aligned=aligned) is same
