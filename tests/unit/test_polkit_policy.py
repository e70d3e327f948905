"""packaging/polkit: what polkit is told agrees with the table of members, and with its own DTD."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from kmodd.bus.auth import ACTIONS
from kmodd.bus.names import MANAGE_ACTION

_POLICY = Path(__file__).parents[2] / "packaging" / "polkit" / "org.kmodd1.policy"
_ROOT = ElementTree.parse(_POLICY).getroot()  # noqa: S314  our own file
# policyconfig-1.dtd: the elements of each in their order.
_ORDER = {
    "policyconfig": ["vendor", "vendor_url", "icon_name", "action"],
    "action": ["description", "message", "vendor", "vendor_url", "icon_name", "defaults", "annotate"],
    "defaults": ["allow_any", "allow_inactive", "allow_active"],
}
_TEXTS = ("description", "message")


def _defaults(action: ElementTree.Element) -> dict[str, str | None]:
    return {each.tag: each.text for each in action.iterfind("defaults/*")}


@pytest.mark.shows("security 1")
def test_every_action_of_the_table_and_no_other() -> None:
    declared = [action.get("id") for action in _ROOT.iterfind("action")]
    assert sorted(map(str, declared)) == sorted({action for action in ACTIONS.values() if action is not None})


@pytest.mark.shows("security 1")
def test_only_an_administrator_who_authenticates_may_manage() -> None:
    (action,) = _ROOT.iterfind(f"action[@id='{MANAGE_ACTION}']")
    assert _defaults(action) == {
        "allow_any": "auth_admin",
        "allow_inactive": "auth_admin",
        "allow_active": "auth_admin_keep",
    }


def test_it_keeps_to_the_dtd() -> None:
    elements = [element for element in _ROOT.iter() if element.tag in _ORDER]
    assert {element.tag for element in elements} == set(_ORDER)
    for element in elements:
        order = [_ORDER[element.tag].index(child.tag) for child in element]
        assert order == sorted(order)
    head = _POLICY.read_text().partition("<policyconfig>")[0]
    assert "-//freedesktop//DTD PolicyKit Policy Configuration 1.0//EN" in head
    assert _POLICY.name.endswith(".policy")  # polkit reads no other files


def test_every_text_can_be_translated() -> None:
    texts = [text for action in _ROOT.iterfind("action") for tag in _TEXTS for text in action.iterfind(tag)]
    assert len(texts) == len(_TEXTS) * len(_ROOT.findall("action"))
    for text in texts:
        assert text.get("gettext-domain") == "kmodd"
        assert text.text
        assert text.text == text.text.strip()
