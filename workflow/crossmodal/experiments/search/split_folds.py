"""Job: the target's training split in parts, so that each can be embedded by a model that has not seen it."""

from crossmodal.data.splits import rank
from crossmodal.data.tables import SCHEMA, read_table
from crossmodal.errors import UserError
from crossmodal.jobs.run import In, Outs, Spec, run

SEED = 0


def folds_of(labels: list[str], folds: int) -> dict[str, int]:
    """Return the fold of each label: as many labels in each as can be, in the order of their hashes.

    Images of one label are in one fold: a model that was trained on one of them would have seen the others.
    """
    ordered = sorted(set(labels), key=lambda label: (rank(label, SEED), label))
    return {label: place * folds // len(ordered) for place, label in enumerate(ordered)}


def main(train: In, rest: Outs, part: Outs, spec: Spec) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    folds, table = spec["parameters"]["folds"], read_table(train, SCHEMA.names)
    labels = table.column("label").to_pylist()
    fold = folds_of(labels, folds)
    if len(fold) < folds:
        raise UserError(
            f"{train}: {len(fold)} labels cannot be split in {folds} folds; "
            f"set search.folds to at most {len(fold)}"
        )
    for number, (others, own) in enumerate(zip(rest, part, strict=True)):
        inside = pa.array([fold[label] == number for label in labels])
        for path, mask in ((own, inside), (others, pa.compute.invert(inside))):
            pq.write_table(table.filter(mask), path, compression="zstd", row_group_size=1024)


if __name__ == "__main__":
    run(main)
