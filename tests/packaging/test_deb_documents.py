"""What the Debian package says beside the code is what the code says."""

import re
import tomllib
from pathlib import Path

from deb.tree import tracked, version_of

import kmodd
from kmodd.config.paths import ConfigPaths
from kmodd.core.modprobe_conf import HEADER
from kmodd.files import LAST_WORD
from kmodd.model import Settings

REPOSITORY = Path(__file__).resolve().parents[2]
DEBIAN = REPOSITORY / "packaging/debian"


def test_every_version_is_the_same() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert {version_of(tracked()), project["version"]} == {kmodd.__version__}


def test_removal_looks_where_kmodd_writes_for_what_kmodd_wrote() -> None:
    script = (DEBIAN / "kmodd.postrm").read_text()
    found = re.search(r"^header='(.*)'$", script, re.MULTILINE)
    assert found
    assert HEADER.startswith(found[1])
    assert f"/{LAST_WORD}" in script
    assert Settings().modprobe_file in script
    paths = ConfigPaths()
    for path in (paths.state_dir, paths.runtime_dir, paths.directories[1]):
        assert str(path) in script


def test_the_license_is_the_one_of_the_repository() -> None:
    text = (DEBIAN / "copyright").read_text().rpartition("License: Expat\n")[2]
    stated = [line.strip().removeprefix(".") for line in text.splitlines()]
    _, holder, rest = (REPOSITORY / "LICENSE").read_text().split("\n\n", 2)
    assert " ".join(" ".join(stated).split()) == " ".join(rest.split())
    assert (
        holder.replace("(c) ", "").replace("Copyright ", "Copyright: ") in (DEBIAN / "copyright").read_text()
    )
