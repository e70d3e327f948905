"""packaging/po: the template for translators is what xgettext finds now."""

import subprocess
from pathlib import Path
from xml.etree import ElementTree

_PACKAGING = Path(__file__).parents[2] / "packaging"
_PO = _PACKAGING / "po"
_POLICY = _PACKAGING / "polkit" / "org.kmodd1.policy"


def test_the_template_is_up_to_date_and_whole(tmp_path: Path) -> None:
    again = tmp_path / "kmodd.pot"
    subprocess.run([str(_PO / "update"), str(again)], check=True)
    assert again.read_text() == (_PO / "kmodd.pot").read_text(), "run packaging/po/update"
    command = ["msgfmt", "--check-format", "--output-file=-", str(again)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def test_every_text_of_the_policy_is_in_it() -> None:
    template = (_PO / "kmodd.pot").read_text()
    elements = ElementTree.parse(_POLICY).getroot().iter()  # noqa: S314  our own file
    texts = [element.text for element in elements if element.get("gettext-domain")]
    assert texts
    for text in texts:
        assert f'msgid "{text}"' in template
