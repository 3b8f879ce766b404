"""A password, a CA and a server's certificate, with settings to change; no cluster."""

import pulumi
import pulumi_random as random
import pulumi_tls as tls

config = pulumi.Config()
kept = pulumi.ResourceOptions(protect=config.get_bool("protect"))

password = random.RandomPassword("password", length=config.get_int("length") or 20, opts=kept)
ca_key = tls.PrivateKey("ca-key", algorithm="ECDSA", ecdsa_curve="P256", opts=kept)
ca = tls.SelfSignedCert(
    "ca",
    private_key_pem=ca_key.private_key_pem,
    is_ca_certificate=True,
    allowed_uses=["cert_signing", "crl_signing", "digital_signature"],
    set_subject_key_id=True,
    set_authority_key_id=True,
    subject=tls.SelfSignedCertSubjectArgs(common_name="facility"),
    validity_period_hours=1000,
)
key = tls.PrivateKey("server-key", algorithm="ECDSA", ecdsa_curve="P256")
request = tls.CertRequest(
    "request",
    private_key_pem=key.private_key_pem,
    dns_names=["hub"],
    subject=tls.CertRequestSubjectArgs(common_name="hub"),
)
server = tls.LocallySignedCert(
    "server",
    cert_request_pem=request.cert_request_pem,
    ca_private_key_pem=ca_key.private_key_pem,
    ca_cert_pem=ca.cert_pem,
    allowed_uses=[config.get("use") or "server_auth"],
    set_subject_key_id=True,
    validity_period_hours=1000,
    early_renewal_hours=config.get_int("earlyRenewalHours"),
)
if generation := config.get_int("generation"):
    # Here, for it takes a while and one module's tests alone need it.
    from components.credentials import generations

    for number, protect in generations(generation).items():
        tls.PrivateKey(
            f"signing-key-{number}",
            algorithm="ECDSA",
            ecdsa_curve="P256",
            opts=pulumi.ResourceOptions(protect=protect),
        )
if config.get_bool("pet"):
    random.RandomPet("pet")

pulumi.export("password", password.result)
pulumi.export("hash", password.bcrypt_hash)
pulumi.export("caKey", ca_key.private_key_pem)
pulumi.export("key", key.private_key_pem_pkcs8)
pulumi.export("ca", ca.cert_pem)
pulumi.export("certificate", server.cert_pem)
