"""An application that is not imported before a test says so, through a FIFO."""

import os
from pathlib import Path

from support.tasks import app

__all__ = ["app"]

Path(os.environ["TEST_FIFO"]).read_bytes()
