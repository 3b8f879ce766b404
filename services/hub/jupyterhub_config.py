"""JupyterHub's configuration: what follows from settings.json, trait by trait."""

from __future__ import annotations

from typing import Any, cast

from services.hub.auth import authenticator
from services.hub.health import refuse
from services.hub.hooks import hooks
from services.hub.issuer import IssuerClient, tls_context
from services.hub.issuer_page import PublicKeys, pages
from services.hub.laptop_page import PATH, TEMPLATES, page
from services.hub.ownership import TOKEN
from services.hub.services import roles, services, user_scopes
from services.hub.settings import load, secret
from services.hub.spawner import kubespawner

settings = load()
# Traitlets puts get_config into this file's names.
c = cast(Any, get_config())  # noqa: F821 # pyright: ignore

c.JupyterHub.hub_bind_url = "http://0.0.0.0:8081"
c.JupyterHub.hub_connect_url = settings.hub_connect_url
c.JupyterHub.public_url = settings.public_url
c.JupyterHub.db_url = "sqlite:////srv/jupyterhub/jupyterhub.sqlite"
c.JupyterHub.cookie_secret = bytes.fromhex(secret("cookie-secret"))
c.CryptKeeper.keys = [bytes.fromhex(secret("crypt-key"))]

# The proxy is a pod of its own: it and users' servers go on while the hub restarts.
c.ConfigurableHTTPProxy.should_start = False
c.ConfigurableHTTPProxy.api_url = settings.proxy_api_url
c.ConfigurableHTTPProxy.auth_token = secret("proxy-token")
c.JupyterHub.cleanup_servers = False

c.JupyterHub.allow_named_servers = False
c.JupyterHub.concurrent_spawn_limit = settings.hub.concurrent_spawns
c.JupyterHub.last_activity_interval = 60

c.JupyterHub.services = services(settings, secret)
c.JupyterHub.load_roles = roles(settings)
c.JupyterHub.extra_user_scopes = user_scopes(settings)

c.JupyterHub.authenticator_class = "generic-oauth"
c.GenericOAuthenticator.update(authenticator(settings, secret("oidc-client-secret")))

if settings.health:
    c.GenericOAuthenticator.post_auth_hook = refuse(settings.health)

c.JupyterHub.spawner_class = "services.hub.facility_spawner.FacilitySpawner"
c.KubeSpawner.update(kubespawner(settings))
if TOKEN.exists():
    c.FacilitySpawner.update(hooks(settings, TOKEN.read_text()))
    handlers: list[Any] = []
    if settings.laptop:
        c.JupyterHub.template_paths = [str(TEMPLATES)]
        issuer = IssuerClient(settings.credentials.url, tls_context())
        handlers.append((PATH, page(settings.laptop, settings.public_url, issuer.bundle)))
    if settings.credentials.public_keys_url:
        keys = PublicKeys(settings.credentials.public_keys_url, tls_context())
        handlers += pages(settings.public_url, keys)
    if handlers:
        # Deprecated in favour of services; a service would be one more program that may ask for credentials.
        c.JupyterHub.extra_handlers = handlers
