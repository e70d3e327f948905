"""What a person does with busctl, against a real dbus-daemon."""

import asyncio
import xml.etree.ElementTree as ET
from collections.abc import Awaitable, Callable

import pytest

from kmodd.bus import names
from kmodd.bus.connection import RemoteError
from kmodd.bus.message import Variant
from kmodd.errors import ErrorKind, KmoddError
from kmodd.names import ModuleName
from kmodd.shown import Condition
from tests.bus.manager import FakeManager, issue, status, statuses
from tests.bus.polkit import polkit
from tests.bus.private_bus import PrivateBus, busctl, busctl_json, client, manager_call, serving

MODULE_PATH = f"{names.MODULE_ROOT}/module_001"


def use(bus: PrivateBus, manager: FakeManager, test: Callable[[], Awaitable[None]]) -> None:
    """Run ``test`` while the manager is served, and polkit allows everything to whoever runs this."""

    async def main() -> None:
        async with serving(bus, manager), polkit(bus):
            await test()

    asyncio.run(main())


def test_tree_shows_every_object_and_no_other(bus: PrivateBus) -> None:
    async def test() -> None:
        printed = await busctl(bus, "tree", "--list", names.SERVICE)
        assert printed.out.split() == [
            "/",
            "/org",
            "/org/kmodd1",
            "/org/kmodd1/module",
            "/org/kmodd1/module/module_000",
            "/org/kmodd1/module/module_001",
        ]

    use(bus, FakeManager(statuses(2)), test)


def test_introspect_lists_members_and_values(bus: PrivateBus) -> None:
    async def test() -> None:
        manager = (await busctl(bus, "introspect", names.SERVICE, names.MANAGER_PATH)).out
        for member in ("Reload", "Plan", "ListModules", "ConfigIssues", "ReconcileFinished"):
            assert f".{member} " in manager
        module = (await busctl(bus, "introspect", names.SERVICE, MODULE_PATH)).out
        assert '2 "crc32" "libcrc32c"' in module
        assert ".MemorySize                         property  t         8589934592" in module

    use(bus, FakeManager(statuses(2)), test)


def test_every_argument_has_a_name(bus: PrivateBus) -> None:
    async def test() -> None:
        for path in ("/", names.MANAGER_PATH, MODULE_PATH):
            printed = await busctl(bus, "introspect", "--xml-interface", names.SERVICE, path)
            arguments = ET.fromstring(printed.out).findall(".//arg")  # noqa: S314  our own document
            assert arguments
            assert all(argument.get("name") for argument in arguments)

    use(bus, FakeManager(statuses(2)), test)


@pytest.mark.parametrize(
    ("member", "arguments", "answer"),
    [
        ("Reload", (), "u 8"),
        ("Reconcile", (), 'a(sss) 1 "module_000" "load" "done"'),
        ("Release", ("s", "module-000"), ""),
        ("Plan", (), 'a(ssss) 1 "dummy" "load" "numdummies=3" "declared, not loaded"'),
        ("ListModules", (), 'a(sssss) 1 "module_000" "loaded" "loaded" "in-sync" "loaded as declared"'),
        ("GetModule", ("s", "module-000"), 'o "/org/kmodd1/module/module_000"'),
        (
            "Explain",
            ("s", "module_000"),
            'a(ssus) 1 "parameters.max_loop" "64" 3 "/etc/kmodd.d/40-loop.toml"',
        ),
        (
            "Symbols",
            ("s", "module_000"),
            'a(ss)as 2 "printk" "" "ip_vs_conn_put" "ip_vs" 1 "own_symbol"',
        ),
    ],
)
def test_call(bus: PrivateBus, member: str, arguments: tuple[str, ...], answer: str) -> None:
    async def test() -> None:
        printed = await manager_call(bus, member, *arguments)
        assert (printed.status, printed.out.strip()) == (0, answer), printed.err

    use(bus, FakeManager(statuses(1)), test)


def test_answers_of_changing_calls_come_after_what_they_changed(bus: PrivateBus) -> None:
    async def test() -> None:
        await manager_call(bus, "Reload")
        assert await manager_property(bus, "Generation") == 8

    use(bus, FakeManager(), test)


