"""`python -m ddx ...` is `ddx ...`."""

from ddx.cli import run

if __name__ == "__main__":
    run()
