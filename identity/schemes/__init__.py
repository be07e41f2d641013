"""Foreign codes: recognise, take apart, say what is wrong, give the alias form. Pure, no I/O.

    recognise(text)        all readings, the surest first; never raises
    read_as(scheme, text)  one reading, asked for
    check_rows(rows)       bulk import: each row right or refused with its place
    refuse(text)           an identity number of a citizen is refused before anything else
    mask(text)             for logs

Where a standard's text was not found the module says "second-hand" or "from memory": no
conformance is claimed there.
"""

from identity.schemes.opaque import Opaque
from identity.schemes.persons import mask, refuse
from identity.schemes.recognition import SCHEMES, read_as, recognise
from identity.schemes.rows import check_rows
from identity.schemes.values import Problem, Recognition, Segment, Words

__all__ = [
    "SCHEMES",
    "Opaque",
    "Problem",
    "Recognition",
    "Segment",
    "Words",
    "check_rows",
    "mask",
    "read_as",
    "recognise",
    "refuse",
]
