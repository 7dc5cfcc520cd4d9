"""Commands of the boto3 client of the e2e tests: boto.py ENDPOINT COMMAND ARGS, default settings throughout."""
import base64
import hashlib
import io
import json
import os
import ssl
import sys
import tempfile
import urllib.error
import urllib.request
import zlib

import boto3
import botocore.config
import botocore.exceptions

s3 = boto3.client("s3", endpoint_url=sys.argv[1])
# boto3 presigns with Signature Version 2 for us-east-1 unless it is told otherwise; only version 4 is spoken here.
v4 = boto3.client("s3", endpoint_url=sys.argv[1], config=botocore.config.Config(signature_version="s3v4"))


def make_bucket(bucket):
    s3.create_bucket(Bucket=bucket)


def upload(file, bucket, key):
    s3.upload_file(file, bucket, key)


def download(bucket, key, file):
    s3.download_file(bucket, key, file)


def list(bucket):
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for o in page.get("Contents", []):
            print(o["Key"])


def keys(bucket):
    """Stores an object under every key of the JSON list on stdin, then asks for each in every way."""
    wanted = json.load(sys.stdin)
    body = {k: ("content of " + repr(k)).encode() for k in wanted}
    for k in wanted:
        s3.put_object(Bucket=bucket, Key=k, Body=body[k], Metadata={"n": str(len(k))})
    for k in wanted:
        o = s3.get_object(Bucket=bucket, Key=k)
        got = o["Body"].read()
        assert got == body[k], "GET %r = %r" % (k, got)
        assert o["Metadata"] == {"n": str(len(k))}, "metadata of %r: %r" % (k, o["Metadata"])
        h = s3.head_object(Bucket=bucket, Key=k)
        assert h["ContentLength"] == len(body[k]), "HEAD %r: %d" % (k, h["ContentLength"])
        assert h["ETag"] == '"%s"' % hashlib.md5(body[k]).hexdigest(), "ETag of %r: %s" % (k, h["ETag"])
        url = v4.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": k})
        if sys.argv[1].startswith("http:"):
            got = urllib.request.urlopen(url).read()
            assert got == body[k], "presigned GET %r = %r" % (k, got)
    want = sorted(wanted, key=lambda k: k.encode())
    for op, size in (("list_objects_v2", 3), ("list_objects_v2", 1000), ("list_objects", 3)):
        got = []
        pages = s3.get_paginator(op).paginate(Bucket=bucket, PaginationConfig={"PageSize": size})
        for page in pages:
            got += [o["Key"] for o in page.get("Contents", [])]
        assert got == want, "%s by %d: %r, want %r" % (op, size, got, want)
    gone = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": k} for k in deletable(wanted)]})
    assert "Errors" not in gone, gone["Errors"]
    for k in wanted:
        s3.delete_object(Bucket=bucket, Key=k)
        try:
            s3.head_object(Bucket=bucket, Key=k)
            raise AssertionError("%r is there after its deletion" % k)
        except botocore.exceptions.ClientError as e:
            assert e.response["ResponseMetadata"]["HTTPStatusCode"] == 404, e
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def deletable(wanted):
    """Every second key that an XML 1.0 document can carry."""
    return [k for k in wanted if all(ord(c) >= 32 and ord(c) not in (0xFFFE, 0xFFFF) for c in k)][::2]


def code(call, **args):
    """The status and the code of a call that must fail."""
    try:
        call(**args)
    except botocore.exceptions.ClientError as e:
        return e.response["ResponseMetadata"]["HTTPStatusCode"], e.response["Error"]["Code"]
    raise AssertionError("%s %r succeeded" % (call.__name__, args))


def version():
    print(boto3.__version__)


def fetch(url, method="GET", body=None):
    """One request without credentials."""
    trust = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])
    request = urllib.request.Request(url, data=body, method=method)
    try:
        with urllib.request.urlopen(request, context=trust) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as e:
        return e.code, e.read()


