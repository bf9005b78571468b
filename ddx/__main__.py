"""`python -m ddx ...` is `ddx ...`."""

import sys

from ddx.cli import main

if __name__ == "__main__":
    sys.exit(main())
