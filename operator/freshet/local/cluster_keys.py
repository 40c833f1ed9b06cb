"""The secrets of a local cluster: its authority, the server's certificate, the ServiceAccounts' key, the admin's token.

Elliptic keys, since making RSA ones takes longer than the whole start. Everything is readable by its owner only.
"""

import base64
import datetime
import ipaddress
import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from freshet.local.paths import write_private

__all__ = ["Keys", "make_keys", "write_kubeconfig"]

VALID = datetime.timedelta(days=3650)
NAMES = (
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)
ADDRESSES = ("127.0.0.1", "::1", "10.0.0.1")


@dataclass(frozen=True, kw_only=True)
class Keys:
    """The files below ``folder``, and what they are for."""

    folder: Path

    @property
    def authority(self) -> Path:
        """The certificate that clients trust."""
        return self.folder / "ca.crt"

    @property
    def server_certificate(self) -> Path:
        return self.folder / "server.crt"

    @property
    def server_key(self) -> Path:
        return self.folder / "server.key"

    @property
    def service_accounts(self) -> Path:
        """The key that signs ServiceAccount tokens."""
        return self.folder / "service-accounts.key"

    @property
    def tokens(self) -> Path:
        """kube-apiserver's ``--token-auth-file``: one line, the admin's."""
        return self.folder / "tokens.csv"

    @property
    def admin_token(self) -> str:
        return self.tokens.read_text().split(",", 1)[0]


def make_keys(*, folder: Path, now: datetime.datetime) -> Keys:
    """Whatever is not in ``folder`` yet. The certificates are valid from a day before ``now``, for ten years."""
    keys = Keys(folder=folder)
    if keys.tokens.exists():
        return keys
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    authority = ec.generate_private_key(ec.SECP256R1())
    root = _root(authority, now=now)
    server = ec.generate_private_key(ec.SECP256R1())
    write_private(keys.authority, _pem(root))
    write_private(keys.server_certificate, _pem(_server(server, authority=authority, root=root, now=now)))
    write_private(keys.server_key, _key_pem(server))
    write_private(keys.service_accounts, _key_pem(ec.generate_private_key(ec.SECP256R1())))
    write_private(keys.tokens, f'{secrets.token_urlsafe(32)},admin,admin,"system:masters"\n')
    return keys


def write_kubeconfig(path: Path, *, server: str, authority: Path, token: str, namespace: str = "default") -> Path:
    """A kubeconfig that needs no other file; JSON is YAML. Returns ``path``."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "freshet",
        "contexts": [{"name": "freshet", "context": {"cluster": "freshet", "user": "freshet", "namespace": namespace}}],
        "clusters": [
            {
                "name": "freshet",
                "cluster": {
                    "server": server,
                    "certificate-authority-data": base64.b64encode(authority.read_bytes()).decode(),
                },
            }
        ],
        "users": [{"name": "freshet", "user": {"token": token}}],
    }
    write_private(path, json.dumps(config, indent=2) + "\n")
    return path


def _builder(
    key: ec.EllipticCurvePrivateKey, *, subject: str, issuer: str, now: datetime.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + VALID)
    )


def _root(key: ec.EllipticCurvePrivateKey, *, now: datetime.datetime) -> x509.Certificate:
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    builder = _builder(key, subject="freshet-local", issuer="freshet-local", now=now)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(usage, critical=True)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return builder.add_extension(identifier, critical=False).sign(key, hashes.SHA256())


def _server(
    key: ec.EllipticCurvePrivateKey,
    *,
    authority: ec.EllipticCurvePrivateKey,
    root: x509.Certificate,
    now: datetime.datetime,
) -> x509.Certificate:
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in NAMES]
    names += [x509.IPAddress(ipaddress.ip_address(address)) for address in ADDRESSES]
    identifier = root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = _builder(key, subject="kube-apiserver", issuer="freshet-local", now=now)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
    return builder.add_extension(issuer, critical=False).sign(authority, hashes.SHA256())


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    raw = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return raw.decode()
