"""kmodd as a service of systemd: stop, restart, reload, watchdog, status, journal."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from kmodd.daemon.message_id import MessageId
from tests.support.debian.machine import DebianMachine
from tests.support.debian.systemd import KMODD, KMODD_LOAD
from tests.support.guest.conditions import CommandPrints, module_live, module_loading
from tests.support.guest.daemon_bus import Bus

SLEEPER = "nls_euc_jp"
DECLARED = Path(__file__).parents[2] / "packaging/debian/tests/declared"
DROP_IN = f"/run/systemd/system/{KMODD}.d/50-test.conf"


@pytest.mark.shows("P3")
@pytest.mark.parametrize("verb", ["stop", "restart"])
def test_a_load_that_hangs_holds_nothing_up(vm: DebianMachine, verb: str) -> None:
    with vm.holding_requests():
        vm.drop("10-sleeper.toml", f"[module.{SLEEPER}]\n[module.dummy]\n")
        vm.wait_for(module_loading(SLEEPER))
        vm.wait_for(module_live("dummy"))
        vm.systemctl(verb, KMODD).check()
        assert vm.properties(KMODD, "ActiveState", "Result", "NRestarts") == {
            "ActiveState": "inactive" if verb == "stop" else "active",
            "Result": "success",
            "NRestarts": "0",
        }
        assert vm.modules()[SLEEPER].state == "Loading"
    vm.systemctl("start", KMODD).check()
    Bus(vm).wait_for_condition(SLEEPER, "in-sync")


@pytest.mark.shows("P3", "fault: slow")
def test_a_load_that_hangs_at_boot_neither_fails_nor_holds_up_the_others(vm: DebianMachine) -> None:
    vm.systemctl("stop", KMODD).check()
    with vm.holding_requests():
        vm.drop("10-sleeper.toml", f'[module.{SLEEPER}]\nload_timeout = "1s"\n[module.dummy]\n')
        vm.systemctl("start", KMODD_LOAD).check()
        assert vm.properties(KMODD_LOAD, "ActiveState", "Result") == {
            "ActiveState": "active",
            "Result": "success",
        }
        assert vm.modules()["dummy"].state == "Live"
        assert vm.modules()[SLEEPER].state == "Loading"
    vm.systemctl("start", KMODD).check()
    Bus(vm).wait_for_condition(SLEEPER, "in-sync")


def test_a_load_that_fails_at_boot_is_a_unit_that_failed(vm: DebianMachine) -> None:
    vm.systemctl("stop", KMODD).check()
    vm.drop("10-dummy.toml", "[module.dummy]\nparameters.numdummies = 'x'\n")
    assert vm.systemctl("start", KMODD_LOAD).status != 0
    entry = vm.journal(f"--unit={KMODD_LOAD}", "MODULE=dummy", "ACTION=load")[-1]
    assert entry.fields["OUTCOME"] == "failed"
    assert entry.fields["MESSAGE_ID"] == MessageId.ACTION_FAILED


def test_the_package_tests_itself(vm: DebianMachine) -> None:
    """packaging/debian/tests/declared, as autopkgtest runs it."""
    script = "/tmp/declared"
    vm.write(script, DECLARED.read_text())
    vm.run("sh", script).check()


def test_a_reload_is_over_when_the_files_are_in_force(vm: DebianMachine) -> None:
    generation = Bus(vm).manager("Generation")
    vm.drop("10-dummy.toml", '[module.dummy]\nstate = "auto"\n')
    vm.systemctl("reload", KMODD).check()
    assert Bus(vm).manager("Generation") > generation
    assert [row[0] for row in Bus(vm).call("ListModules")] == ["dummy"]


def test_a_reload_of_a_bad_file_ends_too_and_leaves_the_service_up(vm: DebianMachine) -> None:
    vm.drop("10-bad.toml", "[module.dummy]\nparametres = {}\n")
    vm.systemctl("reload", KMODD).check()
    assert vm.properties(KMODD, "ActiveState") == {"ActiveState": "active"}
    issues = vm.journal(f"--unit={KMODD}", f"MESSAGE_ID={MessageId.FILE_ISSUE}")
    assert [issue for issue in issues if issue.message.startswith("/etc/kmodd.d/10-bad.toml:2:1: ")]


def test_status_says_in_one_line_how_it_stands(vm: DebianMachine) -> None:
    assert vm.properties(KMODD, "StatusText") == {"StatusText": "converged: no modules declared"}
    vm.drop("10-dummy.toml", "[module.dummy]\n")
    vm.wait_for(CommandPrints(("systemctl", "status", KMODD), 'Status: "converged: 1 in-sync"'))


@pytest.fixture
def soon_missed(vm: DebianMachine) -> Iterator[None]:
    """A watchdog that waits two seconds."""
    vm.write(DROP_IN, "[Service]\nWatchdogSec=2s\n")
    vm.systemctl("daemon-reload").check()
    vm.systemctl("restart", KMODD).check()
    yield
    vm.remove(DROP_IN)
    vm.systemctl("daemon-reload").check()


@pytest.mark.usefixtures("soon_missed")
def test_the_watchdog_is_fed(vm: DebianMachine) -> None:
    fed = vm.properties(KMODD, "WatchdogTimestampMonotonic")["WatchdogTimestampMonotonic"]
    show = ("systemctl", "show", "--property=WatchdogTimestampMonotonic", KMODD)
    vm.wait_for(CommandPrints(show, rf"^WatchdogTimestampMonotonic=(?!{fed}$)"))
    assert vm.properties(KMODD, "NRestarts") == {"NRestarts": "0"}
    vm.send_signal(int(vm.properties(KMODD, "MainPID")["MainPID"]), signal.SIGSTOP)
    vm.wait_for(CommandPrints(("systemctl", "show", KMODD), "^NRestarts=1$"), timeout_s=60)
    vm.wait_for(CommandPrints(("systemctl", "show", KMODD), "^SubState=running$"))


def test_an_action_is_in_the_journal_with_fields_and_explanation(vm: DebianMachine) -> None:
    vm.drop("10-dummy.toml", "[module.dummy]\n")
    Bus(vm).wait_for_condition("dummy", "in-sync")
    entry = vm.journal(f"--unit={KMODD}", "MODULE=dummy", "ACTION=load")[-1]
    assert entry.fields["OUTCOME"] == "done"
    assert entry.fields["MESSAGE_ID"] == MessageId.ACTION_DONE
    assert entry.fields["SYSLOG_IDENTIFIER"] == "kmodd"
    explained = (
        vm.run("journalctl", "--no-pager", "--catalog", "--unit", KMODD, "MODULE=dummy").check().stdout
    )
    assert "Subject: kmodd changed the kernel" in explained
    assert "`kmoddctl explain dummy` shows which file and line asked for it." in explained


def test_a_failure_is_in_the_journal_with_its_code(vm: DebianMachine) -> None:
    vm.drop("10-bonding.toml", "[module.bonding]\nparameters.mode = 9\n")
    Bus(vm).wait_for_condition("bonding", "failed")
    entry = vm.journal(f"--unit={KMODD}", "MODULE=bonding", "ACTION=load")[-1]
    assert entry.fields["OUTCOME"] == "failed"
    assert entry.fields["MESSAGE_ID"] == MessageId.ACTION_FAILED
    assert entry.fields["CODE"] == Bus(vm).module("bonding", "Message").partition(":")[0] == "bad-parameter"
    assert Bus(vm).module("bonding", "Message") in entry.message
    explained = vm.run("journalctl", "--no-pager", "--catalog", "MODULE=bonding").check().stdout
    assert "A change of the kernel failed: load of module bonding" in explained
    assert f'The reason has the code "{entry.fields["CODE"]}"' in explained


def test_the_kernels_own_words_reach_the_status(vm: DebianMachine) -> None:
    """The sandbox lets nobody open /dev/kmsg; the service manager has opened it."""
    vm.drop("10-bonding.toml", "[module.bonding]\nparameters.mode = 9\n")
    Bus(vm).wait_for_condition("bonding", "failed")
    assert "bonding" in json.dumps(Bus(vm).module("bonding", "KernelMessages"))
