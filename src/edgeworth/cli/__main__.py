"""`python -m edgeworth.cli`."""

from edgeworth.cli.main import main

main()
