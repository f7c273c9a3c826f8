"""`python -m madang`: the command line where the script `madang` is not on the path."""

from madang.cli import main

if __name__ == "__main__":
    main()