def test_properties_of_the_manager(bus: PrivateBus) -> None:
    async def test() -> None:
        assert await manager_property(bus, "Version") == "0.1.0"
        assert await manager_property(bus, "State") == "converged"
        assert await manager_property(bus, "Converged") is True
        assert await manager_property(bus, "Lockdown") == "none"
        assert await manager_property(bus, "SignaturesEnforced") is False
        assert await manager_property(bus, "ModulesDisabled") is False
        assert await manager_property(bus, "Initramfs") == "current"
        assert await manager_property(bus, "ConfigIssues") == [
            ["/etc/kmodd.d/broken.toml", 4, 2, "unknown key 'paramters' [did you mean 'parameters'?]"],
            ["/etc/kmodd.d/broken.toml", 4, 2, "not TOML"],
        ]

    use(bus, FakeManager(config_issues=(issue(), issue("not TOML", hint=""))), test)


async def manager_property(bus: PrivateBus, name: str) -> object:
    """A property of the manager as busctl reads it."""
    return await busctl_json(
        bus, "get-property", names.SERVICE, names.MANAGER_PATH, names.MANAGER_INTERFACE, name
    )


def test_an_unknown_module_is_not_found(bus: PrivateBus) -> None:
    async def test() -> None:
        printed = await manager_call(bus, "GetModule", "s", "nosuch")
        assert (printed.status, printed.out) == (1, "")
        assert "there is no module nosuch" in printed.err
        await expect_error(bus, "GetModule", "nosuch", "org.kmodd1.Error.NotFound")
        await expect_error(bus, "Explain", "nosuch", "org.kmodd1.Error.NotFound")

    use(bus, FakeManager(), test)


@pytest.mark.parametrize("name", ["", "../../etc", "-x", "a b", "x" * 56, "\x1b[2J", "\u00fc"])
def test_what_cannot_be_a_name_is_an_invalid_argument(bus: PrivateBus, name: str) -> None:
    async def test() -> None:
        await expect_error(bus, "GetModule", name, "org.kmodd1.Error.InvalidArgument")

    use(bus, FakeManager(), test)


async def expect_error(bus: PrivateBus, member: str, name: str, error_name: str) -> None:
    """Call with one string and see the error's name; its text has no line break and no control character."""
    target = (names.SERVICE, names.MANAGER_PATH, names.MANAGER_INTERFACE, member)
    async with client(bus) as connection:
        with pytest.raises(RemoteError) as caught:
            await connection.call(target, "s", (name,))
    assert caught.value.name == error_name
    assert caught.value.message.isprintable()


@pytest.mark.parametrize(
    ("path", "interface", "member", "error_name"),
    [
        ("/org/kmodd1/module/nosuch", names.MODULE_INTERFACE, "X", names.UNKNOWN_OBJECT),
        ("/org/kmodd1", "org.kmodd1.Nosuch", "Reload", names.UNKNOWN_INTERFACE),
        ("/org/kmodd1", names.MODULE_INTERFACE, "Reload", names.UNKNOWN_INTERFACE),
        ("/org", names.PROPERTIES, "GetAll", names.UNKNOWN_INTERFACE),
        ("/org/kmodd1", names.MANAGER_INTERFACE, "Nosuch", names.UNKNOWN_METHOD),
        ("/org/kmodd1", "", "Nosuch", names.UNKNOWN_METHOD),
        ("/org/kmodd1", names.MANAGER_INTERFACE, "GetModule", names.INVALID_ARGS),
        ("/org/kmodd1", names.PROPERTIES, "Get", names.INVALID_ARGS),
        ("/org/kmodd1/module/module_000", names.OBJECT_MANAGER, "GetManagedObjects", names.UNKNOWN_INTERFACE),
    ],
)
def test_what_is_not_there_is_a_standard_error(
    bus: PrivateBus, path: str, interface: str, member: str, error_name: str
) -> None:
    async def test() -> None:
        async with client(bus) as connection:
            with pytest.raises(RemoteError) as caught:
                await connection.call((names.SERVICE, path, interface, member))
        assert caught.value.name == error_name

    use(bus, FakeManager(statuses(1)), test)


