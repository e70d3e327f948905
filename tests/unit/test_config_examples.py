"""What the repository ships as examples is right, and says what the schema says."""

import re
from pathlib import Path

import pytest

from kmodd.config.check import check
from kmodd.config.fragment import Document
from kmodd.config.parse import parse_settings
from kmodd.config.schema import SettingsTable
from kmodd.model import Settings

_ETC = Path(__file__).parents[2] / "etc"
_EXAMPLES = sorted((_ETC / "kmodd.d").iterdir())
_SETTINGS = _ETC / "kmodd" / "kmodd.toml"


@pytest.mark.parametrize("path", [*_EXAMPLES, _SETTINGS], ids=lambda path: path.name)
def test_each_is_right(path: Path) -> None:
    assert check([path]) == ()


def test_together_they_are_right() -> None:
    assert check(_EXAMPLES) == ()


def test_the_settings_show_every_key_with_its_default() -> None:
    text = re.sub(r"^#(?=[a-z_]+ = )", "", _SETTINGS.read_text(), flags=re.MULTILINE)
    assert parse_settings(Document("kmodd.toml", text)) == (Settings(), ())
    assert re.findall(r"^([a-z_]+) = ", text, flags=re.MULTILINE) == list(SettingsTable.model_fields)
