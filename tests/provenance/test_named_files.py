"""Files by argument: read from the file of arguments that a job gets, held against a manifest."""

from contextlib import chdir
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmodal.errors import UserError
from crossmodal.provenance.dag import list_jobs
from crossmodal.provenance.named_files import Named, compare_named, read_named
from crossmodal.study.arguments import argument_lines, write_arguments

NAMES = st.sampled_from(["images", "captions", "tower", "queries"])
PATHS = st.sampled_from(["a/b.parquet", "c d", "images=e", "f"])


@given(
    st.dictionaries(NAMES, PATHS | st.lists(PATHS, max_size=4)),
    st.lists(st.sampled_from(["out/1", "out/2"]), min_size=1),
)
def test_what_the_rules_write_is_read(tmp_path_factory, inputs: dict, outputs: list[str]) -> None:
    named = inputs | {"made": outputs, "manifest": "m.json", "checkpoints": "kept/here"}
    path = write_arguments(tmp_path_factory.mktemp("jobs"), "rule", argument_lines(named, '{"seed":0}'))
    listed = {n: (v,) if isinstance(v, str) else tuple(v) for n, v in inputs.items()}
    found = read_named(Path(path), [file for files in listed.values() for file in files], outputs)
    assert found == (tuple((n, f) for n, f in listed.items() if f), (("made", tuple(outputs)),))


def test_a_file_of_arguments_that_was_edited_is_one_line(tmp_path: Path) -> None:
    path = Path(write_arguments(tmp_path, "rule", argument_lines({"images": "a", "captions": "b"}, "{}")))
    path.write_text("images=b\ncaptions=a\nspec={}\n")
    with pytest.raises(UserError, match=r"its content is not what its name says; `rm .*rule-\w{16}\.txt`"):
        read_named(path, ["a", "b"], [])
    assert read_named(tmp_path / "absent.txt", [], []) is None


@pytest.mark.parametrize(
    ("current", "lines"),
    [
        ((("images", ("a",)), ("queries", ("1", "2"))), []),
        (None, []),
        ((("images", ("1",)), ("queries", ("a", "2"))), [
            "input: images was a, is 1", "inputs: queries was another list of files (2, is 2)",
        ]),
        ((("images", ("a",)), ("queries", ("2", "1"))), ["inputs: order of queries differs"]),
        ((("queries", ("1", "2")), ("images", ("a",))), []),
        ((("images", ("other",)), ("queries", ("1", "2"))), []),
    ],
)  # fmt: skip
def test_other_files_of_an_argument_and_another_order_are_told(
    current: Named | None, lines: list[str]
) -> None:
    recorded = {"images": [{"path": "a"}], "queries": [{"path": "1"}, {"path": "2"}], "tower": []}
    assert compare_named("input", recorded, current) == lines


def test_every_job_of_a_study_is_listed_with_the_names_of_all_its_files(clone: Path) -> None:
    with chdir(clone):
        jobs = list_jobs([Path("studies/tiny.yaml")])
    assert len(jobs) > 30
    for job in jobs:
        assert job.named_inputs is not None and job.named_outputs is not None
        assert {path for _, paths in job.named_inputs for path in paths} == set(job.inputs)
        assert {path for _, paths in job.named_outputs for path in paths} == set(job.outputs)
    (embed,) = [job for job in jobs if job.name == "embed_target cell=full seed=0"]
    assert dict(embed.named_inputs or ())["weights"] == (
        "results/tiny/models/base/open_clip_model.safetensors",
    )
