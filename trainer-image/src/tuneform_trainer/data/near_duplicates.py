"""Rows that are nearly the same text, by MinHash (Broder 1997) over word shingles."""

from __future__ import annotations

from collections.abc import Callable

from tuneform_trainer.data.formats import Row, prompt_key

SIMILARITY = 0.85  # Jaccard of word 3-shingles: above it two prompts are called nearly the same
PERMUTATIONS = 64


def near_duplicates(rows: list[Row], report: Callable[[int], None] = lambda _: None) -> list[tuple[Row, Row]]:
    """Pairs (later row, earlier row) of near duplicates, each later row once."""
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(threshold=SIMILARITY, num_perm=PERMUTATIONS)
    pairs: list[tuple[Row, Row]] = []
    for number, row in enumerate(rows):
        sketch = MinHash(num_perm=PERMUTATIONS)
        sketch.update_batch([shingle.encode() for shingle in shingles(prompt_key(row["prompt"]))])
        matches = index.query(sketch)
        if matches:
            pairs.append((row, rows[min(matches)]))
        index.insert(number, sketch)
        report(number + 1)
    return pairs


def shingles(text: str, words: int = 3) -> set[str]:
    """Every run of three words, or the whole text where it is shorter."""
    tokens = text.split()
    return {" ".join(tokens[i : i + words]) for i in range(max(1, len(tokens) - words + 1))}
