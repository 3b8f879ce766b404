"""A session's pod as a reader of the cache: files read from it with a token of a test's choice."""

from __future__ import annotations

from tests.e2e.facility import execute, kubectl

OWN = "/etc/cmsaf-secrets-chown/access_token"
"""The token that the session itself has."""
READ = "/tmp/read-by-a-test"


def put(session: str, text: str, mode: str = "600") -> str:
    """Write a token to a file in a session; return the file."""
    file = "/tmp/token-of-a-test"
    script = f"rm -f {file}; umask 077; cat >{file}; chmod {mode} {file}"
    kubectl("exec", "--stdin", session, "--", "sh", "-c", script, stdin=text)
    return file


def run(session: str, *command: str, token_file: str = OWN) -> tuple[int, str]:
    """Run a command in a session with a token; return its status and what the user reads."""
    # As sessions have it that start while the caches want tokens; this one may be older.
    variables = (f"BEARER_TOKEN_FILE={token_file}", "XRD_LOGLEVEL=Error")
    done = execute(session, "env", *variables, "timeout", "100", *command)
    return done.returncode, done.stdout + done.stderr


def read(session: str, file: str, token_file: str = OWN) -> tuple[int, str]:
    """Read a whole file into READ."""
    return run(session, "xrdcp", "--silent", "--force", file, READ, token_file=token_file)
