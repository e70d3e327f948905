"""systemd/kmodd.catalog: an explanation for each message id, and none for others (systemd.io/CATALOG)."""

import re
import subprocess
from pathlib import Path

import pytest

from kmodd.daemon import log
from kmodd.daemon.message_id import MessageId

CATALOG = Path(__file__).parents[2] / "systemd/kmodd.catalog"
ENTRY = re.compile(
    r"^-- (?P<id>[0-9a-f]{32})\n(?P<head>(?:[A-Z][A-Za-z-]*: .*\n)+)\n(?P<text>(?:.+\n)+)", re.MULTILINE
)


def entries() -> dict[str, re.Match[str]]:
    return {found["id"]: found for found in ENTRY.finditer(CATALOG.read_text())}


def test_every_message_id_is_explained_and_nothing_else() -> None:
    assert set(entries()) == {str(each) for each in MessageId}
    assert CATALOG.read_text().count("\n-- ") == len(MessageId), "an entry that cannot be read"


@pytest.mark.parametrize("message_id", MessageId)
def test_an_explanation_has_a_subject_and_names_fields_that_are_logged(message_id: MessageId) -> None:
    entry = entries()[message_id]
    assert re.search(r"^Subject: .+$", entry["head"], re.MULTILINE)
    assert re.search(r"^Documentation: man:[a-z0-9.]+\([158]\)$", entry["head"], re.MULTILINE)
    logged = {"MODULE", "ACTION", "OUTCOME", "CODE"}
    assert set(re.findall(r"@([A-Z_]+)@", entry[0])) <= logged
    assert logged <= set(log.fields(module="m", action="a", outcome="o", code="c"))


def test_journalctl_takes_it(tmp_path: Path) -> None:
    catalogs = tmp_path / "usr/lib/systemd/catalog"
    catalogs.mkdir(parents=True)
    (catalogs / CATALOG.name).write_text(CATALOG.read_text())
    command = ["journalctl", f"--root={tmp_path}", "--update-catalog"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    assert (tmp_path / "var/lib/systemd/catalog/database").stat().st_size > CATALOG.stat().st_size / 2
