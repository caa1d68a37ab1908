"""How alike texts are by the words that they share: TF-IDF cosine (Salton and Buckley 1988)."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array


def words(text: str) -> list[str]:
    """Return the words of a text in lower case, in their order."""
    return re.findall(r"\w+", text.lower())


def similarities(texts: Sequence[str], documents: Sequence[str]) -> NDArray[np.float32]:
    """Return the cosine of each text and each document, float32 [texts, documents], from 0 to 1.

    A text is the vector of how often it has each word, times ln((1 + n) / (1 + d)) + 1, where d of the n documents
    have the word (the smoothed weights of scikit-learn). Words of no document are left out; a text that shares
    none with a document has 0. Rounded to float32, so that equal texts tie.
    """
    counted = [Counter(words(document)) for document in documents]
    having = Counter(word for counts in counted for word in counts)
    columns = {word: column for column, word in enumerate(having)}
    frequency = np.fromiter(having.values(), dtype=np.float64, count=len(having))
    weights = np.log((1 + len(documents)) / (1 + frequency)) + 1
    asked = _unit_rows([Counter(words(text)) for text in texts], columns, weights)
    known = _unit_rows(counted, columns, weights)
    found: NDArray[np.float32] = (asked @ known.T).toarray().astype(np.float32)
    return found


def _unit_rows(
    counted: Sequence[Mapping[str, int]], columns: Mapping[str, int], weights: NDArray[np.float64]
) -> csr_array:
    """Return the weighted counts of known words as rows of unit length; a row without any is zero."""
    entries = [
        (row, columns[word], count * weights[columns[word]])
        for row, counts in enumerate(counted)
        for word, count in counts.items()
        if word in columns
    ]
    shape = (len(counted), len(columns))
    if not entries:
        return csr_array(shape)
    rows, places, values = map(np.array, zip(*entries, strict=True))
    lengths = np.sqrt(np.bincount(rows, weights=values**2, minlength=len(counted)))
    return csr_array((values / lengths[rows], (rows, places)), shape=shape)