def test_a_call_without_an_interface_finds_its_member(bus: PrivateBus) -> None:
    async def test() -> None:
        async with client(bus) as connection:
            (rows,) = await connection.call((names.SERVICE, names.MANAGER_PATH, "", "ListModules"))
            target = (names.SERVICE, names.MANAGER_PATH, names.PROPERTIES)
            (value,) = await connection.call((*target, "Get"), "ss", ("", "Generation"))
            (every,) = await connection.call((*target, "GetAll"), "s", ("",))
        assert len(rows) == 1
        assert value == Variant("u", 7) == every["Generation"]

    use(bus, FakeManager(statuses(1)), test)


@pytest.mark.shows("security 1")
def test_nothing_can_be_set(bus: PrivateBus) -> None:
    async def test() -> None:
        target = (names.SERVICE, names.MANAGER_PATH, names.PROPERTIES, "Set")
        for name, error_name in (("Paused", names.PROPERTY_READ_ONLY), ("Nosuch", names.UNKNOWN_PROPERTY)):
            async with client(bus) as connection:
                with pytest.raises(RemoteError) as caught:
                    await connection.call(target, "ssv", (names.MANAGER_INTERFACE, name, Variant("b", True)))
            assert caught.value.name == error_name

    use(bus, FakeManager(), test)


def test_peer_answers_on_any_path(bus: PrivateBus) -> None:
    async def test() -> None:
        async with client(bus) as connection:
            for path in ("/", "/org/kmodd1", "/no/such/object"):
                assert await connection.call((names.SERVICE, path, names.PEER, "Ping")) == ()

    use(bus, FakeManager(), test)


def test_only_managed_modules_are_listed(bus: PrivateBus) -> None:
    async def test() -> None:
        rows = await busctl_json(
            bus, "call", names.SERVICE, names.MANAGER_PATH, names.MANAGER_INTERFACE, "ListModules"
        )
        assert [row[0] for row in rows[0]] == ["pulled_in"]

    present = status("present", desired="", condition=Condition.NOT_MANAGED)
    held = {each.name: each for each in (present, status("pulled_in", desired=""))}
    use(bus, FakeManager(held), test)


def test_asking_for_a_present_module_makes_its_object(bus: PrivateBus) -> None:
    async def test() -> None:
        path = (await manager_call(bus, "GetModule", "s", "fuse")).out.split('"')[1]
        values = await busctl_json(
            bus, "get-property", names.SERVICE, path, names.MODULE_INTERFACE, "Condition"
        )
        assert values == "not-managed"

    present = {ModuleName("fuse"): status("fuse", desired="", condition=Condition.NOT_MANAGED)}
    use(bus, FakeManager(present=present), test)


def test_an_error_of_ours_arrives_with_its_name_and_sentence(bus: PrivateBus) -> None:
    async def test() -> None:
        async with client(bus) as connection:
            target = (names.SERVICE, names.MANAGER_PATH, names.MANAGER_INTERFACE, "Plan")
            with pytest.raises(RemoteError) as caught:
                await connection.call(target)
        assert (caught.value.name, caught.value.kind) == ("org.kmodd1.Error.Busy", ErrorKind.BUSY)
        assert caught.value.message == "a pass is running (wait for it)"

    use(bus, FakeManager(failure=KmoddError(ErrorKind.BUSY, "a pass is running", "wait for it")), test)


@pytest.mark.shows("security 8")
def test_hostile_text_is_escaped(bus: PrivateBus) -> None:
    async def test() -> None:
        target = ("get-property", names.SERVICE, f"{names.MODULE_ROOT}/loop", names.MODULE_INTERFACE)
        assert await busctl_json(bus, *target, "KernelMessages") == ["\\x1b[2J", "a\\nb", "\\udc80", "\\x00"]

    hostile = status("loop", kernel_messages=("\x1b[2J", "a\nb", "\udc80", "\0"))
    use(bus, FakeManager({hostile.name: hostile}), test)
