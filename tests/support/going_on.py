"""What a `def` can do for ever; apart from the tasks that do it, whose module connects signals."""

from __future__ import annotations

import itertools
import re
import time

#: What a `def` can do for ever. The last three are deaf to whatever is raised.
GOING_ON = {
    "sleep": lambda: time.sleep(10**6),
    "spin": lambda: next(n for n in itertools.count() if n < 0),
    "hold the interpreter": lambda: sum(itertools.repeat(1, 10**14)),
    "regular expression": lambda: re.match(r"(a+)+$", "a" * 60 + "b"),
}
