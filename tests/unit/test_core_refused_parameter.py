"""Loads that stopped at a parameter: one row for each way in which the kernel says so."""

import errno

import pytest

from tests.support.causes import FILE, passing, row

NOT_VALID = "correct it, `modinfo -p` describes it"
CAUSES = {
    "not valid": row(
        errno.EINVAL,
        f"bad-parameter: parameter level (int) does not take 'fast', that is not valid (EINVAL); {NOT_VALID}",
        "card: `fast' invalid for parameter `level'",
        options="level=fast other=1",
        file=FILE._replace(parameter_types=(("level", "int"),)),
    ),
    "out of range, in another spelling": row(
        errno.ERANGE,
        "bad-parameter: parameter max-loop does not take '99999999999', that is out of range (ERANGE); "
        f"{NOT_VALID}",
        "card: `99999999999' invalid for parameter `max-loop'",
        options="max-loop=99999999999",
    ),
    "quoted, with quotes inside": row(
        errno.EINVAL,
        f"bad-parameter: parameter level does not take \"a 'b' c\", that is not valid (EINVAL); {NOT_VALID}",
        "card: `a 'b' c' invalid for parameter `level'",
        options="level=\"a 'b' c\"",
    ),
    "too long for a line": row(
        errno.ENOSPC,
        f"bad-parameter: parameter text does not take '{'x' * 60}...', that is too long (ENOSPC); "
        f"{NOT_VALID}",
        "card: `" + "x" * 300,
        options=f"level=x text={'x' * 1025}",
    ),
    "too long for any line": row(
        errno.ENOSPC,
        f"bad-parameter: parameter text does not take '{'x' * 60}...', that is too long (ENOSPC); "
        f"{NOT_VALID}",
        "deck: string parameter too long",
        "text: string parameter too long",
        options=f"level=x text={'x' * 1025}",
    ),
    "longer than its room": row(
        errno.ENOSPC,
        f"bad-parameter: parameter text does not take 'abcdefgh', that is too long (ENOSPC); {NOT_VALID}",
        "text: string doesn't fit in 7 chars.",
        options="text=abcdefgh",
    ),
    "a setter with an errno of its own": row(
        errno.EIO,
        f"bad-parameter: parameter level does not take '5', the module refused it (EIO); {NOT_VALID}",
        "card: `5' invalid for parameter `level'",
        options="level=5",
    ),
    "a setter's ENOENT": row(
        errno.ENOENT,
        "bad-parameter: parameter level does not take '5', it has no file, or the module refused it "
        f"(ENOENT); {NOT_VALID}",
        "card: Unknown parameter `level'",
        options="level=5",
    ),
    "a setter that is busy": passing(
        errno.EBUSY,
        "bad-parameter: its parameter level takes no value now (EBUSY)",
        "card: `5' invalid for parameter `level'",
        options="level=5",
    ),
    "a setter without memory": passing(
        errno.ENOMEM,
        "no-memory: the kernel had no memory for it (ENOMEM)",
        "card: `5' invalid for parameter `level'",
        options="level=5",
    ),
    "a value that init does not like": row(
        errno.EINVAL,
        "bad-parameter: its init function failed with EINVAL, most likely for the value of a parameter "
        "(level, other); compare with `modinfo -p`",
        "card: I do not like that",
        options="level=7 other=1",
        file=FILE,
    ),
    "a refused parameter that nobody has given": row(
        errno.EINVAL,
        "init-error: its init function failed with EINVAL; see the kernel's messages",
        "card: `5' invalid for parameter `level'",
    ),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_each_cause_has_a_code_a_sentence_and_a_time_to_try_again(cause: str) -> None:
    CAUSES[cause].check()
