"""Independent loads run at once, and a load that sleeps holds up nothing else."""

from tests.support.guest.conditions import module_absent, module_live, module_loading
from tests.support.guest.daemon_bus import Bus
from tests.support.uml.machine import Machine

SLEEPERS = ("nls_euc_jp", "nls_koi8_ru")
FILE = "40-sleepers.toml"


def test_3_two_loads_are_in_their_init_at_the_same_time(vm: Machine) -> None:
    vm.start_daemon()
    with vm.holding_requests():
        vm.drop(FILE, "".join(f"[module.{name}]\n" for name in SLEEPERS))
        for name in SLEEPERS:
            vm.wait_for(module_loading(name))
        states = vm.modules()
        assert [states[name].state for name in SLEEPERS] == ["Loading", "Loading"]
    for name in SLEEPERS:
        vm.wait_for(module_live(name))
    Bus(vm).wait_until_converged()


def test_3_what_comes_after_a_load_that_sleeps_waits_and_nothing_else_does(vm: Machine) -> None:
    vm.start_daemon()
    with vm.holding_requests():
        vm.drop(
            FILE,
            """
            [module.nls_euc_jp]
            [module.dummy]
            after = ["nls_euc_jp"]
            [module.khazad]
            """,
        )
        vm.wait_for(module_loading("nls_euc_jp"))
        vm.wait_for(module_live("khazad"))
        vm.wait_for(module_absent("dummy"))
    vm.wait_for(module_live("dummy"))
