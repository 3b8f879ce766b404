"""JupyterLab's Dask panel and the dashboard of a cluster in a session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from health.account import user_path
from tests.e2e.facility import execute, pod_name, pods, wait_for
from tests.e2e.person import Person
from tests.e2e.server import Account, Server

DASHBOARD = "proxy/8785/status"
"""Where CoffeaCasaCluster says that its dashboard is, below the user's server."""


def clusters(account: Account, path: str) -> list[dict[str, str]]:
    """Return what the panel lists."""
    answer = account.request("GET", f"{path}dask/clusters")
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture(scope="module")
def panel(person: Person, notebook: Server) -> Iterator[Page]:
    """The first user's JupyterLab with the panel open and a cluster that it started."""
    account, path = notebook.account, notebook.path
    page = person.page.context.new_page()
    page.goto(f"{account.facility.url}{path}lab?reset")
    page.locator('[data-id="dask-dashboard-launcher"]').click(timeout=60_000)
    page.locator(".dask-DaskClusterManager").get_by_text("New").click()
    page.locator(".dask-ClusterListingItem").wait_for(timeout=60_000)
    yield page
    for cluster in clusters(account, path):
        account.request("DELETE", f"{path}dask/clusters/{cluster['id']}")
    page.close()


def test_the_panel_starts_a_cluster_on_htcondor_and_shows_it(panel: Page, person: Person) -> None:
    assert "CoffeaCasaCluster" in panel.locator(".dask-ClusterListingItem").inner_text()
    account = person.account
    (cluster,) = clusters(account, user_path(account.user))
    assert cluster["scheduler_address"].startswith("tls://")
    assert cluster["dashboard_link"].endswith(DASHBOARD)


def test_every_notebook_finds_it(panel: Page, person: Person) -> None:
    assert panel
    account = person.account
    path = user_path(account.user)
    (cluster,) = clusters(account, path)
    scaled = account.request("PATCH", f"{path}dask/clusters/{cluster['id']}", json={"workers": 1})
    assert scaled.status_code == 200, scaled.text
    kernel = account.start_kernel()
    computed = "client.submit(sum, [20, 22]).result(timeout=120)"
    code = 'from distributed import Client\nclient = Client("tls://localhost:8786")'
    assert kernel.value(code, computed, seconds=180) == 42


def test_its_dashboard_opens_for_its_owner_alone(panel: Page, person: Person, colleague: Person) -> None:
    assert panel
    account = person.account
    path = user_path(account.user)
    page = person.page.context.new_page()
    page.goto(f"{account.facility.url}{path}{DASHBOARD}")
    # Bokeh's plots come over the dashboard's web socket.
    page.wait_for_function("window.Bokeh?.documents?.[0]?.roots().length > 0", timeout=30_000)
    page.close()
    refused = colleague.page.goto(f"{account.facility.url}{path}{DASHBOARD}")
    assert refused and refused.status == 403
    assert colleague.account.request("GET", path + DASHBOARD).status_code == 403


def test_its_dashboard_is_closed_to_other_pods(panel: Page, person: Person, colleague: Person) -> None:
    assert panel
    (mine,) = [
        pod for pod in pods("session") if pod["metadata"]["name"] == pod_name("session", person.account.user)
    ]
    address = mine["status"]["podIP"]
    other = pod_name("session", colleague.account.user)
    done = execute(other, "timeout", "5", "bash", "-c", f"exec 3<>/dev/tcp/{address}/8785")
    assert done.returncode in (1, 124)
    own = execute(mine["metadata"]["name"], "bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8785")
    assert own.returncode == 0


def test_the_panel_ends_it(panel: Page, person: Person) -> None:
    account = person.account
    path = user_path(account.user)
    (cluster,) = clusters(account, path)
    assert account.request("DELETE", f"{path}dask/clusters/{cluster['id']}").status_code == 204
    wait_for("an empty panel", lambda: panel.locator(".dask-ClusterListingItem").count() == 0, 30)
