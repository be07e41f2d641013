"""Bulk foreign codes: every row is either recognised whole or refused with its place."""

from collections.abc import Iterable, Iterator, Sequence

from identity.errors import Invalid
from identity.schemes import persons
from identity.schemes.opaque import Opaque
from identity.schemes.recognition import read_as, recognise
from identity.schemes.values import Problem, Recognition

ROW_CHARS_MAX = 4096
Row = str | tuple[str, str]


def check_rows(
    rows: Iterable[Row], *, opaque: Sequence[Opaque] | None = None
) -> Iterator[tuple[int, Recognition | Problem]]:
    """Yield (row number from 1, recognition) for a right row, (row number, problem) per fault.

    A row is a text, or (scheme, text) where the column says what it holds: only then is a code
    with too few or too many characters sure to be told in the right scheme. Each row yields at
    least once; a row with several faults yields each. Lazy: rows are read one at a time.
    """
    for number, row in enumerate(rows, start=1):
        scheme, text = ("", row) if isinstance(row, str) else row
        for found in _checked(scheme, text, opaque):
            yield number, found


def _checked(
    scheme: str, text: str, opaque: Sequence[Opaque] | None
) -> Sequence[Recognition | Problem]:
    if len(text) > ROW_CHARS_MAX:
        size = str(len(text))
        return [Problem("scheme_length", ROW_CHARS_MAX + 1, f"1-{ROW_CHARS_MAX}", size, scheme)]
    if not text.strip():
        return [Problem("scheme_empty", 1, "1", "0", scheme)]
    number = persons.find(text)
    if number is not None:
        return [Problem("identity_number_row", None, "", persons.mask(number), scheme)]
    try:
        found = [read_as(scheme, text, opaque=opaque)] if scheme else recognise(text, opaque=opaque)
    except Invalid as unknown:
        return [Problem(unknown.code, None, " ".join(unknown.facts["known"]), "", scheme)]
    if not found:
        return [Problem("scheme_none", None, "", text[:80], scheme)]
    return [found[0]] if found[0].valid else found[0].problems
