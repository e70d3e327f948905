"""kmoddctl against the objects of kmodd on a real bus: what each command prints, and its exit status."""

import json

import pytest

from kmodd.action import ActionKind
from kmodd.errors import ErrorKind, Kind, KmoddError
from kmodd.model import Desired, Security
from kmodd.names import ModuleName
from kmodd.shown import (
    Condition,
    DaemonState,
    Issue,
    Location,
    ModuleState,
    Outcome,
    OutcomeRow,
    Severity,
    Source,
)
from tests.bus.cli_tool import kmoddctl, use
from tests.bus.manager import FakeManager, issue, status, statuses
from tests.bus.private_bus import Printed, PrivateBus

LOOP = status("loop", condition=Condition.DRIFTED, message="max_part is '15', wanted '16'")
NOUVEAU = status(
    "nouveau",
    desired=Desired.DENIED,
    state=ModuleState.NOT_LOADED,
    condition=Condition.DENIED,
    message="nobody can load it",
)
ZFS = status("zfs")


def manager(**changes: object) -> FakeManager:
    """A daemon with three modules, one of which is not as declared."""
    held = {each.name: each for each in (ZFS, LOOP, NOUVEAU)}
    state = {"held": held, "state": DaemonState.DEGRADED, "converged": False}
    return FakeManager(**{**state, **changes})  # type: ignore[arg-type]


def answered(bus: PrivateBus, asked: FakeManager, *arguments: str) -> Printed:
    """What the tool prints, asking a daemon."""
    printed: list[Printed] = []

    async def test() -> None:
        printed.append(await kmoddctl(bus, *arguments))

    use(bus, asked, test)
    return printed[0]


def test_status_begins_with_what_is_wrong_and_why(bus: PrivateBus) -> None:
    trouble = Issue(Severity.ERROR, "trouble", "the loader cannot be started", "", Location(""))
    printed = answered(bus, manager(config_issues=(issue(), trouble)), "status")
    assert printed.out == (
        "\N{BLACK CIRCLE} kmodd is degraded: 3 modules, 1 not as declared\n"
        "  version 0.1.0, kernel 6.1.0-test, generation 7\n"
        "\n"
        "Configuration\n"
        "  /etc/kmodd.d/broken.toml:4:2:  unknown key 'paramters' [did you mean 'parameters'?]\n"
        "  kmodd:                         the loader cannot be started\n"
        "\n"
        "Not as declared\n"
        "  loop  drifted  max_part is '15', wanted '16'\n"
        "                 -> kmoddctl status loop shows what is wanted and what was found; "
        "kmoddctl retry loop sets it again\n"
        "\n"
        "As declared: 1 denied, 1 in-sync (--all lists them)\n"
    )
    assert (printed.status, printed.err) == (3, "")


def test_status_of_all_lists_what_is_as_declared_too(bus: PrivateBus) -> None:
    printed = answered(bus, manager(), "status", "--all")
    assert printed.out.endswith(
        "\nAs declared\n  nouveau  denied   nobody can load it\n  zfs      in-sync  loaded as declared\n"
    )
    assert "As declared:" not in printed.out


def test_most_of_what_is_as_declared_comes_first(bus: PrivateBus) -> None:
    held = {**statuses(12), **{each.name: each for each in (NOUVEAU, LOOP)}}
    printed = answered(bus, FakeManager(held, converged=False), "status")
    assert printed.out.endswith("\nAs declared: 12 in-sync, 1 denied (--all lists them)\n")


@pytest.mark.parametrize(
    ("state", "converged", "exit_status"),
    [
        (DaemonState.CONVERGED, True, 0),
        (DaemonState.CONVERGED, False, 3),
        (DaemonState.DEGRADED, True, 3),
        (DaemonState.PAUSED, True, 0),
    ],
)
def test_status_ends_with_0_if_all_is_as_declared(
    bus: PrivateBus, state: DaemonState, converged: bool, exit_status: int
) -> None:
    held = {ZFS.name: ZFS}
    asked = FakeManager(held, state=state, converged=converged, paused=state == DaemonState.PAUSED)
    printed = answered(bus, asked)
    assert printed.status == exit_status
    assert "1 module, all as declared" in printed.out
    assert ("enforcement is paused" in printed.out) is asked.paused


