"""Names that numbers have where no cell of the study stands. Free of all else: the Snakefile imports it."""

CHANCE = "chance"
"""What numbers have for a cell that they are of none: what random order, or a random answer, finds."""
