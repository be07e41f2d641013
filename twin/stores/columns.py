"""A value in three columns, for stores whose columns have one type each.

``form``: n (NA), f, i, b (truth), t (text). ``number``: the number, a truth value as 0 or 1, NULL
for NA and texts. ``exact``: the text, and the digits of an integer that no double holds.
"""

from twin.reading import Value

EXACT_MAX = 2**53  # a double holds every integer up to here
NUMBERS = ("f", "i")  # the forms that can be compared

Columns = tuple[str, float | None, str | None]


def columns(value: Value) -> Columns:
    """Return form, number and exact."""
    if value is None:
        return "n", None, None
    if isinstance(value, bool):
        return "b", float(value), None
    if isinstance(value, int):
        return "i", float(value), None if abs(value) <= EXACT_MAX else str(value)
    return ("t", None, value) if isinstance(value, str) else ("f", value, None)


def value(form: str, number: float | None, exact: str | None) -> Value:
    """Return the value that ``columns`` took apart."""
    if form == "f":
        return number
    if form == "n":
        return None
    if form == "t":
        return exact
    assert number is not None, "integers and truth values have a number"
    if form == "b":
        return number != 0
    return int(number) if exact is None else int(exact)
