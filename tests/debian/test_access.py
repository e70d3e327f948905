"""Who may do what over the bus, with the installed policies of D-Bus and polkit (shown 4)."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from kmodd.bus.auth import ACTIONS, READ
from kmodd.bus.names import MANAGE_ACTION
from tests.support.debian.machine import DebianMachine
from tests.support.debian.user import User
from tests.support.guest.conditions import BUS_NAME, CommandPrints
from tests.support.guest.daemon_bus import MANAGER, MANAGER_PATH, MODULE, Bus, module_path

ARGUMENTS = {
    "org.freedesktop.DBus.Peer.Ping": (),
    "org.freedesktop.DBus.Peer.GetMachineId": (),
    "org.freedesktop.DBus.Introspectable.Introspect": (),
    "org.freedesktop.DBus.Properties.Get": ("ss", MANAGER, "State"),
    "org.freedesktop.DBus.Properties.GetAll": ("s", MANAGER),
    "org.freedesktop.DBus.Properties.Set": ("ssv", MANAGER, "Paused", "b", "true"),
    "org.freedesktop.DBus.ObjectManager.GetManagedObjects": (),
    f"{MANAGER}.Reload": (),
    f"{MANAGER}.Reconcile": (),
    f"{MANAGER}.Release": ("s", "dummy"),
    f"{MANAGER}.Plan": (),
    f"{MANAGER}.ListModules": (),
    f"{MANAGER}.GetModule": ("s", "dummy"),
    f"{MANAGER}.Explain": ("s", "dummy"),
    f"{MANAGER}.Symbols": ("s", "dummy"),
    f"{MANAGER}.SetOverride": ("sa{sv}", "dummy", "1", "reason", "s", "a test"),
    f"{MANAGER}.ClearOverride": ("s", "dummy"),
    f"{MANAGER}.Retry": ("s", "dummy"),
    f"{MANAGER}.Pause": (),
    f"{MANAGER}.Resume": (),
    f"{MANAGER}.CreateCheckpoint": ("u", "600"),
    f"{MANAGER}.Commit": ("s", "0123456789abcdef"),
    f"{MANAGER}.Rollback": ("s", "0123456789abcdef"),
}
"""Every member of org.kmodd1(5), with arguments that make sense."""

READING = [member for member, action in ACTIONS.items() if action is READ]
CHANGING = [member for member, action in ACTIONS.items() if action is not READ]
REFUSED = f"is for root and for whom polkit allows {MANAGE_ACTION}"
RULE = "/etc/polkit-1/rules.d/50-kmodd.rules"
RULE_TEXT = f"""\
polkit.addRule(function(action, subject) {{
    if (action.id == "{MANAGE_ACTION}" && subject.user == "carol") {{ return polkit.Result.YES; }}
}});
"""


def call_of(member: str) -> tuple[str, ...]:
    """Arguments of busctl for a call of a member, on the object that has all interfaces of the manager."""
    interface, _, name = member.rpartition(".")
    return ("call", BUS_NAME, MANAGER_PATH, interface, name, *ARGUMENTS[member])


def reload_by(user: User) -> CommandPrints:
    """The user may reload."""
    return CommandPrints(user.command("busctl", *call_of(f"{MANAGER}.Reload")), r"^u \d+$")


@pytest.fixture
def carol(vm: DebianMachine) -> Iterator[User]:
    """A user whom a rule of the administrator lets manage modules; polkitd has heard of the rule."""
    user = vm.as_user("carol")
    vm.write(RULE, RULE_TEXT)
    vm.wait_for(reload_by(user))
    yield user
    vm.remove(RULE)


@contextmanager
def without_polkit(vm: DebianMachine) -> Iterator[None]:
    """polkitd does not run, and the bus cannot start it."""
    vm.systemctl("mask", "--runtime", "--now", "polkit.service").check()
    try:
        yield
    finally:
        vm.systemctl("unmask", "--runtime", "polkit.service").check()


@pytest.mark.shows("P10")
def test_every_member_is_tried() -> None:
    assert set(ARGUMENTS) == set(ACTIONS)


@pytest.mark.shows("P10")
def test_an_unprivileged_user_reads_everything(vm: DebianMachine) -> None:
    vm.drop("10-dummy.toml", "[module.dummy]\nparameters.numdummies = 2\n")
    Bus(vm).wait_for_condition("dummy", "in-sync")
    alice = vm.as_user("alice")
    answers = {member: alice.busctl(*call_of(member)) for member in READING}
    assert {member: answer.stderr for member, answer in answers.items() if answer.status != 0} == {}
    assert '"dummy" "loaded" "loaded" "in-sync" "declared"' in answers[f"{MANAGER}.ListModules"].stdout
    whole = alice.busctl("introspect", BUS_NAME, module_path("dummy")).check().stdout
    assert 'a{ss} 1 "numdummies" "2"' in " ".join(whole.split())
    alice.busctl("get-property", BUS_NAME, module_path("dummy"), MODULE, "State").check()
    assert module_path("dummy") in alice.busctl("--list", "tree", BUS_NAME).check().stdout.split()


def test_an_unprivileged_user_is_shown_everything_by_the_tool(vm: DebianMachine) -> None:
    vm.drop("10-dummy.toml", "[module.dummy]\n")
    Bus(vm).wait_for_condition("dummy", "in-sync")
    alice = vm.as_user("alice")
    for command in (("status",), ("status", "dummy"), ("list",), ("plan",), ("explain", "dummy")):
        assert alice.kmoddctl(*command).check().stdout == vm.kmoddctl(*command).check().stdout


@pytest.mark.shows("P10")
def test_an_unprivileged_user_changes_nothing(vm: DebianMachine) -> None:
    generation = Bus(vm).manager("Generation")
    alice = vm.as_user("alice")
    for member in CHANGING:
        answer = alice.busctl(*call_of(member))
        assert (answer.status, REFUSED in answer.stderr) == (1, True), (member, answer)
    assert Bus(vm).manager("Generation") == generation
    assert Bus(vm).manager("Paused") is False


def test_an_unprivileged_user_reaches_neither_file_nor_module(vm: DebianMachine) -> None:
    vm.drop("10-dummy.toml", "[module.dummy]\n")
    Bus(vm).wait_for_condition("dummy", "in-sync")
    alice = vm.as_user("alice")
    for path in ("/etc/kmodd.d/x.toml", "/run/kmodd/x", "/var/lib/kmodd/x", "/etc/modprobe.d/00-kmodd.conf"):
        assert alice.run("sh", "-c", f"echo > {path}").status != 0
    assert alice.run("rmmod", "dummy").status != 0
    assert "dummy" in vm.modules()


@pytest.mark.shows("security 7")
def test_nobody_else_takes_the_name(vm: DebianMachine) -> None:
    bus = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")
    vm.systemctl("stop", "kmodd.service").check()
    taken = vm.as_user("alice").busctl("call", *bus, "RequestName", "su", BUS_NAME, "0")
    assert taken.status == 1
    assert "Access denied" in taken.stderr


@pytest.mark.shows("P10")
def test_root_changes(vm: DebianMachine) -> None:
    generation = Bus(vm).manager("Generation")
    vm.drop("10-dummy.toml", "[module.dummy]\n")
    assert Bus(vm).call("Reload") > generation
    Bus(vm).call("Reconcile")
    assert "dummy" in vm.modules()


@pytest.mark.shows("P10")
def test_whom_polkit_allows_may_call_whatever_changes_something(vm: DebianMachine, carol: User) -> None:
    answers = {member: carol.busctl(*call_of(member)).stderr for member in CHANGING}
    assert not [member for member, error in answers.items() if REFUSED in error]
    silent = {f"{MANAGER}.{name}" for name in ("SetOverride", "ClearOverride", "Pause", "Resume")}
    assert {member: answers[member] for member in silent if answers[member]} == {}
    assert vm.names_in("/run/kmodd.d") == ()


def test_a_user_whom_polkit_allows_changes(vm: DebianMachine, carol: User) -> None:
    for member in (f"{MANAGER}.Reload", f"{MANAGER}.Reconcile"):
        carol.busctl(*call_of(member)).check()
    assert REFUSED in vm.as_user("alice").busctl(*call_of(f"{MANAGER}.Reload")).stderr


@pytest.mark.shows("fault: no bus", "security 2")
def test_without_polkit_only_root_changes(vm: DebianMachine, carol: User) -> None:
    with without_polkit(vm):
        for member in (f"{MANAGER}.Reload", f"{MANAGER}.Reconcile"):
            assert REFUSED in carol.busctl(*call_of(member)).stderr
        carol.busctl(*call_of(f"{MANAGER}.ListModules")).check()
        Bus(vm).call("Reconcile")
    vm.wait_for(reload_by(carol))


def test_polkit_knows_the_action_as_the_package_describes_it(vm: DebianMachine) -> None:
    shown = vm.run("pkaction", "--verbose", f"--action-id={MANAGE_ACTION}").check().stdout
    assert "Manage kernel modules" in shown
    assert "implicit active:   auth_admin_keep" in shown
