"""The model behind a search: each tower built when it is first asked, alone where that can be."""

from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from crossmodal.serving.image_query import ImageEncoder, encoder_of, image_encoder
from crossmodal.serving.text_query import TextEncoder, text_encoder
from crossmodal.serving.weights import ModelFiles

if TYPE_CHECKING:
    from crossmodal.models.architecture import CLIP


class Encoder:
    """Queries to unit-length vectors, from any number of threads.

    Built on `files`, the model's folder; `whole` loads the whole model, and is called only where one tower alone
    will not do: for adapters that are more than changed weights, other text towers than BERT, a model of the hub
    (`files` is None then).
    """

    def __init__(self, files: ModelFiles | None, whole: Callable[[], "CLIP"]) -> None:
        self._files, self._load = files, whole
        self._building_text, self._building_image, self._loading = Lock(), Lock(), Lock()
        self._encoding = Lock()
        self._model: CLIP | None = None
        self._text: TextEncoder | None = None
        self._image: ImageEncoder | None = None

    def text(self, query: str) -> npt.NDArray[np.float32]:
        """Return the vector, float32 [d], of a text."""
        return self.prepare_text()(query)

    def image(self, data: bytes) -> npt.NDArray[np.float32]:
        """Return the vector, float32 [d], of an encoded image file; ValueError for what is none."""
        encode = self.prepare_image()
        with self._encoding:  # torch spreads one image over the cores by itself
            return encode(data)

    def prepare_text(self) -> TextEncoder:
        """Build what encodes texts, unless that was done; nothing waits for the image tower."""
        if self._text is None:
            with self._building_text:
                if self._text is None:
                    alone = text_encoder(self._files) if self._files else None
                    self._text = alone or self._whole_text()
        return self._text

    def prepare_image(self) -> ImageEncoder:
        """Build what encodes images, unless that was done."""
        if self._image is None:
            with self._building_image:
                if self._image is None:
                    alone = image_encoder(self._files) if self._files and self._model is None else None
                    self._image = alone or encoder_of(self._whole())
        return self._image

    def _whole(self) -> "CLIP":
        with self._loading:
            if self._model is None:
                self._model = self._load()
            return self._model

    def _whole_text(self) -> TextEncoder:
        import torch

        from crossmodal.models import clip, dual_encoder

        model, device = self._whole(), next(self._whole().parameters()).device

        @torch.inference_mode()
        def encode(query: str) -> npt.NDArray[np.float32]:
            tokens = clip.tokenize(model, [query]).to(device)
            found: npt.NDArray[np.float32] = dual_encoder.encode_texts(model, tokens)[0].cpu().numpy()
            return found

        return encode
