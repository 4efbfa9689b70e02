"""Faults that the claims of lesson 10 would see."""

# One plausible fault in code or data per claim id, in a short phrase each.
FAULTS = {
    "10.convolution": "the loop flips the kernel or swaps rows and columns",
    "10.macs": "conv2d_macs counts the positions of the input instead of the output",
    "10.counts": "a depthwise convolution is counted with the factor of the filters",
    "10.max-pooling": "pool2d_operations forgets the window or counts the input's positions",
    "10.bytes": "the walk through the file misses a field, so its bytes have no purpose",
    "10.padding": "the walk loses a table of zeros, which then looks like padding",
    "10.weights": "folding forgets epsilon, or scales the first axis of the kernel",
    "10.memory": "im2col_bytes forgets the window, or the input is freed after its last use",
}
CLAIM = "10.counts"
PROFILE = "fast"
CODE = """
cost = methods.cost
cost.depthwise_macs = lambda output, kernel, channels: cost.conv2d_macs(
    output, kernel, channels, channels
)
"""
