"""Job: how many queries there are in a per-query result."""

import json

from crossmodal.data.tables import read_table
from crossmodal.jobs.run import In, Out, Spec, run


def main(queries: In, counted: Out, spec: Spec) -> None:
    counted.write_text(json.dumps({"queries": read_table(queries, ["query_id"]).num_rows}))


if __name__ == "__main__":
    run(main)
