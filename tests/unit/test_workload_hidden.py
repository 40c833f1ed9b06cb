"""What a traceback of a load or count may not show, in each form in which a library may repeat it."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from freshet.workloads.hidden import hidden

PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\n"
ENVIRON = {
    "HTTPS_AUTHORIZATION": "Bearer k3y-of-the-test",
    "DESTINATION__POSTGRES__CREDENTIALS": "postgresql://loader:p%40ss-w0rd@db.example.com:5432/shop",
    "DESTINATION__REDSHIFT__CREDENTIALS__PASSWORD": "s3cret",
    "DESTINATION__REDSHIFT__CREDENTIALS__HOST": "db.elsewhere.com",
    "AZURE_STORAGE_CONNECTION_STRING": "AccountName=shop;AccountKey=Eby8vdM02xNO/cqFlqUwJPL==;Other=1",
    "GOOGLE_CREDENTIALS": json.dumps({"type": "service_account", "private_key": PEM}),
    "HTTPS_PROXY": "http://somebody:pr0xy-word@proxy:3128",
    "HOSTNAME": "load-of-orders-x7",
}


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Illegal header value b'Bearer k3y-of-the-test'", "k3y-of-the-test"),
        ("Illegal header value b'k3y-of-the-test'", "k3y-of-the-test"),
        ('invalid dsn: missing "=" after "postgresql://loader:p%40ss-w0rd@db.example.com:5432/shop"', "ss-w0rd"),
        ("invalid literal for int(): 'p@ss-w0rd'", "ss-w0rd"),
        ("password s3cret is wrong", "s3cret"),
        ("AccountKey=Eby8vdM02xNO/cqFlqUwJPL==", "Eby8vdM02xNO"),
        ("signed with Eby8vdM02xNO%2FcqFlqUwJPL%3D%3D", "cqFlqUwJPL"),
        (f"Could not deserialize {PEM!r}", "MIIEvQIBADANBgkq"),
        (f"Could not deserialize {PEM}", "hkiG9w0BAQEFAASC"),
        ("proxy somebody:pr0xy-word refused", "pr0xy-word"),
        ("no host in https://anybody:el5ewhere@h/x", "el5ewhere"),
        ("'403 Forbidden' for url 'https://h/a.csv?X-Signature=abc%2Fdef&X-Date=1'", "abc%2Fdef"),
        ("Max retries exceeded with url: /a.csv?sig=abc+def= (caused by", "abc+def"),
        *(
            (f"no answer of 'https://h/a.csv?{query}' (see", "s1gnature")
            for query in ("s1gnature", "a[0]=s1gnature", "a=(x)&sig=s1gnature", "a:b=s1gnature", "a='x'&b=s1gnature")
        ),
    ],
)
def test_no_credential_is_shown(text: str, secret: str) -> None:
    assert secret in text
    found = hidden(text, ENVIRON)
    assert secret not in found
    assert "***" in found


def test_the_rest_is() -> None:
    text = "connection to server at db.elsewhere.com, port 5432 failed: no route from load-of-orders-x7? It is so."
    assert hidden(text, ENVIRON) == text
    said = "'403 Forbidden' for url 'https://h/a.csv?sig=1' (see https://mdn/403)"
    assert hidden(said, {}) == "'403 Forbidden' for url 'https://h/a.csv?***' (see https://mdn/403)"


@given(st.text(st.characters(codec="utf-8", exclude_characters="*"), min_size=8))
@example("a=b;" * 4)
def test_a_value_is_hidden_whatever_is_in_it(value: str) -> None:
    assert value not in hidden(f"before {value} after", {"TOKEN": value})
