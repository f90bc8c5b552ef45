"""Runs the command line as `python -m leaklint`."""

from leaklint.cli import main

if __name__ == "__main__":
    main()
