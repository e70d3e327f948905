"""The table of the test modules names each of them, and nothing else."""

import re
from pathlib import Path

MODULES = Path(__file__).parents[1] / "modules"
NOT_COMPILED = {"kmodd_empty", "kmodd_garbage"}


def test_the_tables_name_every_module() -> None:
    spoilt = re.search(r"^spoilt := (.*)$", (MODULES / "Kbuild").read_text(), re.MULTILINE)
    assert spoilt
    there = {path.stem for path in MODULES.glob("*.c")} | set(spoilt[1].split()) | NOT_COMPILED
    rows = re.findall(r"^\| `(\w+)` ", (MODULES / "README.md").read_text(), re.MULTILINE)
    assert sorted(rows) == sorted(there)


def test_the_tables_name_every_parameter() -> None:
    readme = (MODULES / "README.md").read_text()
    for path in MODULES.glob("*.c"):
        (row,) = re.findall(rf"^\| `{path.stem}` .*$", readme, re.MULTILINE)
        declared = re.findall(r"^MODULE_PARM_DESC\((\w+), ", path.read_text(), re.MULTILINE)
        assert [name for name in declared if f"`{name}`" not in row] == [], path.name
