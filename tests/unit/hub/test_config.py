"""The whole configuration, loaded as the hub loads it; and what tokens may do, asked of a real hub."""

import copy
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from jupyterhub.handlers import BaseHandler
from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

from services.hub.settings import HubSettings, HubSettingsError, load, secret
from tests.unit.hub.conftest import SECRETS, SETTINGS
from tests.unit.hub.test_hooks import TOKEN

ROOT = Path(__file__).parents[3]
CONFIG = ROOT / "services" / "hub" / "jupyterhub_config.py"


def loaded(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """Return the configuration object that jupyterhub would have."""
    monkeypatch.setattr("services.hub.settings.load.__defaults__", (SETTINGS,))
    monkeypatch.setattr("services.hub.settings.secret.__defaults__", (secrets,))
    return PyFileConfigLoader(str(CONFIG)).load_config()


def test_the_hub_keeps_proxy_and_servers_while_it_restarts(
    secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = loaded(secrets, monkeypatch)
    assert config.JupyterHub.cleanup_servers is False
    assert config.ConfigurableHTTPProxy.should_start is False
    assert config.ConfigurableHTTPProxy.auth_token == SECRETS["proxy-token"]
    assert config.JupyterHub.cookie_secret == bytes.fromhex(SECRETS["cookie-secret"])
    assert config.JupyterHub.concurrent_spawn_limit == 16


def test_the_culler_may_end_servers_and_not_read_or_change_users(
    secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roles = {role["name"]: role for role in loaded(secrets, monkeypatch).JupyterHub.load_roles}
    assert set(roles["idle-culler"]["scopes"]) == {
        "list:users",
        "read:users:activity",
        "read:servers",
        "delete:servers",
    }


def test_the_culler_gets_the_timeouts_of_the_settings(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    services = {service["name"]: service for service in loaded(secrets, monkeypatch).JupyterHub.services}
    assert "--timeout=3600" in services["idle-culler"]["command"]
    assert services["dask-gateway"]["api_token"] == SECRETS["dask-gateway-token"]
    assert "api_token" not in services["dex"]


def test_a_missing_secret_file_is_named(secrets: Path) -> None:
    (secrets / "crypt-key").unlink()
    with pytest.raises(HubSettingsError, match="crypt-key: No such file"):
        secret("crypt-key", secrets)


def test_an_empty_secret_file_is_refused(secrets: Path) -> None:
    (secrets / "crypt-key").write_text("\n")
    with pytest.raises(HubSettingsError, match="crypt-key: is empty"):
        secret("crypt-key", secrets)


@pytest.mark.parametrize(
    ("section", "values", "message"),
    [
        ("hub", {"idleTimeOut": 1}, "idle_time_out"),
        ("session", {"colour": "blue"}, "colour"),
        ("access", {"nobody": True}, "nobody"),
    ],
)
def test_an_unknown_setting_is_refused_by_name(
    section: str, values: dict[str, object], message: str, changed: Callable[..., HubSettings]
) -> None:
    with pytest.raises(HubSettingsError, match=message):
        changed(**{section: values})


def test_a_missing_setting_is_refused_by_name(tmp_path: Path) -> None:
    data = json.loads(SETTINGS.read_text())
    del data["oidc"]["issuer"]
    (tmp_path / "settings.json").write_text(json.dumps(data))
    with pytest.raises(HubSettingsError, match="issuer"):
        load(tmp_path / "settings.json")


def in_the_cluster(data: Mapping[str, object], secrets: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    """Return the configuration of a hub that has a ServiceAccount, from settings with ``data`` besides."""
    settings, token = secrets.parent / "settings.json", secrets.parent / "token"
    settings.write_text(json.dumps(json.loads(SETTINGS.read_text()) | data))
    token.write_text(TOKEN)
    monkeypatch.setattr("services.hub.ownership.TOKEN", token)
    for module in ("issuer", "hooks"):
        monkeypatch.setattr(f"services.hub.{module}.tls_context", lambda: None)
    monkeypatch.setattr("services.hub.settings.load.__defaults__", (settings,))
    monkeypatch.setattr("services.hub.settings.secret.__defaults__", (secrets,))
    return PyFileConfigLoader(str(CONFIG)).load_config()


def test_where_laptops_reach_sessions_there_is_a_page_for_them(
    secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    laptop = {"laptop": {"domain": "dask.localhost", "port": 30786}}
    config = in_the_cluster(laptop, secrets, monkeypatch)
    ((path, handler),) = config.JupyterHub.extra_handlers
    assert path == "/laptop"
    assert issubclass(handler, BaseHandler)
    (templates,) = config.JupyterHub.template_paths
    assert (Path(templates) / "laptop.html").is_file()
    copy.deepcopy(config)


def test_where_sites_check_tokens_the_keys_are_shown_and_no_page_is(
    secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials = {"url": "https://credentials:8443", "dataToken": "facility"}
    shown = {"credentials": credentials | {"publicKeysUrl": "https://credentials:8444"}}
    config = in_the_cluster(shown, secrets, monkeypatch)
    paths = [path for path, _ in config.JupyterHub.extra_handlers]
    assert paths == ["/issuer/.well-known/openid-configuration", "/issuer/jwks"]
    assert "template_paths" not in config.JupyterHub


def test_elsewhere_there_is_none_and_the_home_page_is_jupyterhubs(
    secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = in_the_cluster({}, secrets, monkeypatch)
    assert config.FacilitySpawner.running_hook
    assert "extra_handlers" not in config.JupyterHub
    assert "template_paths" not in config.JupyterHub


def test_an_unknown_setting_of_laptops_is_refused(secrets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    laptop = {"laptop": {"domain": "dask.localhost", "port": 30786, "keys": "all"}}
    with pytest.raises(HubSettingsError, match="laptop: .*keys"):
        in_the_cluster(laptop, secrets, monkeypatch)


SCOPES = """
import asyncio, json, sys
from jupyterhub import orm, roles, scopes
from jupyterhub.app import JupyterHub
from traitlets.config import Config
from services.hub.services import roles as our_roles, services, user_scopes
from services.hub.settings import load
from pathlib import Path

settings = load(Path(sys.argv[1]))

async def main():
    config = Config()
    config.JupyterHub.services = services(settings, lambda name: name + "-" * 40)
    config.JupyterHub.load_roles = our_roles(settings)
    config.JupyterHub.extra_user_scopes = user_scopes(settings)
    config.JupyterHub.db_url = "sqlite://"
    config.JupyterHub.cookie_secret_file = sys.argv[2]
    config.JupyterHub.authenticator_class = "dummy"
    config.DummyAuthenticator.allow_all = True
    hub = JupyterHub(config=config)
    await hub.initialize([])
    user = orm.User(name="ada")
    hub.db.add(user); hub.db.commit()
    roles.assign_default_roles(hub.db, entity=user)
    spawner = orm.Spawner(name="", user=user); hub.db.add(spawner); hub.db.commit()
    def granted(**token):
        raw = user.new_api_token(**token)
        return sorted(scopes.get_scopes_for(orm.APIToken.find(hub.db, raw)))
    print(json.dumps({
        "server": granted(roles=["server"]),
        "narrow": granted(scopes=["read:users:name!user"]),
    }))

asyncio.run(main())
"""


def test_servers_tokens_reach_the_gateway_and_narrower_ones_do_not(tmp_path: Path) -> None:
    """Asked of JupyterHub itself, in a process of its own: its application is a singleton."""
    done = subprocess.run(
        [sys.executable, "-c", SCOPES, str(SETTINGS), str(tmp_path / "cookie")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    granted = json.loads(done.stdout.splitlines()[-1])
    access = "access:services!service=dask-gateway"
    assert access in granted["server"]
    assert access not in granted["narrow"]
    assert not [
        scope for scope in granted["server"] if scope.startswith(("admin", "tokens", "delete", "servers"))
    ]
