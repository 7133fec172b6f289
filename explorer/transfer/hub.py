"""Bringing a model from the Hugging Face Hub, at one commit and nothing but the files a model is made of.

The package huggingface_hub is asked what there is and how large it is; the files are then
read here piece by piece, because what a server announces and what it sends are two things.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ..checkpoint.weights import CONFIG_FILE, WEIGHTS_FILE
from .arrival import Arrival, Brought, arriving
from .bring import too_large
from .files import MAX_BYTES, METRICS_FILE, NEEDED, TAKEN, TransferError, refuse_pickles
from .own_models import check_name, suggest_name

INSTALL = "pip install 'huggingface_hub>=2,<3'"
FILES = tuple(file for file in TAKEN if file != METRICS_FILE)
TIMEOUT = 10.0  # seconds without a byte
SLOWEST = 50_000  # bytes a second, over a whole file
GRACE = 30.0  # seconds before that counts
REDIRECTS = 5

_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Snapshot:
    """A repository at one commit.

    Attributes:
        repository: owner/name.
        commit: 40 hexadecimal digits.
        sizes: bytes of each file of `FILES` that there is, as announced.
        sha256: of those files of which the Hub knows it.
    """

    repository: str
    commit: str
    sizes: dict[str, int]
    sha256: dict[str, str]


def read_reference(text: str) -> tuple[str, str]:
    """Repository and commit of "hub:owner/name@<40 hexadecimal digits>".

    Raises:
        TransferError: it is no such thing. A branch or tag is none: what it names can change.
    """
    repository, _, commit = text.removeprefix("hub:").partition("@")
    if not _REPOSITORY.fullmatch(repository) or ".." in repository:
        raise TransferError(f"{text!r:.120} is not of the form hub:owner/name@commit.")
    if not _COMMIT.fullmatch(commit):
        raise TransferError(
            f"{text!r:.120} must end with a commit, @ and 40 hexadecimal digits: what a branch or a tag names can "
            "change. The Hub shows it under the repository's files, at History."
        )
    return repository, commit


def from_hub(
    repository: str,
    revision: str,
    name: str = "",
    *,
    with_token: bool = False,
    endpoint: str | None = None,
    timeout: float = TIMEOUT,
    grace: float = GRACE,
    progress: Callable[[float], None] = lambda fraction: None,
    by: str = "",
) -> Brought:
    """Takes a model from the Hub. A branch or tag is resolved once, and its commit is what is fetched.

    Args:
        name: what to call it; "" for a free name near to the repository's.
        with_token: whether a token in this machine's environment may be sent; it opens what its owner may see.
        endpoint: of the Hub; its usual one if None.
        timeout: seconds without a byte; grace: seconds before a slow file is given up.
        progress: told the share of the weights that has come, 0 to 1.

    Raises:
        TransferError: there is no such model, it is not sound, or the Hub cannot be reached; nothing was kept.
    """
    name = name or suggest_name(repository)
    check_name(name)
    snapshot = resolve(repository, revision, with_token=with_token, endpoint=endpoint, timeout=timeout)
    with arriving() as arrival, _said(snapshot.repository):
        fetch = _Fetcher(snapshot, arrival, with_token, endpoint, timeout, grace)
        fetch(CONFIG_FILE, MAX_BYTES[CONFIG_FILE])
        most = arrival.most_weights()
        for file in snapshot.sizes:
            if file not in NEEDED:
                fetch(file, MAX_BYTES[file])
        fetch(WEIGHTS_FILE, most, progress)
        if with_token and _hub().get_token():
            arrival.notices.append("The Hub token of this machine's environment was sent with the requests.")
        source = {"kind": "hub", "repository": snapshot.repository, "revision": snapshot.commit, "asked": revision}
        return arrival.keep(name, {**source, "by": by})


def resolve(
    repository: str,
    revision: str,
    *,
    with_token: bool = False,
    endpoint: str | None = None,
    timeout: float = TIMEOUT,
) -> Snapshot:
    """Asks the Hub for a revision's commit and the sizes of its files.

    Raises:
        TransferError: there is no such revision, or it holds no model that can be taken.
    """
    if not _REPOSITORY.fullmatch(repository) or ".." in repository:
        raise TransferError(f"{repository!r:.120} is not a repository's name: the Hub's are of the form owner/name.")
    if not _REVISION.fullmatch(revision) or ".." in revision:
        raise TransferError(f"{revision!r:.80} is not a commit, branch or tag.")
    with _said(repository):
        info = (
            _hub()
            .HfApi(endpoint=endpoint)
            .model_info(
                repository,
                revision=revision,
                files_metadata=True,
                timeout=timeout,
                token=None if with_token else False,  # False: none is sent, whatever the environment has
            )
        )
        commit, files = str(info.sha), {str(file.rfilename): file for file in info.siblings or ()}
        sizes = {file: files[file].size for file in FILES if file in files}
    if not _COMMIT.fullmatch(commit) or (_COMMIT.fullmatch(revision) and commit != revision):
        raise TransferError(f"The Hub gave no commit, or another, for {repository} at {revision:.80}.")
    missing = [file for file in NEEDED if file not in files]
    if missing:
        refuse_pickles(sorted(files))
        raise TransferError(
            f"{repository} has no {' and no '.join(missing)} at its top, so it is no model of this kind."
        )
    for file, size in sizes.items():
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise TransferError(f"The Hub does not say how large {file} of {repository} is, so it is not fetched.")
    hashes = {file: getattr(files[file].lfs, "sha256", None) for file in sizes}
    return Snapshot(repository, commit, sizes, {file: str(value) for file, value in hashes.items() if value})


class _Fetcher:
    """Files of one snapshot, each held to its announced size while it comes."""

    def __init__(
        self, snapshot: Snapshot, arrival: Arrival, with_token: bool, endpoint: str | None, timeout: float, grace: float
    ) -> None:
        self.snapshot, self.arrival, self.endpoint = snapshot, arrival, endpoint
        self.timeout, self.grace = timeout, grace
        self.headers = _hub().utils.build_hf_headers(token=None if with_token else False)
        self.headers["Accept-Encoding"] = "identity"  # so that bytes received are the file's

    def __call__(self, file: str, most: int, progress: Callable[[float], None] = lambda fraction: None) -> None:
        """Fetches a file. Raises TransferError, or what `_said` puts into words."""
        size = self.snapshot.sizes[file]
        if size > most:
            if file in NEEDED:
                raise TransferError(too_large(file, most))
            self.arrival.notices.append(f"{file} was left out: it is larger than {most:,} bytes.")
            return
        path = self.arrival.path(file, size)
        total, digest, begun = 0, hashlib.sha256(), time.monotonic()
        with self._response(file) as response, path.open("wb") as target:
            if response.headers.get("content-encoding", "identity") != "identity":
                raise TransferError(f"The Hub sent {file} packed although it was asked not to, so it is not taken.")
            for piece in response.iter_raw():  # as they come: a fuller piece would be waited for
                total += len(piece)
                if total > size:
                    raise TransferError(f"{file} is larger than the {size:,} bytes the Hub announced; it is not taken.")
                if time.monotonic() - begun > self.grace + total / SLOWEST:
                    raise TransferError(f"The Hub sends {file} too slowly. Try again later.")
                target.write(piece)
                digest.update(piece)
                progress(min(1.0, total / max(1, size)))
        if total != size:
            raise TransferError(f"{file} broke off after {total:,} of {size:,} bytes. Try again.")
        if self.snapshot.sha256.get(file, digest.hexdigest()) != digest.hexdigest():
            raise TransferError(f"{file} is not the one the Hub announced: its SHA-256 differs.")

    @contextlib.contextmanager
    def _response(self, file: str) -> Iterator[Any]:
        """The answer to a request for a file, after at most REDIRECTS redirects."""
        hub, snapshot = _hub(), self.snapshot
        client = hub.utils.get_session()
        url = hub.hf_hub_url(snapshot.repository, file, revision=snapshot.commit, endpoint=self.endpoint)
        request = client.build_request("GET", url, headers=self.headers, timeout=self.timeout)
        secure = request.url.scheme == "https"
        for _ in range(REDIRECTS + 1):
            response = client.send(request, stream=True, follow_redirects=False)
            try:
                following = response.next_request  # without the token where the host is another
                if following is None:
                    hub.utils.hf_raise_for_status(response)
                    yield response
                    return
            finally:
                response.close()
            if secure and following.url.scheme != "https":
                raise TransferError(f"The Hub redirects {file} to an address that is not secure; it is not fetched.")
            request = following
        raise TransferError(f"The Hub redirects {file} more than {REDIRECTS} times; it is not fetched.")


def _hub() -> Any:
    """The package huggingface_hub, which nothing else here needs. Raises TransferError."""
    # Read when the package is first imported: no word of what else runs on this machine goes along.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        import huggingface_hub
        import huggingface_hub.utils
    except ImportError:
        raise TransferError(
            f"Models of the Hugging Face Hub need the package huggingface_hub: {INSTALL}, then restart the app."
        ) from None
    return huggingface_hub


@contextlib.contextmanager
def _said(repository: str) -> Iterator[None]:
    """What the package or the network raises, as a sentence."""
    _hub()
    from huggingface_hub import errors

    try:
        yield
    except TransferError:
        raise
    except errors.GatedRepoError:
        raise TransferError(
            f"{repository} is gated: accept its terms on the Hub, and give this machine a token (HF_TOKEN)."
        ) from None
    except errors.RepositoryNotFoundError:
        raise TransferError(f"There is no {repository} on the Hub, or it is private.") from None
    except errors.RevisionNotFoundError:
        raise TransferError(f"{repository} has no such commit, branch or tag.") from None
    except errors.OfflineModeIsEnabled:
        raise TransferError("The Hub is not asked while HF_HUB_OFFLINE is set in this machine's environment.") from None
    except errors.HfHubHTTPError as error:
        status = getattr(error.response, "status_code", "unknown")
        if status in (401, 403):
            raise TransferError(f"There is no {repository} on the Hub, or it is private.") from None
        raise TransferError(f"The Hub answered with an error (status {status}). Try again later.") from None
    except errors.HTTPError as error:
        slow = "Timeout" in type(error).__name__
        fault = "did not answer in time" if slow else "cannot be reached, or broke off"
        raise TransferError(f"The Hub {fault}. Look at this machine's network, then try again.") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise TransferError(f"The Hub's answer about {repository} could not be understood.") from None
