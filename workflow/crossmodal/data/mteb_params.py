"""Parameters of the dataset kind `mteb`: corpus, queries and judgements of a retrieval benchmark."""

from typing import Literal

from pydantic import Field

from crossmodal.data.file_dataset import FileDataset, SplitName
from crossmodal.data.file_patterns import expand, named


class Params(FileDataset):
    """A corpus, queries and which of them belong together, as MTEB (Parquet) and BEIR (JSON lines, TSV) have them.

    The texts that are judged relevant to an image become its captions, whichever side the images are on.
    """

    kind: Literal["mteb"]
    corpus: list[str] = Field(min_length=1)
    """The files of what is searched: corpus.jsonl, or corpus/*.parquet."""
    queries: list[str] = Field(min_length=1)
    """The files of what is asked for: queries.jsonl, or query/*.parquet."""
    qrels: dict[SplitName, list[str]] = Field(min_length=1)
    """The files of judgements of each split: qrels/test.tsv, or qrels/test-*.parquet."""
    images_in: Literal["corpus", "queries"] = "corpus"
    """Which side the images are on: the corpus where texts search for images."""
    images: str | None = None
    """The folder that paths of images are below; null where the files hold the images themselves."""
    distractors: bool = False
    """Whether images that no judgement names are in the test split, without captions; else they are left aside."""

    def is_split(self) -> bool:
        return True

    def split_key(self) -> str:
        return "qrels"

    def has_classes(self) -> bool:
        return False

    def files(self) -> dict[str, str]:
        sides = {"corpus": expand(self.corpus), "queries": expand(self.queries)}
        return {
            **{f"{side}.{number:06}": path for side, own in sides.items() for number, path in enumerate(own)},
            **named("qrels", self.qrels),
        }
