"""The front door in a checkout: `python cli.py ...` is `ddx ...`, without an installation."""

import sys

from ddx.cli import main

if __name__ == "__main__":
    sys.exit(main())
