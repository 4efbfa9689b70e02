from . import (
    adaptive as adaptive,
    codes as codes,
    range_coder as range_coder,
)
from .adaptive import (
    adaptive_bits as adaptive_bits,
    adaptive_decode as adaptive_decode,
    adaptive_encode as adaptive_encode,
)
from .codes import (
    entropy as entropy,
    fast_decode as fast_decode,
    fast_encode as fast_encode,
    huffman_codes as huffman_codes,
    huffman_decode as huffman_decode,
    huffman_encode as huffman_encode,
    huffman_lengths as huffman_lengths,
    quantize_frequencies as quantize_frequencies,
    range_decode as range_decode,
    range_encode as range_encode,
)
