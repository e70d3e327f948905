"""kmoddctl retry, release, pause and resume: a word to kmodd, and the line that says what came of it."""

import json

import pytest

from kmodd.errors import ErrorKind, KmoddError
from tests.bus.private_bus import Printed, PrivateBus
from tests.bus.test_cli_commands import answered, manager


@pytest.mark.parametrize(
    ("arguments", "exit_status", "out", "calls"),
    [
        (("retry", "zfs"), 0, "zfs  loaded  in-sync  loaded as declared\n", ["retry zfs"]),
        (
            ("release", "loop"),
            3,
            "loop  loaded  drifted  max_part is '15', wanted '16'\n",
            ["release loop", "reconcile"],
        ),
        (
            ("pause",),
            0,
            "enforcement is paused: nothing is changed until kmoddctl resume, or the next boot\n",
            ["pause"],
        ),
        (("resume",), 0, "kmodd enforces what the files declare\n", ["resume"]),
    ],
)
def test_a_word_to_kmodd_and_what_came_of_it(
    bus: PrivateBus, arguments: tuple[str, ...], exit_status: int, out: str, calls: list[str]
) -> None:
    asked = manager()
    assert answered(bus, asked, *arguments) == Printed(exit_status, out, "")
    assert asked.calls == calls


def test_resuming_where_settings_let_nothing_be_changed(bus: PrivateBus) -> None:
    printed = answered(bus, manager(enforcing=False), "resume")
    assert printed.out == "it is resumed; settings or kernel command line let kmodd only report\n"


@pytest.mark.parametrize(
    ("command", "value"), [("pause", {"paused": True}), ("resume", {"paused": False}), ("retry", None)]
)
def test_json_of_what_came_of_it(bus: PrivateBus, command: str, value: object) -> None:
    names = ("zfs",) if command == "retry" else ()
    row = {
        "name": "zfs",
        "desired": "loaded",
        "state": "loaded",
        "condition": "in-sync",
        "message": "loaded as declared",
    }
    assert json.loads(answered(bus, manager(), command, *names, "--json").out) == (value or row)


@pytest.mark.parametrize("command", ["retry", "release", "clear"])
def test_what_kmodd_refuses_is_its_sentence(bus: PrivateBus, command: str) -> None:
    failing = manager(failure=KmoddError(ErrorKind.NOT_FOUND, "there is nothing of the kind"))
    printed = answered(bus, failing, command, "loop")
    said = "kmoddctl has set nothing for module loop" if command == "clear" else "nothing of the kind"
    assert (printed.status, printed.out) == (4, "")
    assert said in printed.err
