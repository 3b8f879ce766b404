"""The pair of devices between machine and cluster, made in network namespaces of the test's own."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]

JOIN_TWICE = """
import subprocess
from local import host

def cluster():
    return subprocess.Popen(["unshare", "--net", "sleep", "60"])

def wait(process):
    mine = subprocess.check_output(["readlink", "/proc/self/ns/net"])
    while subprocess.check_output(["readlink", f"/proc/{process.pid}/ns/net"]) == mine:
        pass

first, second = cluster(), cluster()
try:
    for process in (first, second):
        wait(process)
        assert not host.joined(process.pid)
        host.join(process.pid)
        assert host.joined(process.pid)
        host.join(process.pid)  # again, with nothing to do
    assert not host.joined(first.pid)  # its device went with the pair
    print(subprocess.check_output(["ip", "-brief", "address", "show", host.LINK], text=True))
    host.remove_link()
    host.remove_link()  # again, with nothing to do
    assert not host.joined(second.pid)
finally:
    first.kill()
    second.kill()
"""


def test_a_new_cluster_is_joined_though_a_killed_one_left_its_device() -> None:
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", JOIN_TWICE],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "10.97.0.1/30" in done.stdout
