"""Where a value comes from, who else has a say, and what this kernel knows otherwise than a file."""

import pytest

from tests.support.guest.daemon_bus import Bus
from tests.support.uml.machine import Machine

FIRST = "/etc/kmodd.d/40-first.toml"
SECOND = "/etc/kmodd.d/50-second.toml"
OTHERS = "/etc/modprobe.d/others.conf"


def started(vm: Machine, text: str) -> Bus:
    """kmodd on one file."""
    vm.drop("40-first.toml", text)
    vm.start_daemon()
    return Bus(vm)


def issues_of(vm: Machine, bus: Bus) -> list[tuple[str, int, str]]:
    """File, line and message of every issue; each is in the log as well."""
    rows = bus.manager("ConfigIssues")
    log = vm.log()
    for file, line, column, message in rows:
        assert f"{file}:{line}:{column}: {message.partition(' [')[0]}" in log
    return [(file, line, message) for file, line, _, message in rows]


def test_explain_with_a_replaced_value_and_the_lines_of_others(vm: Machine) -> None:
    vm.write(OTHERS, "# theirs\noptions brd rd_nr=7 rd_size=512\nblacklist brd\nsoftdep brd pre: ifb\n")
    vm.drop("50-second.toml", '[module.brd]\nparameters.rd_nr = 2\nstate = "auto"\n')
    bus = started(vm, "[module.brd]\nparameters = { rd_nr = 4, max_part = 1 }\n")
    bus.wait_for_condition("brd", "in-sync")
    assert bus.call("Explain", "s", "brd") == [
        ["parameters.max_part", "1", 2, FIRST],
        ["parameters.rd_nr", "2", 2, SECOND],
        ["replaced parameters.rd_nr", "4", 2, FIRST],
        ["state", '"auto"', 3, SECOND],
        ["modprobe.d options", "brd rd_nr=7 rd_size=512", 2, OTHERS],
        ["modprobe.d blacklist", "brd", 3, OTHERS],
        ["modprobe.d softdep", "brd pre: ifb", 4, OTHERS],
    ]
    assert bus.module("brd", "Sources") == bus.call("Explain", "s", "brd")


def test_explain_follows_a_line_of_others_that_comes_and_goes(vm: Machine) -> None:
    bus = started(vm, "[module.ifb]\n")
    bus.wait_for_condition("ifb", "in-sync")
    before = bus.call("Explain", "s", "ifb")
    vm.write(OTHERS, "options ifb numifbs=7\n")
    bus.wait_for_text("ifb", "Sources", "numifbs=7")
    assert ["modprobe.d options", "ifb numifbs=7", 1, OTHERS] in bus.call("Explain", "s", "ifb")
    vm.remove(OTHERS)
    bus.call("Reload")
    assert bus.call("Explain", "s", "ifb") == before


def test_install_command_of_others_is_shown_and_not_run(vm: Machine) -> None:
    vm.write(OTHERS, "install ifb /bin/touch /tmp/was-run\n")
    bus = started(vm, "[module.ifb]\n")
    bus.wait_for_condition("ifb", "conflict")
    assert f"modprobe.d has an install command for it ({OTHERS}:1)" in bus.module("ifb", "Message")
    ((file, line, message),) = issues_of(vm, bus)
    assert (file, line) == (FIRST, 1)
    assert f"{OTHERS}:1 has an install command for ifb" in message
    assert "was-run" not in vm.names_in("/tmp")
    vm.remove(OTHERS)
    bus.wait_for_condition("ifb", "in-sync")


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("[module.dumy]\n", 1, "this kernel has no module dumy [did you mean 'dummy'"),
        (
            "[module.dummy]\nparameters.numdumies = 3\n",
            2,
            "dummy lists no parameter numdumies (modinfo), so the kernel may ignore it "
            "[did you mean 'numdummies'?]",
        ),
        (
            '[module.dummy]\nparameters.numdummies = "many"\n',
            2,
            "'module.dummy.parameters.numdummies' cannot be \"many\": its type is int",
        ),
        (
            '[module.dummy]\nwants = ["ip_vs_r"]\n',
            2,
            "'module.dummy.wants' names ip_vs_r, which this kernel does not have",
        ),
        (
            "[module.fs-f2fs]\n",
            1,
            "fs_f2fs is not a module but an alias of f2fs [name f2fs instead]",
        ),
    ],
)
def test_what_this_kernel_does_not_know_is_told_with_did_you_mean(
    vm: Machine, text: str, line: int, message: str
) -> None:
    bus = started(vm, text)
    ((file, found, told),) = issues_of(vm, bus)
    assert (file, found) == (FIRST, line)
    assert told.startswith(message)


def test_warning_goes_when_modules_are_installed(vm: Machine) -> None:
    """A tree that lacks a module, until a package brings it and runs depmod."""
    release = vm.run("uname", "-r").check().stdout.strip()
    tree = f"/lib/modules/{release}"
    vm.run("cp", "-a", f"/usr/lib/uml/modules/{release}", "/tmp/tree").check()
    vm.link(tree, "/tmp/tree")
    vm.run("rm", "/tmp/tree/kernel/drivers/net/ifb.ko").check()
    vm.run("depmod", "-a").check()
    bus = started(vm, "[module.ifb]\n[module.veth]\n")
    bus.wait_for_condition("veth", "in-sync")
    bus.wait_for_condition("ifb", "missing")
    assert [row[1] for row in issues_of(vm, bus)] == [1]
    vm.run(
        "cp", f"/usr/lib/uml/modules/{release}/kernel/drivers/net/ifb.ko", "/tmp/tree/kernel/drivers/net"
    ).check()
    vm.run("depmod", "-a").check()
    bus.wait_for_condition("ifb", "in-sync")
    assert bus.manager("ConfigIssues") == []
    vm.link(tree, f"/usr/lib/uml/modules/{release}")
    vm.remove("/tmp/tree")