def bodies(bucket):
    """Stores bytes, files and the managed transfer around the borders of the ways of keeping and sending."""
    for n in (0, 1, 16 << 10, (16 << 10) + 1, (3 << 20) + 11):
        body = hashlib.shake_256(str(n).encode()).digest(n)
        with tempfile.TemporaryFile() as file:
            file.write(body)
            file.seek(0)
            s3.put_object(Bucket=bucket, Key="file %d" % n, Body=file)
        s3.put_object(Bucket=bucket, Key="bytes %d" % n, Body=body, ContentType="text/x-walk", Metadata={"a": "b"})
        s3.upload_fileobj(io.BytesIO(body), bucket, "transfer %d" % n)
        for key in ("file %d", "bytes %d", "transfer %d"):
            got = s3.get_object(Bucket=bucket, Key=key % n)["Body"].read()
            assert got == body, "%s came back with %d bytes" % (key % n, len(got))
        head = s3.head_object(Bucket=bucket, Key="bytes %d" % n, ChecksumMode="ENABLED")
        assert (head["ContentLength"], head["ContentType"], head["Metadata"]) == (n, "text/x-walk", {"a": "b"}), head
        for algorithm in ("CRC32", "SHA1", "SHA256"):
            s3.put_object(Bucket=bucket, Key=algorithm, Body=body, ChecksumAlgorithm=algorithm)
            head = s3.head_object(Bucket=bucket, Key=algorithm, ChecksumMode="ENABLED")
            assert head["Checksum" + algorithm], head


def parts(bucket):
    """A managed transfer in parts, ranges of it, attributes, and a copy."""
    body = hashlib.shake_256(b"parts").digest((17 << 20) + 7)
    s3.upload_fileobj(io.BytesIO(body), bucket, "parts")
    got = io.BytesIO()
    s3.download_fileobj(bucket, "parts", got)
    assert got.getvalue() == body, "the parts came back changed"
    got = s3.get_object(Bucket=bucket, Key="parts", Range="bytes=8388600-8388619")["Body"].read()
    assert got == body[8388600:8388620], "a range over the border of two parts came back changed"
    about = s3.get_object_attributes(Bucket=bucket, Key="parts", ObjectAttributes=["ObjectSize", "ObjectParts", "ETag"])
    assert about["ObjectSize"] == len(body) and about["ObjectParts"]["TotalPartsCount"] == 3, about
    s3.copy({"Bucket": bucket, "Key": "parts"}, bucket, "copy")
    got = io.BytesIO()
    s3.download_fileobj(bucket, "copy", got)
    assert got.getvalue() == body, "the managed copy came back changed"
    up = s3.create_multipart_upload(Bucket=bucket, Key="by hand")["UploadId"]
    tag = s3.upload_part(Bucket=bucket, Key="by hand", UploadId=up, PartNumber=3, Body=b"by hand")["ETag"]
    assert [p["PartNumber"] for p in s3.list_parts(Bucket=bucket, Key="by hand", UploadId=up)["Parts"]] == [3]
    assert [u["Key"] for u in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == ["by hand"]
    s3.complete_multipart_upload(Bucket=bucket, Key="by hand", UploadId=up,
                                 MultipartUpload={"Parts": [{"ETag": tag, "PartNumber": 3}]})
    assert s3.get_object(Bucket=bucket, Key="by hand")["Body"].read() == b"by hand"


def tags_and_errors(bucket):
    s3.put_object(Bucket=bucket, Key="tagged", Body=b"x", Tagging="a=1&b=2")
    s3.put_object_tagging(Bucket=bucket, Key="tagged", Tagging={"TagSet": [{"Key": "c", "Value": "d e+f"}]})
    assert s3.get_object_tagging(Bucket=bucket, Key="tagged")["TagSet"] == [{"Key": "c", "Value": "d e+f"}]
    s3.delete_object_tagging(Bucket=bucket, Key="tagged")
    assert s3.get_object_tagging(Bucket=bucket, Key="tagged")["TagSet"] == []
    assert code(s3.get_object, Bucket=bucket, Key="nothing") == (404, "NoSuchKey")
    assert code(s3.head_object, Bucket=bucket, Key="nothing") == (404, "404")
    assert code(s3.list_objects_v2, Bucket="no-such-bucket") == (404, "NoSuchBucket")
    etag = s3.head_object(Bucket=bucket, Key="tagged")["ETag"]
    assert code(s3.get_object, Bucket=bucket, Key="tagged", IfNoneMatch=etag) == (304, "304")
    assert code(s3.get_object, Bucket=bucket, Key="tagged", IfMatch='"other"') == (412, "PreconditionFailed")


def presigned(bucket):
    url = v4.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "by URL ü+%"})
    assert fetch(url, "PUT", b"by a URL")[0] == 200
    url = v4.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "by URL ü+%"}, ExpiresIn=600)
    assert fetch(url) == (200, b"by a URL")
    assert fetch(url.replace("by%20URL", "other"))[0] == 403
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "by URL ü+%"})
    if "X-Amz-Signature" not in url:
        status, text = fetch(url)
        assert status == 400 and b"Please use AWS4-HMAC-SHA256" in text, (status, text)


