"""Commands of the boto3 client of the e2e tests: boto.py ENDPOINT COMMAND ARGS, default settings throughout."""
import hashlib
import json
import sys
import urllib.request

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


globals()[sys.argv[2]](*sys.argv[3:])
