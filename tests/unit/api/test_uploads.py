"""Uploads: streamed, counted, hashed; nothing is left of a refused one."""

import hashlib

import pytest
from starlette.requests import Request

from api.uploads import UploadLimits, receive_upload
from cim import claims
from identity.errors import CityError

pytestmark = pytest.mark.anyio

LIMITS = UploadLimits(file_bytes=2_000, field_bytes=50)


def part(name, value, filename=None):
    named = f'; filename="{filename}"' if filename else ""
    head = f'--b\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'
    return head.encode() + value + b"\r\n"


END = b"--b--\r\n"
MODEL = b"ISO-10303-21;" * 20


async def send(tmp_path, body, content_type="multipart/form-data; boundary=b", piece=7):
    pieces = [body[at : at + piece] for at in range(0, len(body), piece)]

    async def receive():
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    headers = [(b"content-type", content_type.encode())]
    scope = {"type": "http", "method": "POST", "path": "/models", "headers": headers}
    request = Request(scope, receive)
    return await receive_upload(request.headers, request.stream(), tmp_path, LIMITS)


async def test_the_file_arrives_whole_with_its_digest_and_fields(tmp_path):
    body = part("project", "光谷".encode()) + part("file", MODEL, "塔楼.ifc") + END
    upload = await send(tmp_path, body)
    assert upload.path.read_bytes() == MODEL
    assert claims.sweep(tmp_path) == []  # it is ours until we let it go
    assert (upload.sha256, upload.size) == (hashlib.sha256(MODEL).hexdigest(), len(MODEL))
    assert (upload.filename, upload.fields) == ("塔楼.ifc", {"project": "光谷"})
    upload.discard()
    assert list(tmp_path.iterdir()) == []


async def test_a_path_in_the_name_is_never_used(tmp_path):
    upload = await send(tmp_path, part("file", MODEL, "../../etc/a.ifc") + END)
    assert upload.filename == "a.ifc"
    assert upload.path.parent == tmp_path
    upload.discard()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (part("file", MODEL, "a.ifc"), "upload_incomplete"),
        (part("project", b"p") + END, "upload_without_file"),
        (part("file", MODEL, "a.exe") + END, "upload_name"),
        (part("file", b"x" * 3_000, "a.ifc") + END, "upload_too_large"),
        (part("project", b"x" * 51) + END, "upload_field_too_large"),
        (part("other", b"x") + END, "upload_field_unknown"),
        (part("file", b"1", "a.ifc") + part("file", b"2", "b.ifc") + END, "upload_incomplete"),
        (b"garbage that is no multipart body", "upload_incomplete"),
    ],
)
async def test_a_bad_upload_is_refused_and_nothing_is_left(tmp_path, body, code):
    with pytest.raises(CityError) as refused:
        await send(tmp_path, body)
    assert refused.value.code == code
    assert list(tmp_path.iterdir()) == []


async def test_a_body_of_another_type_is_refused(tmp_path):
    with pytest.raises(CityError) as refused:
        await send(tmp_path, b"{}", "application/json")
    assert refused.value.code == "upload_not_multipart"
