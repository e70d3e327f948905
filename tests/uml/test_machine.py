"""The machine itself: a real kernel that nothing escapes from."""

import signal
from pathlib import Path

import pytest

from tests.support.guest.channel import GuestError, MachineLost
from tests.support.guest.conditions import FileHolds, PathExists, module_absent, module_live, module_loading
from tests.support.uml.machine import Machine


def test_what_is_written_inside_does_not_exist_outside(vm: Machine) -> None:
    vm.write("/etc/kmodd-isolation-test", "inside")
    assert vm.read("/etc/kmodd-isolation-test") == "inside"
    assert not Path("/etc/kmodd-isolation-test").exists()


def test_removing_inside_leaves_the_file_outside(vm: Machine) -> None:
    vm.remove("/etc/hostname")
    assert "hostname" not in vm.names_in("/etc")
    assert Path("/etc/hostname").exists()


def test_no_configuration_of_the_host_is_seen(vm: Machine) -> None:
    assert vm.names_in("/etc/modprobe.d") == ()
    assert vm.names_in("/etc/kmodd.d") == ()


def test_a_real_module_loads_with_its_parameters(vm: Machine) -> None:
    vm.run("modprobe", "dummy", "numdummies=3").check()
    assert vm.modules()["dummy"].state == "Live"
    assert {"dummy0", "dummy1", "dummy2"} <= set(vm.names_in("/sys/class/net"))


def test_holders_are_read_from_the_kernel(vm: Machine) -> None:
    vm.run("modprobe", "ip_vs_rr").check()
    assert vm.modules()["ip_vs"].holders == ("ip_vs_rr",)


def test_module_events_come_in_the_order_of_the_kernel(vm: Machine) -> None:
    seen = len(vm.module_events())
    vm.run("modprobe", "dummy").check()
    vm.run("rmmod", "dummy").check()
    events = vm.module_events(since=seen)
    assert [(event.action, event.module) for event in events] == [("add", "dummy"), ("remove", "dummy")]
    assert events[0].time_s <= events[1].time_s <= vm.clock_s()


def test_an_init_that_requests_a_module_sleeps_while_requests_are_held(vm: Machine) -> None:
    sleepers = ("nls_euc_jp", "nls_koi8_ru")
    with vm.holding_requests():
        loads = [vm.start("modprobe", name) for name in sleepers]
        for name in sleepers:
            vm.wait_for(module_loading(name))
        assert {vm.modules()[name].state for name in sleepers} == {"Loading"}
    for load in loads:
        load.finish().check()
    assert {vm.modules()[name].state for name in sleepers} == {"Live"}


def test_reset_leaves_no_module_and_no_file(vm: Machine) -> None:
    before = set(vm.modules())
    vm.drop("10-x.toml", "[module.dummy]\n")
    vm.run("modprobe", "ip_vs_rr").check()
    vm.plug_scsi()
    vm.reset()
    assert set(vm.modules()) == before
    assert vm.names_in("/etc/kmodd.d") == ()


def test_udevd_answers_a_plugged_scsi_disk(vm: Machine) -> None:
    assert "sd_mod" not in vm.modules()
    vm.plug_scsi()
    vm.wait_for(module_live("sd_mod"))
    vm.unplug_scsi()
    vm.settle()
    vm.wait_for(PathExists("/dev/sda", wanted=False))


def test_busctl_lists_the_names_on_the_bus(vm: Machine) -> None:
    listed = vm.busctl("list", "--no-legend").check().stdout
    assert "org.freedesktop.DBus" in listed


def test_commands_run_side_by_side(vm: Machine) -> None:
    vm.run("mkfifo", "/run/test-fifo").check()
    reader = vm.start("cat", "/run/test-fifo")
    vm.run("cp", "/etc/passwd", "/run/test-fifo").check()
    assert reader.finish().stdout == vm.read("/etc/passwd")


def test_a_command_out_of_time_is_killed(vm: Machine) -> None:
    assert vm.run("sleep", "60", timeout_s=0.2).status is None
    assert not [process for process in vm.processes() if process.name == "sleep"]


def test_a_spawned_process_reports_its_signal(vm: Machine) -> None:
    pid = vm.spawn("sleep", "60", output="/run/sleep.log")
    vm.send_signal(pid, signal.SIGTERM)
    assert vm.wait(pid) == -signal.SIGTERM


def test_a_process_is_caught_as_soon_as_it_appears(vm: Machine) -> None:
    caught = vm.signal_when_seen("^41.5$", [], signal.SIGUSR1, timeout_s=10)
    pid = vm.spawn("sleep", "41.5", output="/run/sleep.log")
    assert caught.finish() == pid
    assert vm.wait(pid) == -signal.SIGUSR1


def test_bytes_survive_the_line(vm: Machine) -> None:
    every_byte = bytes(range(256))
    vm.write("/run/bytes", every_byte)
    assert vm.read("/run/bytes").encode("utf-8", "surrogateescape") == every_byte


def test_a_large_file_survives_the_line(vm: Machine) -> None:
    text = "0123456789abcdef" * 16384
    vm.write("/run/large", text)
    assert vm.read("/run/large") == text


def test_a_refused_request_leaves_the_agent_alive(vm: Machine) -> None:
    with pytest.raises(GuestError, match="FileNotFoundError"):
        vm.read("/nonexistent")
    assert vm.clock_s() > 0


def test_waiting_ends_with_an_error_that_names_the_condition(vm: Machine) -> None:
    with pytest.raises(AssertionError, match="nosuchmodule"):
        vm.wait_for(module_live("nosuchmodule"), timeout_s=0.1)
    vm.wait_for(module_absent("nosuchmodule"))


def test_a_machine_without_services_and_module_tree() -> None:
    with Machine.boot(modules=False, bus=False, udevd=False) as bare:
        assert bare.run("modprobe", "dummy").status == 1
        assert not [process for process in bare.processes() if "udevd" in process.name]
        bare.wait_for(FileHolds("/proc/modules", "^overlay "))


def test_a_panic_is_an_error_that_shows_the_console() -> None:
    with (
        pytest.raises(MachineLost, match=r"sysrq triggered crash|Kernel panic"),
        Machine.boot(bus=False, udevd=False) as doomed,
    ):
        doomed.write("/proc/sysrq-trigger", "c", atomic=False)
