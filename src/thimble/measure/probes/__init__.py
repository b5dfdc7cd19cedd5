"""What else may be observed of an artifact: one probe per file.

A probe is a class with ``title`` (for people), ``slow`` (whether it is left out unless asked for) and
``observe(subject, inputs) -> dict`` of JSON values, which a candidate keeps under the probe's name. Where something
can't be observed, the dictionary says ``not available`` and why; nothing is estimated in its place.
"""
