"""Fetch published weights once into PyTorch's cache; without a network, say what to fetch by hand."""

from __future__ import annotations

from pathlib import Path

from thimble.core.errors import BadInput, CannotWrite
from thimble.core.values import sha256_of
from thimble.fetch.network import UNREACHABLE, patience, why


def fetched(url: str, hash_prefix: str | None, what: str) -> Path:
    """The file of ``url`` in PyTorch's hub cache, downloaded where it is not there yet.

    A file already there is used offline. Raises `BadInput`, with the address and the place to put the file, where it
    can't be downloaded, and where the file there has another SHA-256 than ``hash_prefix`` begins.
    """
    import torch.hub

    path = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    if not path.exists():
        _download(url, path, what)
    if hash_prefix and not sha256_of(path).startswith(hash_prefix):
        raise BadInput(f"{path} is not {what}: its SHA-256 does not begin with {hash_prefix} as published; delete it and start again")
    return path


def _download(url: str, path: Path, what: str) -> None:
    import torch.hub

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with patience():
            torch.hub.download_url_to_file(url, str(path), progress=False)
    except UNREACHABLE as error:
        raise BadInput(f"{what} can't be downloaded ({why(error)}): fetch {url} on a connected machine and put it at {path}") from error
    except OSError as error:
        raise CannotWrite(f"can't write {path}: {error.strerror or error}") from error