@pytest.mark.parametrize(
    ("paused", "enforcing", "to_do"),
    [
        (False, True, "nothing to do: it goes on by itself"),
        (True, True, "nothing more is begun before kmoddctl resume"),
        (True, False, "nothing is begun while kmodd only reports"),
    ],
)
def test_what_goes_on_by_itself_does_not_while_nothing_is_enforced(
    bus: PrivateBus, paused: bool, enforcing: bool, to_do: str
) -> None:
    waiting = status("loop", condition=Condition.WAITING_FOR_DEPENDENCY)
    asked = FakeManager({waiting.name: waiting}, converged=False, paused=paused, enforcing=enforcing)
    assert f"  -> {to_do}\n" in answered(bus, asked, "status").out
    assert f"To do  {to_do}\n" in answered(bus, asked, "status", "loop").out
    assert f"  -> {to_do}\n" in answered(bus, asked, "apply").out


@pytest.mark.parametrize(
    ("place", "why"),
    [
        (Location(""), "something is in kmodd's way"),
        (Location("/etc/kmodd.d/a.toml", 1), "files have errors"),
    ],
)
def test_status_says_why_kmodd_is_degraded_where_no_module_is(
    bus: PrivateBus, place: Location, why: str
) -> None:
    trouble = Issue(Severity.ERROR, "trouble", "the loader cannot be started", "", place)
    asked = FakeManager({ZFS.name: ZFS}, state=DaemonState.DEGRADED, config_issues=(trouble,))
    first, *_ = answered(bus, asked, "status").out.splitlines()
    assert first.endswith(f"kmodd is degraded: 1 module, all as declared, and {why}")


def test_status_says_what_the_kernel_does_not_permit(bus: PrivateBus) -> None:
    strict = Security("integrity", modules_disabled=True, signatures_enforced=True)
    said = "  the kernel is locked down (integrity), takes signed modules only, "
    lines = answered(bus, FakeManager(security=strict), "status").out.splitlines()
    assert lines[2] == f"{said}loads and unloads no module until the next boot"
    assert len(answered(bus, FakeManager(), "status").out.splitlines()) == 2


def test_status_of_an_empty_configuration(bus: PrivateBus) -> None:
    printed = answered(bus, FakeManager(), "status")
    assert printed.out.splitlines()[0].endswith("kmodd is converged: no file declares a module")
    assert answered(bus, FakeManager(), "list") == Printed(0, "no file declares a module\n", "")


def test_status_of_a_module_is_everything_about_it(bus: PrivateBus) -> None:
    loop = LOOP._replace(
        reason="for images",
        load_duration_us=12_340,
        blockers=("mounted on /mnt",),
        failure_count=2,
        next_retry_us=1_700_000_060_000_000,
        desired_parameters={"max_loop": "64", "max_part": "16", "secret": "1"},
        kernel_messages=("loop: module loaded",),
        signer="nobody",
    )
    printed = answered(bus, manager(held={loop.name: loop}), "status", "loop")
    assert printed.out == (
        "\N{BLACK CIRCLE} loop is drifted: max_part is '15', wanted '16'\n"
        "         Desired  loaded\n"
        "          Reason  for images\n"
        "           State  loaded, since 2023-11-14 22:13:20 UTC, took 12.3 ms\n"
        "           To do  kmoddctl retry loop sets it again\n"
        "      Parameters  max_loop = 64\n"
        "                  max_part = 15, wanted 16\n"
        "                  secret = 1 wanted; the kernel does not show it\n"
        "         Holders  holder\n"
        "        Blockers  mounted on /mnt\n"
        "    Dependencies  crc32 libcrc32c\n"
        "        Failures  2 in a row, next attempt 2023-11-14 22:14:20 UTC\n"
        "          Memory  8.0 GiB\n"
        "      References  1\n"
        "            Path  /lib/modules/6.1.0/kernel/drivers/block/loop.ko\n"
        "         Version  1.0 0123456789ABCDEF\n"
        "          Signer  nobody\n"
        "\n"
        "Kernel log\n"
        "  loop: module loaded\n"
        "\n"
        "Declared by\n"
        "  parameters.max_loop  64  /etc/kmodd.d/40-loop.toml:3\n"
    )
    assert (printed.status, printed.err) == (3, "")


@pytest.mark.parametrize("name", ["snd-usb-audio", "snd_usb_audio"])
def test_both_spellings_of_a_name_are_one_module(bus: PrivateBus, name: str) -> None:
    sound = status("snd_usb_audio")
    printed = answered(bus, manager(held={sound.name: sound}), "status", name)
    assert printed.status == 0
    assert "snd_usb_audio is in-sync" in printed.out


