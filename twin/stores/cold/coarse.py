"""Readings of whole series, sorted, into one row for each ``width`` seconds: numpy, no loops."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.stores.cold.parts import COARSE

Columns = Mapping[str, NDArray[Any]]


def coarse(raw: Columns, width_s: int) -> dict[str, NDArray[Any]]:
    """Return KEY and COARSE columns.

    ``raw``: series, property, code, source, unit (any type that sorts), observed_at, tie, and
    ``number``: NaN where nothing enters an aggregate (NA, texts, bad readings).
    """
    begin = np.floor(raw["observed_at"] / width_s) * width_s
    starts = _starts(raw["series"], begin)
    number = raw["number"]
    enters = ~np.isnan(number)
    n = np.add.reduceat(enters.astype(np.int64), starts)
    sizes = np.diff(np.append(starts, len(number)))
    places = np.arange(len(number))
    first = np.minimum.reduceat(np.where(enters, places, len(number)), starts)
    last = np.maximum.reduceat(np.where(enters, places, -1), starts)
    some = n > 0
    values = (
        *(begin[starts], n, sizes - n, np.add.reduceat(np.where(enters, number, 0.0), starts)),
        np.where(some, np.minimum.reduceat(np.where(enters, number, np.inf), starts), np.nan),
        np.where(some, np.maximum.reduceat(np.where(enters, number, -np.inf), starts), np.nan),
        *_picked(raw, np.where(some, first, 0), some),
        *_picked(raw, np.where(some, last, 0), some),
        np.minimum.reduceat(raw["unit"], starts),
        np.maximum.reduceat(raw["unit"], starts),
    )
    keys = {name: raw[name][starts] for name in ("property", "code", "source", "series")}
    return keys | dict(zip(COARSE, values, strict=True))


def _starts(series: NDArray[Any], begin: NDArray[Any]) -> NDArray[Any]:
    changes = (series[1:] != series[:-1]) | (begin[1:] != begin[:-1])
    return np.append(0, np.flatnonzero(changes) + 1)


def _picked(raw: Columns, places: NDArray[Any], some: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    """Return observed_at, tie and number at the places; NaN and -1 where there is none."""
    at = np.where(some, raw["observed_at"][places], np.nan)
    tie = np.where(some, raw["tie"][places], -1)
    return at, tie, np.where(some, raw["number"][places], np.nan)
