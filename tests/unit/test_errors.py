"""One table of error kinds, whole and without doubles."""

from pathlib import Path

import pytest

from kmodd.daemon.reconciler import FATAL
from kmodd.errors import BUS_PREFIX, KINDS, ErrorKind, Kind, KmoddError, kind_of_bus_name

# org.kmodd1(5)
BUS_MEMBERS = {
    "NotFound",
    "InvalidConfig",
    "InvalidArgument",
    "NotAuthorized",
    "Busy",
    "InUse",
    "Failed",
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_kind_has_all_that_the_outside_sees(kind: Kind) -> None:
    assert kind.code == kind.code.lower()
    assert kind.bus_name.removeprefix(BUS_PREFIX) in BUS_MEMBERS
    assert 1 <= kind.exit_status < 64  # above are sysexits.h, the shell and signals
    assert isinstance(kind.retryable, bool)


def test_codes_and_exit_statuses_tell_kinds_apart() -> None:
    assert len(KINDS) == sum(isinstance(each, Kind) for each in vars(ErrorKind).values())
    assert len({kind.exit_status for kind in KINDS.values()}) == len(KINDS)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_code_leads_back_to_its_very_kind(kind: Kind) -> None:
    assert KINDS[kind.code] is kind


def test_every_error_of_the_interface_can_happen() -> None:
    assert {kind.bus_name.removeprefix(BUS_PREFIX) for kind in KINDS.values()} == BUS_MEMBERS


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_bus_name_leads_back_to_a_kind_of_that_name(kind: Kind) -> None:
    assert kind_of_bus_name(kind.bus_name).bus_name == kind.bus_name


@pytest.mark.parametrize("name", ["org.freedesktop.DBus.Error.NoReply", "", "Busy", BUS_PREFIX])
def test_a_foreign_bus_name_is_a_failure(name: str) -> None:
    assert kind_of_bus_name(name) is ErrorKind.FAILED


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (KmoddError(ErrorKind.BUSY, "it is busy"), "it is busy"),
        (KmoddError(ErrorKind.BUSY, "it is busy", "wait"), "it is busy (wait)"),
        (KmoddError(ErrorKind.BUSY, "it is busy", where="a:1:2"), "a:1:2: it is busy"),
        (KmoddError(ErrorKind.BUSY, "it is busy", "wait", "a:1:2"), "a:1:2: it is busy (wait)"),
    ],
)
def test_an_error_reads_as_place_sentence_and_advice(error: KmoddError, text: str) -> None:
    assert str(error) == text


def test_the_service_is_not_started_again_where_that_cannot_help() -> None:
    unit = Path(__file__).parents[2] / "systemd/kmodd.service"
    (given,) = (
        line.partition("=")[2].split()
        for line in unit.read_text().splitlines()
        if line.startswith("RestartPreventExitStatus=")
    )
    hopeless = {ErrorKind.INVALID_ARGUMENT, ErrorKind.ALREADY_RUNNING, *FATAL}
    assert given == [str(status) for status in sorted(kind.exit_status for kind in hopeless)]