def test_status_of_a_module_that_nobody_declares(bus: PrivateBus) -> None:
    fuse = status("fuse", desired="", condition=Condition.NOT_MANAGED, message="no file names it")
    printed = answered(bus, FakeManager(present={fuse.name: fuse}), "status", "fuse")
    assert printed.status == 0
    assert "Desired  not declared" in printed.out


def test_list_has_a_row_a_module(bus: PrivateBus) -> None:
    assert answered(bus, manager(), "list").out == (
        "MODULE   DESIRED  STATE       CONDITION  MESSAGE\n"
        "loop     loaded   loaded      drifted    max_part is '15', wanted '16'\n"
        "nouveau  denied   not-loaded  denied     nobody can load it\n"
        "zfs      loaded   loaded      in-sync    loaded as declared\n"
    )


EXPLAINED = (
    Source("parameters.max_loop", "64", Location("/etc/kmodd.d/40-loop.toml", 3)),
    Source("replaced parameters.max_loop", "16", Location("/etc/kmodd.d/20-loop.toml", 2)),
    Source("replaced parameters.max_loop", "8", Location("/usr/lib/kmodd.d/10-loop.toml", 2)),
    Source("state", '"loaded"', Location("/etc/kmodd.d/40-loop.toml", 1)),
    Source("modprobe.d options", "loop max_part=15 max_loop=4", Location("/etc/modprobe.d/loop.conf", 7)),
    Source("modprobe.d blacklist", "loop", Location("/etc/modprobe.d/loop.conf", 8)),
    Source("command line", "loop.max_part=31", Location("/proc/cmdline")),
)


@pytest.mark.parametrize(
    ("key", "out"),
    [
        (
            (),
            "KEY                   VALUE                        PLACE\n"
            "parameters.max_loop   64                           /etc/kmodd.d/40-loop.toml:3\n"
            "  replaced            16                           /etc/kmodd.d/20-loop.toml:2\n"
            "  replaced            8                            /usr/lib/kmodd.d/10-loop.toml:2\n"
            'state                 "loaded"                     /etc/kmodd.d/40-loop.toml:1\n'
            "modprobe.d options    loop max_part=15 max_loop=4  /etc/modprobe.d/loop.conf:7\n"
            "modprobe.d blacklist  loop                         /etc/modprobe.d/loop.conf:8\n"
            "command line          loop.max_part=31             /proc/cmdline\n",
        ),
        (
            ("parameters.max-loop",),
            "KEY                  VALUE                        PLACE\n"
            "parameters.max_loop  64                           /etc/kmodd.d/40-loop.toml:3\n"
            "  replaced           16                           /etc/kmodd.d/20-loop.toml:2\n"
            "  replaced           8                            /usr/lib/kmodd.d/10-loop.toml:2\n"
            "modprobe.d options   loop max_part=15 max_loop=4  /etc/modprobe.d/loop.conf:7\n",
        ),
        (
            ("parameters.max_part",),
            "KEY                 VALUE                        PLACE\n"
            "modprobe.d options  loop max_part=15 max_loop=4  /etc/modprobe.d/loop.conf:7\n"
            "command line        loop.max_part=31             /proc/cmdline\n",
        ),
        (("state",), 'KEY    VALUE     PLACE\nstate  "loaded"  /etc/kmodd.d/40-loop.toml:1\n'),
    ],
)
def test_explain_shows_what_was_replaced_and_who_else_has_a_say(
    bus: PrivateBus, key: tuple[str, ...], out: str
) -> None:
    loop = LOOP._replace(sources=EXPLAINED)
    assert answered(bus, manager(held={loop.name: loop}), "explain", "loop", *key) == Printed(0, out, "")


@pytest.mark.parametrize(
    ("arguments", "out"),
    [
        (("plan",), "+ load dummy numdummies=3  declared, not loaded\n"),
        (
            ("explain", "loop"),
            "KEY                  VALUE  PLACE\nparameters.max_loop  64     /etc/kmodd.d/40-loop.toml:3\n",
        ),
        (
            ("explain", "loop", "parameters"),
            "KEY                  VALUE  PLACE\nparameters.max_loop  64     /etc/kmodd.d/40-loop.toml:3\n",
        ),
        (("reload",), "generation 8 is in force\n"),
        (("reconcile",), "zfs      load  done\nloop     load  done\nnouveau  load  done\n"),
    ],
)
def test_text(bus: PrivateBus, arguments: tuple[str, ...], out: str) -> None:
    assert answered(bus, manager(), *arguments) == Printed(0, out, "")


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        (
            ("plan",),
            [
                {
                    "module": "dummy",
                    "action": "load",
                    "detail": "numdummies=3",
                    "reason": "declared, not loaded",
                }
            ],
        ),
        (
            ("explain", "zfs", "parameters.max_loop"),
            [
                {
                    "key": "parameters.max_loop",
                    "value": "64",
                    "location": {"file": "/etc/kmodd.d/40-loop.toml", "line": 3, "column": 0},
                }
            ],
        ),
        (("reload",), {"generation": 8}),
        (("reconcile",), [{"module": "zfs", "action": "load", "outcome": "done"}]),
        (
            ("list",),
            [
                {
                    "name": "zfs",
                    "desired": "loaded",
                    "state": "loaded",
                    "condition": "in-sync",
                    "message": "loaded as declared",
                }
            ],
        ),
    ],
)
def test_json(bus: PrivateBus, arguments: tuple[str, ...], value: object) -> None:
    printed = answered(bus, FakeManager({ZFS.name: ZFS}), *arguments, "--json")
    assert (printed.status, json.loads(printed.out), printed.err) == (0, value, "")


