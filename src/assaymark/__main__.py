"""`python -m assaymark` is `assay`."""

from assaymark.faces.cli import main

if __name__ == "__main__":
    main()