def versions(bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    ids = [s3.put_object(Bucket=bucket, Key="versioned", Body=b"%d" % i)["VersionId"] for i in range(5)]
    marker = s3.delete_object(Bucket=bucket, Key="versioned")
    assert marker["DeleteMarker"], marker
    assert code(s3.get_object, Bucket=bucket, Key="versioned") == (404, "NoSuchKey")
    for i, v in enumerate(ids):
        assert s3.get_object(Bucket=bucket, Key="versioned", VersionId=v)["Body"].read() == b"%d" % i
    listed = []
    pages = s3.get_paginator("list_object_versions").paginate(
        Bucket=bucket, Prefix="versioned", PaginationConfig={"PageSize": 2})
    for page in pages:
        listed += [v["VersionId"] for v in page.get("Versions", [])]
    assert listed == ids[::-1], (listed, ids)
    s3.delete_object(Bucket=bucket, Key="versioned", VersionId=marker["VersionId"])
    assert s3.get_object(Bucket=bucket, Key="versioned")["Body"].read() == b"4"


def since_1_36(bucket):
    """What clients do since they send checksums by default."""
    s3.put_object(Bucket=bucket, Key="by default", Body=b"content")
    head = s3.head_object(Bucket=bucket, Key="by default", ChecksumMode="ENABLED")
    assert head["ChecksumCRC32"] and head["ChecksumType"] == "FULL_OBJECT", head
    s3.put_object(Bucket=bucket, Key="once", Body=b"first", IfNoneMatch="*")
    assert code(s3.put_object, Bucket=bucket, Key="once", Body=b"second", IfNoneMatch="*") == (412, "PreconditionFailed")
    etag = s3.head_object(Bucket=bucket, Key="once")["ETag"]
    s3.put_object(Bucket=bucket, Key="once", Body=b"third", IfMatch=etag)
    assert code(s3.put_object, Bucket=bucket, Key="once", Body=b"fourth", IfMatch=etag) == (412, "PreconditionFailed")
    up = s3.create_multipart_upload(Bucket=bucket, Key="sums", ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")["UploadId"]
    body, done = hashlib.shake_256(b"sums").digest((5 << 20) + 3), []
    for n, piece in ((1, body[:5 << 20]), (2, body[5 << 20:])):
        part = s3.upload_part(Bucket=bucket, Key="sums", UploadId=up, PartNumber=n, Body=piece, ChecksumAlgorithm="CRC32")
        done.append({"PartNumber": n, "ETag": part["ETag"], "ChecksumCRC32": part["ChecksumCRC32"]})
    want = base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
    made = s3.complete_multipart_upload(Bucket=bucket, Key="sums", UploadId=up, MultipartUpload={"Parts": done},
                                        ChecksumType="FULL_OBJECT", ChecksumCRC32=want, MpuObjectSize=len(body))
    assert made["ChecksumCRC32"] == want, made
    assert s3.get_object(Bucket=bucket, Key="sums")["Body"].read() == body
    gone = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "sums"}, {"Key": "not there"}]})
    assert len(gone["Deleted"]) == 2 and "Errors" not in gone, gone


def walk(bucket):
    """What programs do, in one process."""
    make_bucket(bucket)
    bodies(bucket)
    parts(bucket)
    tags_and_errors(bucket)
    presigned(bucket)
    if tuple(int(n) for n in boto3.__version__.split(".")[:2]) >= (1, 36):
        since_1_36(bucket)
    versions(bucket)


globals()[sys.argv[2]](*sys.argv[3:])
