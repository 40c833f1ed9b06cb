"""The buckets behind s3://, gs:// and az:// addresses, with credentials from the variables of each cloud's own tools.

They come from ``csv.secretRef``; where they are left out, the libraries look for what the pod's ServiceAccount has.
"""

import os
import re
import tempfile
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from freshet.workloads.errors import ConfigError, InputError, Unavailable, WorkloadError

__all__ = ["TIMEOUT", "azure_options", "bucket", "sentence"]

TIMEOUT = 60.0
"""Seconds until a cloud that does not answer is given up."""
_DENIED = re.compile(
    "ACCESS_DENIED|Forbidden|Unauthorized|INVALID_ACCESS_KEY|SIGNATURE_DOES_NOT_MATCH|UNAUTHENTICATED|PERMISSION_DENIED"
    "|AuthenticationFailed|AuthorizationFailure|AuthorizationPermissionMismatch|ExpiredToken|InvalidToken"
)
_ELSEWHERE = re.compile(
    "HTTP status 301|PermanentRedirect|AuthorizationHeaderMalformed|HTTP status 400.* is located in"
)
"""A bucket of another region: S3 answers so where the question has no room for a reason."""
_NO_CREDENTIALS = re.compile("Could not create a OAuth2 access token|Base64|Credential")
_NO_PATH = re.compile("Empty path component|cannot start with a separator|got a URI")
"""What Arrow says of a path in a bucket before it asks."""
_HINT = "check csv.path and csv.secretRef"


def bucket(scheme: str, environ: Mapping[str, str] = os.environ) -> Any:
    """pyarrow's file system for ``s3``, ``gs`` or ``az``. Raises ConfigError where settings are missing."""
    from pyarrow import fs

    if scheme == "s3":
        endpoint = environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL")
        region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
        return fs.S3FileSystem(endpoint_override=endpoint, region=region, request_timeout=TIMEOUT)
    if scheme == "gs":
        _lay_down_key(environ)
        return fs.GcsFileSystem(retry_time_limit=timedelta(seconds=TIMEOUT), **_emulator(environ))
    options = azure_options(environ)
    return fs.AzureFileSystem(options.pop("account_name"), **options)


def _lay_down_key(environ: Mapping[str, str]) -> None:
    """Google's library takes a service account's key from a file only."""
    key = environ.get("GOOGLE_CREDENTIALS")
    if not key:
        return
    path = Path(tempfile.gettempdir()) / "freshet-google-credentials.json"
    path.touch(mode=0o600)
    path.write_text(key)
    os.environ["GOOGLE_APPLICATION_CREDENTIALS"] = str(path)


def _emulator(environ: Mapping[str, str]) -> dict[str, str]:
    """``STORAGE_EMULATOR_HOST``, as Google's own libraries have it."""
    address = environ.get("STORAGE_EMULATOR_HOST", "")
    if not address:
        return {}
    parts = urlsplit(address if "://" in address else f"http://{address}")
    return {"scheme": parts.scheme, "endpoint_override": parts.netloc}


def azure_options(environ: Mapping[str, str]) -> dict[str, Any]:
    """What ``pyarrow.fs.AzureFileSystem`` takes. Raises ConfigError where no account is named."""
    parts = dict(
        part.split("=", 1) for part in environ.get("AZURE_STORAGE_CONNECTION_STRING", "").split(";") if "=" in part
    )
    account = parts.get("AccountName") or environ.get("AZURE_STORAGE_ACCOUNT_NAME")
    if not account:
        raise ConfigError(
            "CredentialsMissing",
            "An az:// address needs AZURE_STORAGE_CONNECTION_STRING or AZURE_STORAGE_ACCOUNT_NAME: put one into"
            " csv.secretRef.",
        )
    key = parts.get("AccountKey") or environ.get("AZURE_STORAGE_ACCOUNT_KEY")
    token = parts.get("SharedAccessSignature") or environ.get("AZURE_STORAGE_SAS_TOKEN")
    found: dict[str, Any] = {"account_name": account, **_azure_place(parts)}
    if key:
        return {**found, "account_key": key}
    return {**found, "sas_token": f"?{token.lstrip('?')}"} if token else found


def _azure_place(parts: Mapping[str, str]) -> dict[str, str]:
    """Where the account lives, if not in Azure's public cloud: another cloud's suffix, or an endpoint of its own."""
    if endpoint := parts.get("BlobEndpoint"):
        place = urlsplit(endpoint)
        return {f"{kind}_storage_{name}": value for kind in ("blob", "dfs")
                for name, value in (("scheme", place.scheme), ("authority", place.netloc))}  # fmt: skip
    if suffix := parts.get("EndpointSuffix"):
        return {f"{kind}_storage_authority": f".{kind}.{suffix}" for kind in ("blob", "dfs")}
    return {}


def sentence(error: Exception, url: str) -> WorkloadError:
    """What a cloud or a web server said of ``url`` (without its query), for people."""
    text = str(error)
    if _is_no_address(error):
        return ConfigError(
            "UnsupportedUrl",
            f"csv.path {url} is no address that can be asked, or leads to none: see its host, port and slashes.",
        )
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, FileNotFoundError) or status in (404, 410) or "NO_SUCH_BUCKET" in text:
        return InputError("FileMissing", f"There is no file {url}: {_HINT}.")
    if isinstance(error, PermissionError) or status in (401, 403) or _DENIED.search(text):
        return ConfigError("PermissionDenied", f"The credentials do not allow reading {url}: mend csv.secretRef.")
    if _ELSEWHERE.search(text):
        found = re.search("is located in '([a-z0-9-]+)'", text)
        return ConfigError(
            "RegionWrong",
            f"The bucket of {url} lies in the region {found[1] if found else 'that is not asked'}: set AWS_REGION in"
            " csv.secretRef to its region; if it is, see whether the credentials have expired.",
        )
    if _NO_CREDENTIALS.search(text):
        return ConfigError(
            "CredentialsMissing",
            f"There are no credentials for {url} that work: put them into csv.secretRef, or give the pod's"
            " ServiceAccount (jobs.serviceAccountName) the right to read it.",
        )
    answered = "did not answer" if status is None else f"answers {status}"
    return Unavailable(
        "SourceUnavailable",
        f"{url} {answered} ({type(error).__name__}): it is tried again; --debug shows the details.",
    )


def _is_no_address(error: Exception) -> bool:
    """Nothing was asked, and trying again does not help. What a host cannot be called is a UnicodeError."""
    import httpx

    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol):
        return True
    if isinstance(error, UnicodeError):
        return not isinstance(error, UnicodeDecodeError)
    return isinstance(error, ValueError) and _NO_PATH.search(str(error)) is not None
