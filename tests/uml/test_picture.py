"""The picture in the README: what a machine shows today."""

import re

from tests.support.svg import parsed, texts
from tests.support.terminal_picture import drawn
from tests.support.uml.machine import Machine
from tests.support.uml.picture import PICTURE, session

_VARIES = re.compile(r"version \S+, kernel \S+, generation \d+|unattributed: \d+")


def _words(picture: str) -> list[str]:
    return [_VARIES.sub("", text or "") for text in texts(parsed(picture.splitlines()))]


def test_the_picture_is_what_is_shown(vm: Machine) -> None:
    shown = drawn("", session(vm))
    assert "loop" in _words(shown)
    assert _words(shown)[1:] == _words(PICTURE.read_text())[1:]  # but for the title
