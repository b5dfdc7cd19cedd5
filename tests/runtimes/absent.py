"""A runtime whose library is not there."""


class Absent:
    title = "Absent"
    formats = ("scripted",)
    needs = ("no_such_library",)
    extra = "nothing"
    distribution = "thimble"

    def load(self, format):
        import no_such_library.part  # noqa: F401

    def open(self, path, inputs, outputs, threads, options):
        raise AssertionError("never reached")
