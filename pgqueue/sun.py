"""Times by the sun: `solar("sunset", 59.91, 10.75)`. Pure values; needs `pgqueue[solar]`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, NamedTuple

from pgqueue.errors import ConfigurationError
from pgqueue.misspelt import Spelt

#: What does not happen within so many days never does: polar nights are shorter.
_DAYS = 400


class _Event(NamedTuple):
    """What the sun does, at which horizon, and whether its centre counts or its edge."""

    does: str
    horizon: str = "0"
    centre: bool = False


EVENTS = {
    "dawn_astronomical": _Event("next_rising", "-18", centre=True),
    "dawn_nautical": _Event("next_rising", "-12", centre=True),
    "dawn_civil": _Event("next_rising", "-6", centre=True),
    "sunrise": _Event("next_rising", "-0:34"),
    "solar_noon": _Event("next_transit"),
    "sunset": _Event("next_setting", "-0:34"),
    "dusk_civil": _Event("next_setting", "-6", centre=True),
    "dusk_nautical": _Event("next_setting", "-12", centre=True),
    "dusk_astronomical": _Event("next_setting", "-18", centre=True),
}


@dataclass(frozen=True, slots=True)
class solar(Spelt):  # noqa: N801 (Celery's name)
    """A schedule by the sun: an event, at a latitude and a longitude in degrees, north and east.

    Days on which it does not happen, near the poles, are passed over. Raises `ConfigurationError`
    for an event or a place that is none.

    >>> solar("sunset", 59.91, 10.75).text
    'solar sunset 59.91 10.75'
    """

    event: str
    lat: float
    lon: float

    def __post_init__(self) -> None:
        if self.event not in EVENTS:
            raise ConfigurationError(f"solar({self.event!r}): give one of {', '.join(EVENTS)}")
        for name, value, most in (("lat", self.lat, 90), ("lon", self.lon, 180)):
            if not isinstance(value, (int, float)) or not abs(value) <= most or math.isnan(value):
                raise ConfigurationError(f"solar({name}={value!r}): give -{most} to {most} degrees")

    @property
    def text(self) -> str:
        """It as `ticks.read` reads it."""
        return f"solar {self.event} {self.lat} {self.lon}"

    def next(self, after: datetime, zone: tzinfo, anchor: datetime) -> datetime:
        """Return the first time after a moment."""
        del anchor
        ephem, event = _ephem(), EVENTS[self.event]
        place = ephem.Observer()
        place.lat, place.lon, place.horizon = str(self.lat), str(self.lon), event.horizon
        place.elev = place.pressure = 0
        about = {} if event.does == "next_transit" else {"use_center": event.centre}
        start = after.astimezone(UTC)
        for _ in range(_DAYS):
            try:
                found = getattr(place, event.does)(
                    ephem.Sun(), start=ephem.Date(start.replace(tzinfo=None)), **about
                )
            except ephem.CircumpolarError:
                start += timedelta(days=1)
                continue
            due: datetime = found.datetime().replace(microsecond=0, tzinfo=UTC)
            if due > after:
                return due.astimezone(zone)
            start += timedelta(minutes=1)  # it was this very one, less its fraction of a second
        raise ConfigurationError(f"{self.text}: this never comes")


def _ephem() -> Any:
    try:
        import ephem  # noqa: PLC0415 (an extra)
    except ImportError:
        raise ConfigurationError(
            "solar needs the package ephem: pip install 'pgqueue[solar]'"
        ) from None
    return ephem
