"""The command line, as the script `remit` and as `python -m remit`."""

import gc


def main() -> None:
    # What modules are made of stays, and looking through it for garbage takes a fifth of a command that reads. The
    # command line collects again from where a command begins.
    gc.disable()
    from remit.entrypoints.cli import main as run

    try:
        run()
    finally:
        # What is left goes with the process, and Python would look through all of it once more.
        gc.freeze()


if __name__ == "__main__":
    main()
