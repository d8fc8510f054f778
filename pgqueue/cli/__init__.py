"""`pgq`: the command line."""

from pgqueue.cli.root import main

__all__ = ["main"]
