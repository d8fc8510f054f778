"""`python -m pgqueue.cli`: the same as `pgq`, where the script is not on the path."""

from pgqueue.cli.root import main

main()
