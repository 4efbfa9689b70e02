"""Faults that the claims of lesson 00 would see."""

# One plausible fault in code or data per claim id, in a short phrase each.
FAULTS = {
    "00.accuracy": "lab.measure scales the pixels wrongly, or another network has the file's name",
    "00.tensorflow-copies": "a module that the page uses imports TensorFlow at its top",
    "00.own-accuracy": "the page scales the pixels in another way than lab.measure",
    "00.mistakes": "the counts have the labels' type uint8 and overflow above 255",
}
CLAIM = "00.own-accuracy"
PROFILE = "fast"
CODE = """
honest = assets.data.as_input
assets.data.as_input = lambda images: honest(images) / 2
"""