def test_status_as_json(bus: PrivateBus) -> None:
    value = json.loads(answered(bus, manager(config_issues=(issue(),)), "--json").out)
    assert (value["state"], value["converged"], value["generation"]) == ("degraded", False, 7)
    assert value["config_issues"][0]["location"]["line"] == 4
    assert [each["name"] for each in value["modules"]] == ["loop", "nouveau", "zfs"]
    module = json.loads(answered(bus, manager(), "status", "loop", "--json").out)
    assert module["drift"] == [{"parameter": "max_part", "wanted": "16", "found": "15"}]
    assert (module["memory_bytes"], module["loaded_us"]) == (1 << 33, 1_700_000_000_000_000)


class Idle(FakeManager):
    """Everything is done already."""

    async def plan(self) -> tuple[()]:
        return ()


def test_nothing_to_do_is_said(bus: PrivateBus) -> None:
    for command in ("plan", "reconcile"):
        assert answered(bus, Idle(), command) == Printed(0, "nothing to do\n", "")


class Hindered(FakeManager):
    """A pass that does not come to its end."""

    async def reconcile(self) -> tuple[OutcomeRow, ...]:
        return (
            OutcomeRow(ModuleName("zfs"), ActionKind.LOAD, Outcome.FAILED),
            OutcomeRow(ModuleName("loop"), ActionKind.UNLOAD, Outcome.BLOCKED),
            OutcomeRow(ModuleName("dummy"), ActionKind.WRITE, Outcome.UNCHANGED),
        )


def test_what_reconcile_could_not_do_is_said_and_where_to_look(bus: PrivateBus) -> None:
    assert answered(bus, Hindered(), "reconcile") == Printed(
        3,
        "zfs    load    failed\n"
        "loop   unload  blocked\n"
        "dummy  write   unchanged\n"
        "kmoddctl status loop says why\n"
        "kmoddctl status zfs says why\n",
        "",
    )


@pytest.mark.parametrize(
    ("arguments", "exit_status", "said"),
    [
        (("status", "nosuch"), 4, "there is no module nosuch"),
        (("explain", "nosuch"), 4, "there is no module nosuch"),
        (("explain", "loop", "parametres"), 4, "no file says 'parametres' of module loop (said are: param"),
        (("status", "../x"), 2, "'../x' is not a module name"),
        (("explain", "\x1b[2J"), 2, "'\\\\x1b[2J' is not a module name"),
        (("nosuch",), 2, "invalid choice: 'nosuch'"),
        (("explain",), 2, "the following arguments are required: MODULE"),
    ],
)
def test_an_error_is_a_sentence_and_a_status(
    bus: PrivateBus, arguments: tuple[str, ...], exit_status: int, said: str
) -> None:
    printed = answered(bus, manager(), *arguments)
    assert (printed.status, printed.out) == (exit_status, "")
    assert said in printed.err
    assert "Traceback" not in printed.err


@pytest.mark.parametrize(
    ("kind", "exit_status"),
    [(ErrorKind.BUSY, 7), (ErrorKind.NO_LIBKMOD, 1), (ErrorKind.INVALID_CONFIG, 5)],
)
def test_an_error_of_the_daemon_keeps_its_kind_and_its_lines(
    bus: PrivateBus, kind: Kind, exit_status: int
) -> None:
    failing = manager(failure=KmoddError(kind, "a.toml:1:1: one\nb.toml:2:2: two"))
    printed = answered(bus, failing, "reload")
    assert printed == Printed(exit_status, "", "kmoddctl: a.toml:1:1: one\nb.toml:2:2: two\n")
