"""The comparison of modprobe's answers, on answers written by hand."""

from tests.support.modprobe_answers import Declared, Survey, inserted, names_of, options, parse, unexpected

TREE = "/lib/modules/6.1/kernel"
NAMES = names_of(
    "kernel/a.ko:\nkernel/b-one.ko.xz: kernel/a.ko\n",
    "# comment\nalias net-x b_one\nalias net-x a\n",
    ["c-c"],
)
A, B = f"insmod {TREE}/a.ko p=1", f"insmod {TREE}/b-one.ko.xz"
ANSWERS = {"a": (A,), "b_one": (A, B), "c_c": (), "net-x": (A, A, B)}
BEFORE = Survey(ANSWERS, ANSWERS, ("options a p=1",))


def changed(*lines: str, **answers: tuple[str, ...]) -> Survey:
    """BEFORE with other answers by name and further lines."""
    return Survey({**ANSWERS, **answers}, ANSWERS, ("options a p=1", *lines))


def test_names_are_canonical_and_an_alias_may_stand_for_two_modules() -> None:
    assert NAMES.queries() == ("a", "b_one", "c_c", "net-x")
    assert NAMES.targets("net-x") == {"a", "b_one"}


def test_answers_are_told_apart_by_the_separator() -> None:
    shown = f"install : \n{A} \ninstall : \ninstall : \nbuiltin ext4\n"
    assert parse(("a", "b", "ext4"), shown) == {"a": (A,), "b": (), "ext4": ("builtin ext4",)}


def test_what_an_answer_inserts_and_with_which_effective_options() -> None:
    assert inserted((A, "install /bin/false", "builtin ext4", B)) == ("a", "b_one")
    assert options(f'{A} q="x y" p=2 flag') == {"p": "2", "q": '"x y"', "flag": ""}
    assert options(B) == {}


def test_the_same_is_not_unexpected() -> None:
    assert unexpected(NAMES, BEFORE, changed(), Declared()) == ()


def test_a_module_that_is_not_inserted_any_more() -> None:
    (sentence,) = unexpected(NAMES, BEFORE, changed(a=()), Declared())
    assert sentence.startswith("by_name a: ")


def test_declared_options_have_to_be_the_effective_ones() -> None:
    declared = Declared(options={"a": {"p": "2"}})
    overridden = unexpected(NAMES, BEFORE, changed(a=(f"insmod {TREE}/a.ko p=2 p=1",)), declared)
    assert [sentence for sentence in overridden if sentence.startswith("by_name a: ")]
    obeyed = unexpected(NAMES, BEFORE, changed(a=(f"{A} p=2",)), declared)
    assert not [sentence for sentence in obeyed if sentence.startswith("by_name a: ")]


def test_a_denied_module_is_refused_by_a_command_and_brings_nothing_new() -> None:
    declared = Declared(denied=frozenset({"b_one"}))
    refused = Survey(
        {**ANSWERS, "b_one": (A, "install /bin/false"), "net-x": (A,)},
        {**ANSWERS, "b_one": (), "net-x": (A,)},
        BEFORE.configuration,
    )
    assert unexpected(NAMES, BEFORE, refused, declared) == ()
    for wrong in ((), (A, B), ("install /bin/false", B), ("install /bin/false", f"insmod {TREE}/z.ko")):
        survey = Survey({**refused.by_name, "b_one": wrong}, refused.for_udev, refused.configuration)
        assert len(unexpected(NAMES, BEFORE, survey, declared)) == 1, wrong


def test_what_a_module_is_declared_to_need_may_come_before_it() -> None:
    more = changed(a=(f"insmod {TREE}/b-one.ko.xz", A))
    needing = Declared(pulled={"a": frozenset({"b_one"})})
    assert len(unexpected(NAMES, BEFORE, more, Declared())) == 1
    assert len(unexpected(NAMES, BEFORE, more, needing)) == 0


def test_lines_lost_and_lines_about_others() -> None:
    declared = Declared(unloaded=frozenset({"b_one"}))
    assert unexpected(NAMES, BEFORE, changed("blacklist c_c"), Declared()) == (
        "lines about others: ['blacklist c_c']",
    )
    lost = Survey(ANSWERS, ANSWERS, ())
    assert "lines lost: ['options a p=1']" in unexpected(NAMES, BEFORE, lost, declared)
