"""Parameters of the dataset kind `emoji`, and the pinned packages that it is made of."""

from typing import Literal, Self

from pydantic import Field, model_validator

from crossmodal.data.base import DatasetParameters, Splits
from crossmodal.data.packages import Package
from crossmodal.parameters import Count

EMOJIBASE = Package(
    "emojibase-data",
    "17.0.0",
    "62f81be405a81d588757f82ad6aaf96406ab7018a9f81dbbfd92d1b142646e00"
    "0468b959fdfa1ff60f3cd8b4e9984a728413440b49b6484988b658c7b13ca08c",
)
EMOJILIB = Package(
    "emojilib",
    "4.0.3",
    "29b5a262b7bd69149a3db1eb1d9233f739a833edb52c0b0ad55149b674e1d550"
    "ad584feb34c0ef8868504e6b1e94597de5d86ab46958db6887d25786e41b96d2",
)
OPENMOJI = Package(
    "openmoji",
    "17.0.0",
    "1019d8acd19d71dc3e3925e610d78d135c81351bbab4eada4e6a0ec946c99139"
    "af4fff97113a7c4592d2245cc3de5acf73937d0b3b323e7453934569e14688f7",
)
STYLES = {
    package.name.removeprefix("@iconify-json/"): package
    for package in (
        Package(
            "@iconify-json/noto",
            "1.2.9",
            "0d08ae5c435bba7e35721f973d2579e47f456962a91d3cb3e3a6082ad49a2980"
            "f87c80c3ccbd6d47a1f89e9fd3dfc8dfad301e237adc285d26a8761e65502e6b",
        ),
        Package(
            "@iconify-json/noto-v1",
            "1.2.5",
            "fc3b15322bacebd4347d14b9df3ed02b54d1392b9aafad3a8e2231fa5697b5db"
            "1818c5e97fa2ed1c1c7a0867e8a375071dbfd7a41b30fb52f5c777b23ea32e54",
        ),
        Package(
            "@iconify-json/twemoji",
            "1.2.5",
            "b8aa6e204574bfa2b9056dcc8ddca5f972855406db70fc408227cabc432d6685"
            "19079f98898e7368c9b6b8d342c725f301653dc8d2e58f8d5653afe6be000bb3",
        ),
        Package(
            "@iconify-json/openmoji",
            "1.2.29",
            "bd776192a7175523bab2ecbe9bd2db71433739d572b8d3ada55f3f6a5b3f5aa7"
            "e44084717af2f919e6ff83ee861ff4309ead4eaa4b0499a0c64c2999e6714a25",
        ),
        Package(
            "@iconify-json/fluent-emoji-flat",
            "1.2.6",
            "458e3b4603dbe3b7d8522cab03ae2c20e2f4f94534dacdbdb17a4d05b2104415"
            "253e57cd1532949990c4446bb10ecffbc8d196a9062fb9a4983353387d15e553",
        ),
        Package(
            "@iconify-json/emojione",
            "1.2.3",
            "4fdf93dc721b24d2ca2ac9b160a95a621be71d8933fc73584d5ed21c25d564f7"
            "de522e05aac918ef461e37cc980194fc702bfbc39bc9c52e10d66f336fd08c32",
        ),
        Package(
            "@iconify-json/emojione-v1",
            "1.2.3",
            "52323655011756d1a53c1bd0bb1122ceba3b4028017090ce630294ba9aaebef6"
            "7c515e313a5be6e39214f3625859e8220162dead8efd8052cc676e94e8cb3ec3",
        ),
        Package(
            "@iconify-json/fxemoji",
            "1.2.2",
            "5006ac45ac7315429f2064a62f09e86abb2cb00e0b5f454b2ee126a6522a33a6"
            "4d42a21046d6aff2d6781f59de4e506b797b8c4320227ebe633f8927efc0e989",
        ),
        Package(
            "@iconify-json/emojione-monotone",
            "1.2.1",
            "71948d70fb2e8800fa1c2cc287fd9d60a1a1de9348d23265c41c5059f0b7ddc4"
            "2c3eda9866aba5181be591385760dbc397c5718151d3f6efa2cf25ffc9e10890",
        ),
        Package(
            "@iconify-json/fluent-emoji-high-contrast",
            "1.2.6",
            "7acaa164fa64ac5eec357dcdb0ba21f0a5bae28904aff6f3928ed636714ffaa4"
            "c9180a833c3623a74f76e72c6e8af5f2dc7b55401f318482aedfe36ad5bc97e7",
        ),
    )
}
Style = Literal[
    "noto",
    "noto-v1",
    "twemoji",
    "openmoji",
    "fluent-emoji-flat",
    "emojione",
    "emojione-v1",
    "fxemoji",
    "emojione-monotone",
    "fluent-emoji-high-contrast",
]


class Params(DatasetParameters):
    """Emoji drawn by several design teams; an example is one concept in one style."""

    kind: Literal["emoji"]
    styles: list[Style] = Field(min_length=1)
    """Styles whose drawings are in the dataset, each at most once."""
    image_size: Count = 64
    """Width and height of the stored images, px."""
    split: Splits = Splits()
    """Shares of concepts (not of images): a concept is in one split, whatever the style."""
    captions: Literal["people", "web", "templates"] = "people"
    """Where the five captions of a concept come from: `people` are Unicode's name, its keywords without the name,
    codes of platforms and OpenMoji's tags, none of them fitting two concepts; `web` are emojilib's words and codes
    of other platforms, none of them one of `people`; `templates` are five sentences around Unicode's name."""
    held_out: Splits | None = None
    """Concepts that these shares put into validation or test are not in the dataset; null leaves none out. With
    the target's shares, a base model that learns from this dataset meets none of the concepts it is judged on."""
    concepts: Count | None = None
    """Number of concepts to keep, for small runs; null keeps all 1,914."""

    @model_validator(mode="after")
    def _distinct_styles(self) -> Self:
        if len(set(self.styles)) < len(self.styles):
            raise ValueError("styles must differ from one another")
        return self

    def packages(self) -> tuple[Package, ...]:
        return (EMOJIBASE, EMOJILIB, OPENMOJI, *(STYLES[style] for style in self.styles))

    def pictures(self) -> frozenset[str]:
        return frozenset(STYLES[style].name for style in self.styles)
