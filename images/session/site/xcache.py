"""The address of a file in the facility's cache.

    import uproot, xcache
    uproot.open(xcache.url("/eos/opendata/cms/file.root"))

The cache fetches what it does not have from its origin, once for everybody.
"""

import os
import stat
from urllib.parse import urlsplit


def url(file: str) -> str:
    """Return ``root://CACHE//PATH`` for a path, or for the file's own root:// address.

    Raises RuntimeError where the facility has no cache, ValueError for a path that is not absolute, and
    PermissionError for a data token that XRootD would not use, which it does not tell.
    """
    host = os.environ.get("XCACHE_HOST")
    if not host:
        raise RuntimeError("this facility has no cache: read the file by its own address")
    path = "/" + urlsplit(file).path.lstrip("/") if file.startswith(("root://", "xroot://")) else file
    if not path.startswith("/"):
        raise ValueError(f"{file!r} is no absolute path; write /store/... or root://HOST//store/...")
    _check_token()
    return f"root://{host}/{path}"


def _check_token() -> None:
    file = os.environ.get("BEARER_TOKEN_FILE")
    if not file or "BEARER_TOKEN" in os.environ or not os.path.exists(file):
        return
    mode = stat.S_IMODE(os.stat(file).st_mode)
    if mode & 0o077:
        raise PermissionError(f"{file} has mode {mode:04o}, so XRootD passes it over: chmod 600 {file}")
