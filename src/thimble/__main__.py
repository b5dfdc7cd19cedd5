"""``python -m thimble``."""

from thimble.cli import main

if __name__ == "__main__":
    main()
