"""What is kept of a pure function, and that strangers cannot make it more and more."""

from kmodd.bus.kept import kept


def test_the_same_question_is_asked_once() -> None:
    asked = []

    @kept(2)
    def double(number: int, times: int) -> int:
        asked.append((number, times))
        return number * times

    assert [double(1, 2), double(1, 2), double(2, 2), double(1, 2)] == [2, 2, 4, 2]
    assert asked == [(1, 2), (2, 2)]


def test_no_more_is_kept_than_was_said() -> None:
    asked = []

    @kept(2)
    def text(number: int) -> str:
        asked.append(number)
        return str(number)

    for number in (1, 2, 3, 1):
        assert text(number) == str(number)
        assert len(vars(text)["answers"]) <= 2
    assert asked == [1, 2, 3, 1]


def test_what_raises_is_not_kept() -> None:
    tries = iter((False, True))

    @kept(2)
    def third_of(number: int) -> int:
        if not next(tries):
            raise ValueError(number)
        return number // 3

    try:
        third_of(9)
    except ValueError:
        assert third_of(9) == 3
