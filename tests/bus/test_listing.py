"""The answer to ListModules is kept, and never of yesterday."""

from kmodd.bus.encode import encode
from kmodd.bus.listing import SIGNATURE, Listing
from kmodd.names import ModuleName
from kmodd.shown import Condition
from tests.bus.manager import status, statuses


def test_an_answer_is_made_once_for_the_same_statuses() -> None:
    listing, held = Listing(), statuses(3)
    first = listing.rows(held.values())
    assert listing.rows(dict(held).values()) is first
    rows = [(f"module_{n:03}", "loaded", "loaded", "in-sync", "loaded as declared") for n in range(3)]
    assert first.body == encode(SIGNATURE, (rows,))


def test_a_status_that_comes_goes_or_is_replaced_makes_another() -> None:
    listing, held = Listing(), statuses(2)
    empty = listing.rows(())
    assert empty.body == encode(SIGNATURE, ([],))
    bodies = [listing.rows(held.values()).body]
    held[ModuleName("module_001")] = status("module_001", message="other\n")
    bodies.append(listing.rows(held.values()).body)
    held[ModuleName("more")] = status("more")
    bodies.append(listing.rows(held.values()).body)
    del held[ModuleName("module_000")]
    bodies.append(listing.rows(held.values()).body)
    assert [body for body in bodies if bodies.count(body) > 1] == []
    assert b"other\\n" in bodies[1]


def test_what_is_not_managed_is_left_out() -> None:
    listing = Listing()
    both = (status("loop"), status("other", condition=Condition.NOT_MANAGED))
    assert listing.rows(both).body == listing.rows(both[:1]).body
