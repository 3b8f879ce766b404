"""The address of a file in the facility's cache.

    import uproot, xcache
    uproot.open(xcache.url("/eos/opendata/cms/file.root"))

The cache fetches what it does not have from its origin, once for everybody.
"""

import os
import stat
import warnings
from urllib.parse import urlsplit


def url(file: str) -> str:
    """Return ``root://CACHE//PATH`` for a path, or for the file's own root:// address.

    Raises RuntimeError where the facility has no cache, ValueError for a path that is not absolute.
    """
    host = os.environ.get("XCACHE_HOST")
    if not host:
        raise RuntimeError("this facility has no cache: read the file by its own address")
    path = "/" + urlsplit(file).path.lstrip("/") if file.startswith(("root://", "xroot://")) else file
    if not path.startswith("/"):
        raise ValueError(f"{file!r} is no absolute path; write /store/... or root://HOST//store/...")
    if trouble := token_trouble():
        warnings.warn(trouble, stacklevel=2)
    return f"root://{host}/{path}"


def token_trouble() -> str | None:
    """Return why XRootD will pass over the token at $BEARER_TOKEN_FILE, for it does not say so; else None."""
    file = os.environ.get("BEARER_TOKEN_FILE")
    if not file:
        return None
    try:
        status = os.stat(file)
    except OSError as error:
        return f"there is no token for the cache: {file}: {error.strerror}"
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o077:
        return f"{file} may be read by others (mode {mode:o}), so it is not used: chmod 600 {file}"
    if status.st_uid != os.geteuid():
        return f"{file} is not your own, so it is not used: copy it, and chmod 600 the copy"
    return None
