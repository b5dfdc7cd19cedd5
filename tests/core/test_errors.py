import inspect

from thimble.core import errors


def test_the_tree_in_the_docstring_is_the_tree_of_classes() -> None:
    drawn = {word for line in (errors.__doc__ or "").splitlines() for word in line.replace("─", " ").split() if word[:1].isupper()}
    for name, cls in inspect.getmembers(errors, inspect.isclass):
        if issubclass(cls, errors.ThimbleError):
            assert name in drawn
            line = next(line for line in (errors.__doc__ or "").splitlines() if name in line.split())
            assert str(cls.exit_code) in line.split()


def test_exit_codes_of_different_meanings_differ() -> None:
    own = [cls.exit_code for cls in errors.ThimbleError.__subclasses__() if "exit_code" in vars(cls)]
    assert len(own) == len(set(own))
    assert 0 not in own
