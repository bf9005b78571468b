"""The front door in a checkout: `python cli.py ...` is `ddx ...`, without an installation."""

from ddx.cli import run

if __name__ == "__main__":
    run()
