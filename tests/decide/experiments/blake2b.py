"""BLAKE2b as RFC 7693 writes it down, without keys: slow, and made without looking at what the engine calls."""

MASK = (1 << 64) - 1
IV = (
    *(0x6A09E667F3BCC908, 0xBB67AE8584CAA73B, 0x3C6EF372FE94F82B, 0xA54FF53A5F1D36F1),
    *(0x510E527FADE682D1, 0x9B05688C2B3E6C1F, 0x1F83D9ABFB41BD6B, 0x5BE0CD19137E2179),
)
SIGMA = (
    (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15),
    (14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3),
    (11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4),
    (7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8),
    (9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13),
    (2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9),
    (12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11),
    (13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10),
    (6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5),
    (10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0),
)
COLUMNS = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15))
DIAGONALS = ((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))


def blake2b(data: bytes, size: int) -> bytes:
    """The digest of `size` bytes (RFC 7693, section 3.3)."""
    state = [IV[0] ^ 0x01010000 ^ size, *IV[1:]]
    blocks = [data[start : start + 128] for start in range(0, len(data), 128)] or [b""]
    for number, block in enumerate(blocks):
        last = number == len(blocks) - 1
        _compress(state, block.ljust(128, b"\0"), len(data) if last else 128 * (number + 1), last=last)
    return b"".join(word.to_bytes(8, "little") for word in state)[:size]


def _compress(state: list[int], block: bytes, count: int, *, last: bool) -> None:
    words = [int.from_bytes(block[i : i + 8], "little") for i in range(0, 128, 8)]
    work = [*state, *IV]
    work[12] ^= count & MASK
    work[13] ^= count >> 64
    if last:
        work[14] ^= MASK
    for turn in range(12):
        order = SIGMA[turn % 10]
        for number, (a, b, c, d) in enumerate((*COLUMNS, *DIAGONALS)):
            x, y = words[order[2 * number]], words[order[2 * number + 1]]
            work[a] = (work[a] + work[b] + x) & MASK
            work[d] = _turned(work[d] ^ work[a], 32)
            work[c] = (work[c] + work[d]) & MASK
            work[b] = _turned(work[b] ^ work[c], 24)
            work[a] = (work[a] + work[b] + y) & MASK
            work[d] = _turned(work[d] ^ work[a], 16)
            work[c] = (work[c] + work[d]) & MASK
            work[b] = _turned(work[b] ^ work[c], 63)
    for i in range(8):
        state[i] ^= work[i] ^ work[i + 8]


def _turned(word: int, by: int) -> int:
    return (word >> by | word << (64 - by)) & MASK
